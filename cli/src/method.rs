//! Which judge is meant: a method by name and its parameters, compiled as a check of a plan is. Must not
//! know looks.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::de::DeserializeOwned;
use tidegate::file::{self, Format};
use tidegate_core::{
    Baseline, Check, CheckSpec, CompareSpec, EvidenceSpec, JudgeKind, JudgeSpec, KeyPath,
    PlanErrors, Problem, health::Method,
};

use crate::{args::JudgeArguments, input::Trouble};

/// How looks are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MethodName {
    /// Compare the arms by what `method` says; by events and by minutes unless told otherwise.
    Compare,
    /// Compare the arms by events alone.
    Events,
    /// Compare the arms by exact spending over the planned looks.
    Spending,
    /// Compare the arms by an absolute difference of rates.
    Absolute,
    /// A line, and how often it may be crossed.
    Threshold,
    /// Whether the arms get the share of traffic that was asked for.
    Share,
    /// Kayenta's rank test.
    Kayenta,
}

/// The judge's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Params {
    /// In a file.
    File(PathBuf),
    /// On the command line: YAML, of which JSON is a part.
    Text(String),
}

/// Where parameters on the command line stand, in errors.
const INLINE: &str = "--params";

impl Params {
    /// A text that is no file's name and has a colon or a brace in it is the parameters themselves.
    #[expect(clippy::unnecessary_wraps, reason = "what a parser of arguments gives")]
    pub(crate) fn of(argument: &str) -> Result<Self, std::convert::Infallible> {
        let path = Path::new(argument);
        let itself = !path.is_file() && argument.contains([':', '{']);
        Ok(if itself { Self::Text(argument.to_owned()) } else { Self::File(path.to_owned()) })
    }
}

/// A baseline by its name in a plan.
pub(crate) fn baseline(name: &str) -> Result<Baseline, String> {
    match name {
        "fixed" => Ok(Baseline::Fixed),
        "concurrent" => Ok(Baseline::Concurrent),
        "history" => Ok(Baseline::History),
        _ => Err("expected fixed, concurrent or history".to_owned()),
    }
}

/// A number above 0 and below 1.
pub(crate) fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if number > 0.0 && number < 1.0 => Ok(number),
        _ => Err("expected a number above 0 and below 1".to_owned()),
    }
}

/// A judge that was asked for.
pub(crate) struct Chosen<'a> {
    asked: &'a JudgeArguments,
    evidence: EvidenceSpec,
}

impl<'a> Chosen<'a> {
    /// With so many looks from before the rollout.
    pub(crate) fn new(asked: &'a JudgeArguments, history: usize) -> Self {
        let history = u32::try_from(history).unwrap_or(u32::MAX);
        let (alpha, beta) = (asked.alpha, asked.beta);
        Self {
            asked,
            evidence: EvidenceSpec {
                alpha,
                beta,
                history: Some(history),
                ..EvidenceSpec::default()
            },
        }
    }

    /// The judge.
    ///
    /// # Errors
    /// Everything that is wrong with its parameters, with the place of each.
    pub(crate) fn judge(&self) -> Result<JudgeKind, Trouble> {
        match self.asked.method {
            MethodName::Compare => self.compared(None),
            MethodName::Events => self.compared(Some(Method::Events)),
            MethodName::Spending => self.compared(Some(Method::Spending)),
            MethodName::Absolute => self.compared(Some(Method::Absolute)),
            MethodName::Threshold => self.read(JudgeSpec::Threshold),
            MethodName::Share => self.read(JudgeSpec::Share),
            MethodName::Kayenta => self.read(JudgeSpec::Kayenta),
        }
    }

    /// A method that was asked for by name stands above the one in the parameters.
    fn compared(&self, method: Option<Method>) -> Result<JudgeKind, Trouble> {
        self.read(|spec: CompareSpec| {
            JudgeSpec::Compare(CompareSpec { method: method.or(spec.method), ..spec })
        })
    }

    fn read<T: DeserializeOwned>(
        &self,
        judge: impl FnOnce(T) -> JudgeSpec,
    ) -> Result<JudgeKind, Trouble> {
        let compile = |params| self.compile(judge(params));
        Ok(match &self.asked.params {
            Some(Params::File(path)) => file::load_with(path, compile)?,
            Some(Params::Text(text)) => {
                file::parse_with(text.as_bytes(), Format::Yaml, INLINE, compile)?
            }
            None => file::parse_with(b"{}", Format::Yaml, INLINE, compile)?,
        })
    }

    fn compile(&self, judge: JudgeSpec) -> Result<JudgeKind, PlanErrors> {
        let baseline = self.asked.baseline;
        let spec = CheckSpec { baseline, ..CheckSpec::new(&self.asked.metric, judge) };
        let check = Check::compile(&self.asked.metric, &spec, &self.evidence);
        check.map(|check| check.judge).map_err(within_params)
    }
}

/// The same problems, with places as the parameters have them: without `judge` and the judge's name.
fn within_params(PlanErrors(problems): PlanErrors) -> PlanErrors {
    let within = |mut problem: Problem| {
        if problem.path.0.first() == KeyPath::of("judge").0.first() {
            problem.path.0.drain(..problem.path.0.len().min(2));
        }
        problem
    };
    PlanErrors(problems.into_iter().map(within).collect())
}
