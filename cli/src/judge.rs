//! `tidegate judge`: what a judge says of looks that were kept, one verdict a look.
//!
//! The judge is the one that a plan's check would have. What is printed of a look rests on it and those
//! before it alone, so a file that grows only adds lines. Must not judge anything itself.

use serde::Serialize;
use tidegate_core::{JudgeKind, Judgement, LogE, Look, Verdict, Window, health::describe};

use crate::{Answer, Answered, Ending, args::JudgeArguments, looks, method::Chosen, text};

/// More looks from before a rollout than this are not used.
const MOST_HISTORY: usize = 1_440;

/// One look, judged. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Judged {
    /// Counted from 1.
    look: usize,
    window: Times,
    verdict: Verdict,
    past_limit: bool,
    log_e: Option<LogE>,
    reading: Numbers,
    sentence: String,
}

/// A window, in milliseconds since the epoch.
#[derive(Debug, Serialize)]
struct Times {
    from_ms: u64,
    to_ms: u64,
}

/// The numbers of a reading, all of them always there.
#[derive(Debug, Serialize)]
struct Numbers {
    candidate: Option<f64>,
    baseline: Option<f64>,
    limit: Option<f64>,
    samples: u64,
    looks: u32,
    failed: u32,
    rate: bool,
    evidence: Option<f64>,
    needed: Option<f64>,
}

pub(crate) fn run(asked: &JudgeArguments) -> Answered {
    let mut history = match &asked.history {
        Some(file) => looks::read(file, true)?,
        None => Vec::new(),
    };
    history.drain(..history.len().saturating_sub(MOST_HISTORY));
    let kind = Chosen::new(asked, history.len()).judge()?;
    let looks = looks::read(&asked.looks, kind.adds_up())?;
    let lines = judged(&kind, &history, &looks, &asked.metric);
    let failed = lines.last().is_some_and(|last| last.verdict == Verdict::Fail);
    let shown = lines.iter().filter(|line| line.look >= asked.from);
    let show =
        |line: &Judged| if asked.json { text::line("judge", line) } else { line.told(&looks) };
    let mut lines: Vec<String> = shown.map(show).collect();
    if asked.describe {
        lines.extend(described(&looks, asked.json));
    }
    let text = lines.join("\n");
    Ok(Answer { ending: if failed { Ending::Back } else { Ending::Well }, text })
}

/// What all looks come to, for a report: asked once, whatever the verdicts were.
fn described(looks: &[Look], json: bool) -> Vec<String> {
    let lines = describe::looks(looks);
    if json {
        return vec![text::line("describe", &Described { lines })];
    }
    lines.into_iter().map(|line| format!("      {line}")).collect()
}

/// What all looks come to. This is the JSON shape.
#[derive(Serialize)]
struct Described {
    lines: Vec<String>,
}

/// Every look, judged after those before it.
fn judged(kind: &JudgeKind, history: &[Look], looks: &[Look], metric: &str) -> Vec<Judged> {
    // No method here names a judge of an embedding program.
    let judge = kind.judge(|_| None);
    let mut judging = judge.map(|judge| judge.begin_after(history));
    let mut judge =
        |look| judging.as_mut().map_or_else(Judgement::broken, |judging| judging.look(look));
    let began = looks.first().map(|look| look.window.from).unwrap_or_default();
    let judged = (1..).zip(looks).map(|(nth, look)| {
        let all = Window { from: began, to: look.window.to };
        Judged::of(nth, look, &judge(look), metric, all)
    });
    judged.collect()
}

impl Judged {
    fn of(nth: usize, look: &Look, judgement: &Judgement, metric: &str, all: Window) -> Self {
        let reading = judgement.reading;
        Self {
            look: nth,
            window: Times { from_ms: look.window.from.0, to_ms: look.window.to.0 },
            verdict: judgement.verdict,
            past_limit: judgement.past_limit,
            log_e: judgement.log_e,
            reading: Numbers {
                candidate: reading.candidate,
                baseline: reading.baseline,
                limit: reading.limit,
                samples: reading.samples,
                looks: reading.looks,
                failed: reading.failed,
                rate: reading.rate,
                evidence: reading.evidence,
                needed: reading.needed,
            },
            sentence: judgement.sentence(metric, all),
        }
    }

    /// The line that a person reads.
    fn told(&self, looks: &[Look]) -> String {
        let at = looks.get(self.look - 1).map(|look| look.window.from).unwrap_or_default();
        let limit = if self.past_limit { ", past its limit" } else { "" };
        format!("{:>4}  {at}  {}{limit}", self.look, self.sentence)
    }
}
