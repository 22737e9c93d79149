//! Laws of judges: what every rule must keep before it may decide about a rollout, whoever wrote it.
//!
//! Each law is a function over any [`Judge`], and says of one that breaks it which evidence, shrunk to
//! the smallest, shows it. [`judge_laws!`](crate::judge_laws) makes a test of each. The same cases are
//! tried in every run, so a judge that keeps a law today keeps it tomorrow.
//!
//! | law | held by |
//! | --- | --- |
//! | never panics, and no number of a reading is not a number | every judge |
//! | no data is never a pass | every judge |
//! | the order in which a look was put together does not matter | every judge |
//! | a restart changes nothing | every judge |
//! | worse never turns a rollback into a promotion | judges that declare `monotone` |
//! | good releases are kept, but for a part of `alpha` | judges that declare an `alpha` |
//!
//! A judge that breaks none of them may still be a bad one: whether it finds bad releases is
//! what the simulator and a property of one's own are for (`docs/rules-of-your-own.md`).

mod calibrated;
mod order;
mod restart;

use std::fmt::Debug;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
#[doc(no_inline)]
pub use tidegate_core::Judge;
use tidegate_core::{Judgement, Judging, Look, Measurement, Verdict, health::Worse};

pub use self::{
    calibrated::{Promise, good_releases_are_kept},
    order::{order_of_classes_does_not_matter, order_within_a_look_does_not_matter},
    restart::a_restart_changes_nothing,
};
pub use crate::conformance::Broken;
use crate::strategies::{self, Series};

/// What came of one law.
pub type Kept = Result<(), Broken>;

/// Series of looks that each law is tried on.
const CASES: u32 = 512;

/// Shrinking ends after so many attempts: a smaller case is nice to have, and an answer is needed.
const SHRINKS: u32 = 4_096;

/// It takes whatever a source may give, without a panic, and every number it gives is one.
///
/// # Errors
/// The evidence on which it panics, or gives a number that is none.
pub fn never_panics(judge: &dyn Judge) -> Kept {
    let law = "a judge never panics, and gives no number that is none";
    tried(law, (strategies::looks(), strategies::looks()), |(Series(history), Series(looks))| {
        let mut alone = judge.begin();
        let mut after = judge.begin_after(history);
        for look in looks {
            numbers(&alone.look(look))?;
            numbers(&after.look(look))?;
        }
        numbers(&judge.judge(looks))
    })
}

/// Whether every number of a judgement is one that a person can be shown.
fn numbers(judgement: &Judgement) -> Result<(), String> {
    let reading = &judgement.reading;
    let shown = [
        ("candidate", reading.candidate),
        ("baseline", reading.baseline),
        ("limit", reading.limit),
        ("evidence", reading.evidence),
        ("needed", reading.needed),
        ("evidence that it is worse", judgement.log_e.map(|log_e| log_e.worse)),
        ("evidence that it is no worse", judgement.log_e.map(|log_e| log_e.no_worse)),
    ];
    let wrong = shown.into_iter().find(|(_, number)| number.is_some_and(|n| !n.is_finite()));
    wrong.map_or(Ok(()), |(name, number)| Err(format!("the {name} is {number:?}: {judgement:?}")))
}

/// A look that says nothing of the candidate is never answered by a pass: neither alone, nor after
/// failures, nor after passes. Silence after a pass is silence.
///
/// # Errors
/// The looks after which it passes.
pub fn no_data_is_never_a_pass(judge: &dyn Judge) -> Kept {
    let law = "no data is never a pass";
    let alone = strategies::looks_without_data();
    tried(law, alone, |Series(looks)| silent(judge, &[], looks))?;
    let after = strategies::kinds().prop_flat_map(|kind| {
        let before = proptest::collection::vec(strategies::ordinary(kind), 1..=6);
        (before, strategies::nothing_in(kind))
    });
    let after = after.prop_map(|(mut looks, nothing)| {
        looks.push(nothing);
        Series(strategies::in_order(looks))
    });
    tried(law, after, |Series(looks)| match looks.split_last() {
        Some((nothing, before)) => silent(judge, before, std::slice::from_ref(nothing)),
        None => Ok(()),
    })?;
    match judge.judge(&[]).verdict {
        Verdict::Pass => Err(Broken { law, because: "it passes on no looks at all".to_owned() }),
        _ => Ok(()),
    }
}

