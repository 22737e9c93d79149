//! Looks in, and when each judge has had enough of them.

use std::{num::NonZeroUsize, thread};

use tidegate_core::{
    Look, Measurement,
    health::{Compare, Judge, Judgement, Judging, Method, Verdict},
};

use crate::{
    draws::{Draws, Key},
    telemetry::Telemetry,
};

/// What is done many times over.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// Seed of the whole command.
    pub seed: u64,
    /// Threads to run on; they do not change what comes out.
    pub threads: NonZeroUsize,
    /// Name of the scene: scenario and conditions.
    pub scene: &'a str,
    /// Whether the candidate is as good as stable.
    pub healthy: bool,
    /// How often.
    pub runs: u32,
    /// Looks of a run.
    pub looks: u32,
}

/// What of a judgement ends a run for a judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stop {
    /// This verdict.
    At(Verdict),
    /// Evidence of `1/alpha` that the candidate is worse: where a judge of that level fails. One pass
    /// of one judge answers for every level.
    Level(f64),
    /// Evidence of `1/beta` that the candidate is no worse than its margin, whatever else is found.
    Shown(f64),
}

impl Stop {
    fn is_at(self, judgement: &Judgement) -> bool {
        let log_e = judgement.log_e;
        match self {
            Self::At(verdict) => judgement.verdict == verdict,
            Self::Level(alpha) => log_e.is_some_and(|e| e.worse >= -libm::log(alpha)),
            Self::Shown(beta) => log_e.is_some_and(|e| e.no_worse >= -libm::log(beta)),
        }
    }
}

/// What a judge knows when a rollout begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// The looks from before the rollout, as in production.
    Looks,
    /// That events come one by one: looks from before in which their number never changed.
    Single,
    /// Nothing.
    Nothing,
}

/// A judge in the contest.
#[derive(Debug)]
pub struct Contestant {
    /// What the tables call it.
    pub name: String,
    /// The judge.
    pub judge: Box<dyn Judge>,
    /// What it knows when a rollout begins.
    pub before: Before,
    /// What ends a run. Each is a column of outcomes.
    pub stops: Vec<Stop>,
}

impl Contestant {
    /// A judge that ends a run with this verdict, and sees the looks from before if it asks for any.
    #[must_use]
    pub fn until(verdict: Verdict, name: &str, judge: impl Judge + 'static) -> Self {
        let before = if judge.history() > 0 { Before::Looks } else { Before::Nothing };
        let (name, judge) = (name.to_owned(), Box::new(judge));
        Self { name, judge, before, stops: vec![Stop::At(verdict)] }
    }

    /// A judge that ends a run when it fails.
    #[must_use]
    pub fn failing(name: &str, judge: impl Judge + 'static) -> Self {
        Self::until(Verdict::Fail, name, judge)
    }

    /// A judge of evidence, at several levels at once.
    #[must_use]
    pub fn levels(name: &str, compare: Compare, levels: &[f64]) -> Self {
        let stops = levels.iter().map(|alpha| Stop::Level(*alpha)).collect();
        Self { stops, ..Self::failing(name, compare) }
    }

    /// As [`Contestant::levels`], by events alone, which are known to come one by one.
    #[must_use]
    pub fn single_events(name: &str, levels: &[f64]) -> Self {
        let compare = Compare { method: Method::Events, ..Compare::default() };
        Self { before: Before::Single, ..Self::levels(name, compare, levels) }
    }

    fn begin(&self, before: &[Look]) -> Box<dyn Judging> {
        match self.before {
            Before::Looks => self.judge.begin_after(before),
            Before::Nothing => self.judge.begin(),
            Before::Single => {
                let unchanging = |look: &Look| {
                    let exposures = look.stable.as_ref().map_or(0, Measurement::samples);
                    let stable = Some(Measurement::count(exposures.min(1), exposures));
                    Look { stable, ..look.clone() }
                };
                self.judge.begin_after(&before.iter().map(unchanging).collect::<Vec<Look>>())
            }
        }
    }

    /// The looks, counted from 1, at which each stop was reached.
    fn judge(&self, before: &[Look], during: &[Look]) -> Vec<Option<u16>> {
        let mut judging = self.begin(before);
        let mut ends = vec![None; self.stops.len()];
        for (nth, look) in (1..).zip(during) {
            let judgement = judging.look(look);
            for (end, stop) in ends.iter_mut().zip(&self.stops) {
                if end.is_none() && stop.is_at(&judgement) {
                    *end = Some(nth);
                }
            }
            if ends.iter().all(Option::is_some) {
                break;
            }
        }
        ends
    }
}

/// When each run of one judge ended, in the order of the runs: the look, counted from 1, or never.
pub type Ends = Vec<Option<u16>>;

/// Runs a trial; gives, contestant by contestant and stop by stop, when each run ended.
pub fn hold(trial: Trial<'_>, telemetry: &dyn Telemetry, field: &[Contestant]) -> Vec<Vec<Ends>> {
    let runs = parallel(trial, |mut draws| {
        let before = telemetry.before(&mut draws);
        let during = telemetry.during(trial.looks, trial.healthy, &mut draws);
        field.iter().map(|one| one.judge(&before, &during)).collect::<Vec<_>>()
    });
    let ends = |nth: usize, stop: usize| runs.iter().map(|run| run[nth][stop]).collect();
    let stops = |(nth, one): (usize, &Contestant)| {
        (0..one.stops.len()).map(|stop| ends(nth, stop)).collect()
    };
    field.iter().enumerate().map(stops).collect()
}

/// Does something for every run of a trial, each with its own random numbers; gives the results in
/// the order of the runs.
pub fn parallel<T: Send>(trial: Trial<'_>, run: impl Fn(Draws) -> T + Sync) -> Vec<T> {
    let Trial { seed, scene, healthy, runs, .. } = trial;
    let one = |nth| run(Draws::of(Key { seed, scene, healthy, run: nth }));
    let threads = trial.threads.get();
    let share = (runs as usize).div_ceil(threads).max(1);
    let numbers: Vec<u32> = (0..runs).collect();
    thread::scope(|scope| {
        let started: Vec<_> = numbers
            .chunks(share)
            .map(|chunk| scope.spawn(|| chunk.iter().map(|nth| one(*nth)).collect::<Vec<T>>()))
            .collect();
        let joined = started.into_iter().map(|thread| match thread.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    })
}
