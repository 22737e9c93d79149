//! Runs: one without a crash, one for each boundary of that, and one for each boundary of those.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    boundary::Boundary,
    life::{Case, Outcome, Same, live, story},
    moment::{Camera, Moment, Nobody, Stage, witnessed},
};

/// How a process comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Back {
    /// Under its own name: it goes on at once.
    Same,
    /// Under another name: once the lease of the first has lapsed.
    Other,
}

impl Back {
    pub(crate) const BOTH: [Self; 2] = [Self::Same, Self::Other];

    /// The name of the next process.
    fn name(self, before: &'static str) -> &'static str {
        match (self, before) {
            (Self::Same, name) => name,
            (Self::Other, "one") => "two",
            (Self::Other, _) => "three",
        }
    }
}

/// What runs came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count {
    /// Runs with one crash.
    pub(crate) singles: u64,
    /// Runs with two.
    pub(crate) pairs: u64,
    /// Of them, those in which an arm without units was not retired.
    pub(crate) empty_arms: u64,
    /// How often an engine crashed at each boundary.
    pub(crate) hit: BTreeMap<Boundary, u64>,
}

impl Count {
    pub(crate) fn add(&mut self, other: Self) {
        self.singles += other.singles;
        self.pairs += other.pairs;
        self.empty_arms += other.empty_arms;
        for (boundary, times) in other.hit {
            *self.hit.entry(boundary).or_default() += times;
        }
    }

    fn crashed(&mut self, at: Boundary) {
        *self.hit.entry(at).or_default() += 1;
    }
}

/// Which crashes of a shape are tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pick {
    /// Each of them, and each after each.
    All,
    /// Every n-th, and one of each kind that was not tried yet; a second crash in every n-th run.
    Some { each: usize },
}

impl Pick {
    fn first(self, nth: usize, is_new: bool) -> bool {
        match self {
            Self::All => true,
            Self::Some { each } => is_new || nth.is_multiple_of(each),
        }
    }

    fn second(self, (nth, second): (usize, usize), is_new: bool) -> bool {
        match self {
            Self::All => true,
            Self::Some { each } => is_new || (nth % (2 * each) == 0 && second % each == nth % 7),
        }
    }
}

/// A run whose every boundary is kept.
pub(crate) async fn filmed(case: &Case, stage: &Stage, name: &str) -> (Outcome, Vec<Moment>) {
    let camera = Camera::on(stage);
    let end = live(case, stage, name, witnessed(stage, case.bend, camera.clone())).await;
    (Outcome::of(case, stage, end, name).await, camera.film())
}

/// Crashes of a shape, and pairs of crashes.
pub(crate) async fn crash_everywhere(case: &Case, pick: Pick, count: &mut Count) {
    let (whole, film) = filmed(case, &Stage::new(&case.shape), "one").await;
    for (nth, first) in film.iter().enumerate() {
        if !pick.first(nth, !count.hit.contains_key(&first.at)) {
            continue;
        }
        for back in Back::BOTH {
            let (stage, name) = (Stage::at(first), back.name("one"));
            let what = format!("{:?} (boundary {nth}), {back:?}", first.at);
            let (outcome, film) = filmed(case, &stage, name).await;
            count.crashed(first.at);
            count.singles += 1;
            count.empty_arms += assert_same(case, (&whole, &outcome), &stage, &what).await;
            for (index, second) in film.iter().enumerate() {
                if !pick.second((nth, index), !count.hit.contains_key(&second.at)) {
                    continue;
                }
                for again in Back::BOTH {
                    let next = (second, again);
                    count.empty_arms += crash_again(case, &whole, (&what, name), next).await;
                    count.crashed(second.at);
                    count.pairs += 1;
                }
            }
        }
    }
}

async fn crash_again(
    case: &Case,
    whole: &Outcome,
    (before, name): (&str, &'static str),
    (second, again): (&Moment, Back),
) -> u64 {
    let stage = Stage::at(second);
    let seams = match case.bend {
        Some(_) => witnessed(&stage, case.bend, Arc::new(Nobody)),
        None => stage.seams(),
    };
    let end = live(case, &stage, again.name(name), seams).await;
    let outcome = Outcome::of(case, &stage, end, before).await;
    let what = || format!("{before}, then {:?} {again:?}", second.at);
    match whole.compare(&outcome) {
        Same::Yes => 0,
        _ => assert_same(case, (whole, &outcome), &stage, &what()).await,
    }
}

/// Whether an arm without units was not retired; every other difference is a failure.
async fn assert_same(
    case: &Case,
    (whole, outcome): (&Outcome, &Outcome),
    stage: &Stage,
    what: &str,
) -> u64 {
    match whole.compare(outcome) {
        Same::Yes => 0,
        Same::ButForAnEmptyArm => 1,
        Same::No => {
            let (name, story) = (&case.shape.name, story(stage).await);
            panic!("{name} {what}:\nexpected {whole:#?}\ngot {outcome:#?}\n{story}")
        }
    }
}