/// Whether no look of `nothing` is answered by a pass, after those of `before`.
fn silent(judge: &dyn Judge, before: &[Look], nothing: &[Look]) -> Result<(), String> {
    let mut judging = judge.begin();
    for look in before {
        judging.look(look);
    }
    for (nth, look) in nothing.iter().enumerate() {
        let verdict = judging.look(look).verdict;
        if verdict == Verdict::Pass {
            return Err(format!(
                "it passes on look {}, which is without data",
                before.len() + nth + 1
            ));
        }
    }
    Ok(())
}

/// Where some looks at the candidate are worse and none is better, what failed does not pass.
///
/// Tried on counts. It is no law of every judge: one that measures how much the minutes scatter finds a
/// candidate that got worse in one of them less regular, and waits.
///
/// # Errors
/// The looks that pass once they are worse.
pub fn worse_is_never_better(judge: &dyn Judge, worse: Worse) -> Kept {
    let law = "worse never turns a rollback into a promotion";
    let worsened = proptest::collection::vec(proptest::option::weighted(0.4, 0_u32..=100), 12);
    let pairs = (strategies::counts(), worsened).prop_map(move |(Series(looks), percents)| {
        let after = looks.iter().zip(percents);
        let after =
            after.map(|(look, percent)| worsen(look, percent.unwrap_or(0), worse)).collect();
        (Series(looks), Series(after))
    });
    tried(law, pairs, |(Series(looks), Series(worsened))| {
        let (mut was, mut is) = (judge.begin(), judge.begin());
        for (nth, (look, worsened)) in looks.iter().zip(worsened).enumerate() {
            let verdicts = (was.look(look).verdict, is.look(worsened).verdict);
            if verdicts == (Verdict::Fail, Verdict::Pass) {
                return Err(format!("the first fail at look {}, the second, worse, pass", nth + 1));
            }
        }
        Ok(())
    })
}

/// The same look, with so many percent of the candidate's good requests gone bad.
fn worsen(look: &Look, percent: u32, worse: Worse) -> Look {
    let candidate = look.candidate.clone().map(|measurement| match measurement {
        Measurement::Count { events, exposures } => {
            let bad = if worse == Worse::More { events } else { exposures - events };
            let bad = bad + (exposures - bad) * f64::from(percent) / 100.0;
            let events = if worse == Worse::More { bad } else { exposures - bad };
            Measurement::Count { events: events.clamp(0.0, exposures), exposures }
        }
        other => other,
    });
    Look { candidate, ..look.clone() }
}

/// All judgements of these looks, in order.
fn judgements(mut judging: Box<dyn Judging>, looks: &[Look]) -> Vec<Judgement> {
    looks.iter().map(|look| judging.look(look)).collect()
}

/// Tries a law on many cases, always the same; of one that breaks it, gives the smallest.
fn tried<S>(law: &'static str, cases: S, holds: impl Fn(&S::Value) -> Result<(), String>) -> Kept
where
    S: Strategy,
    S::Value: Debug,
{
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: SHRINKS,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let tried = TestRunner::new_with_rng(config, rng)
        .run(&cases, |case| holds(&case).map_err(TestCaseError::fail));
    let because = match tried {
        Ok(()) => return Ok(()),
        Err(TestError::Fail(why, smallest)) => format!("{why}; the smallest case:\n{smallest:#?}"),
        Err(TestError::Abort(why)) => format!("no case could be made: {why}"),
    };
    Err(Broken { law, because })
}

/// Fails the test that runs it, with the law that broke and the case that shows it.
///
/// # Panics
/// When the law broke: that is what it is for.
#[track_caller]
#[expect(clippy::panic, reason = "reports a broken law to a test")]
pub fn assert_kept(kept: Kept) {
    if let Err(broken) = kept {
        panic!("{broken}");
    }
}

/// A judge behind a pointer: what [`judge_laws!`](crate::judge_laws) gives to each law.
#[must_use]
pub fn boxed(judge: impl Judge + 'static) -> Box<dyn Judge> {
    Box::new(judge)
}

/// Makes a module of tests that hold a judge to the laws of [`laws`](crate::laws), one test a law.
///
/// ```
/// use tidegate_core::health::{Bound, Compare, Threshold};
/// use tidegate_mock::judge_laws;
/// # fn main() {}
///
/// // Four laws for every judge; `monotone` and `alpha` where it promises them.
/// judge_laws!(errors_below_two_percent, Threshold::new(Bound::Max(0.02)).unwrap(), monotone);
/// judge_laws!(no_worse_than_stable, Compare::default(), alpha = 0.01);
/// ```
///
/// - `monotone`: more events never turn a rollback into a promotion. `monotone = Worse::Less` where
///   fewer events are worse.
/// - `alpha = 0.01`: of good releases, at most this part fails. Tried on counts; for another kind of
///   measurement write `alpha = (0.01, Kind::Above)`.
/// - `unlabelled`: classes mean nothing by their place, so that swapping them in both arms changes
///   nothing.
#[macro_export]
macro_rules! judge_laws {
    (@option) => {};
    (@option monotone = $worse:expr $(, $($rest:tt)*)?) => {
        #[test]
        fn worse_never_turns_a_rollback_into_a_promotion() {
            let judge = judge();
            $crate::laws::assert_kept($crate::laws::worse_is_never_better(&*judge, $worse));
        }
        $crate::judge_laws!(@option $($($rest)*)?);
    };
    (@option monotone $(, $($rest:tt)*)?) => {
        $crate::judge_laws!(@option monotone = ::core::default::Default::default() $(, $($rest)*)?);
    };
    (@option alpha = $promise:expr $(, $($rest:tt)*)?) => {
        #[test]
        fn good_releases_are_kept() {
            $crate::laws::assert_kept($crate::laws::good_releases_are_kept(&*judge(), $promise));
        }
        $crate::judge_laws!(@option $($($rest)*)?);
    };
    (@option unlabelled $(, $($rest:tt)*)?) => {
        #[test]
        fn the_order_of_classes_does_not_matter() {
            let judge = judge();
            $crate::laws::assert_kept($crate::laws::order_of_classes_does_not_matter(&*judge));
        }
        $crate::judge_laws!(@option $($($rest)*)?);
    };
    ($name:ident, $judge:expr $(, $($options:tt)*)?) => {
        mod $name {
            use super::*;

            fn judge() -> ::std::boxed::Box<dyn $crate::laws::Judge> {
                $crate::laws::boxed($judge)
            }

            #[test]
            fn it_never_panics() {
                $crate::laws::assert_kept($crate::laws::never_panics(&*judge()));
            }

            #[test]
            fn no_data_is_never_a_pass() {
                $crate::laws::assert_kept($crate::laws::no_data_is_never_a_pass(&*judge()));
            }

            #[test]
            fn order_within_a_look_does_not_matter() {
                let judge = judge();
                $crate::laws::assert_kept($crate::laws::order_within_a_look_does_not_matter(&*judge));
            }

            #[test]
            fn a_restart_changes_nothing() {
                $crate::laws::assert_kept($crate::laws::a_restart_changes_nothing(&*judge()));
            }

            $crate::judge_laws!(@option $($($options)*)?);
        }
    };
}
