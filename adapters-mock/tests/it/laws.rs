//! The laws of judges: wrong judges each break the one meant for them, the shipped ones keep all that
//! apply to them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use tidegate_core::{
    Judge, Judgement, Judging, Look, Measurement, Reading, Verdict,
    health::{Against, Bound, Compare, Method, Share, Threshold, Worse},
};
use tidegate_mock::{
    judge_laws,
    laws::{self, Kept},
    strategies::{Kind, minute},
};

/// A judge in one function: it sees a look and what it kept, and gives a verdict.
#[derive(Clone, Copy, Debug)]
struct Rule(fn(&mut Seen, &Look) -> Verdict);

/// What a rule keeps.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Events and exposures of the candidate, then of stable.
    sums: [f64; 4],
    looks: u32,
    reading: Reading,
}

#[derive(Debug)]
struct Ruling(Rule, Seen);

impl Judge for Rule {
    fn begin(&self) -> Box<dyn Judging> {
        Box::new(Ruling(*self, Seen::default()))
    }
}

impl Judging for Ruling {
    fn look(&mut self, look: &Look) -> Judgement {
        let Self(rule, seen) = self;
        let verdict = (rule.0)(seen, look);
        Judgement::plain(verdict, seen.reading)
    }
}

/// Events and exposures of a measurement, whatever they are.
fn counts(measurement: Option<&Measurement>) -> Option<(f64, f64)> {
    match measurement {
        Some(Measurement::Count { events, exposures }) => Some((*events, *exposures)),
        _ => None,
    }
}

/// Those that can be used.
fn usable(look: &Look) -> Result<[f64; 4], Verdict> {
    let arms = [look.candidate.as_ref(), look.stable.as_ref()];
    if look.failed || arms.iter().flatten().any(|arm| arm.is_absurd()) {
        return Err(Verdict::Error);
    }
    match arms.map(counts) {
        [Some((e1, x1)), Some((e0, x0))] if x1 > 0.0 && x0 > 0.0 => Ok([e1, x1, e0, x0]),
        _ => Err(Verdict::NoData),
    }
}

/// Fails above a rate of 2 %.
fn line(look: &Look) -> Verdict {
    match usable(look) {
        Err(verdict) => verdict,
        Ok([e1, x1, ..]) if e1 / x1 > 0.02 => Verdict::Fail,
        Ok(_) => Verdict::Pass,
    }
}

const RIGHT: Rule = Rule(|_, look| line(look));

const PANICS_WITHOUT_A_CANDIDATE: Rule = Rule(|_, look| {
    let candidate = look.candidate.as_ref().unwrap();
    if candidate.is_empty() { Verdict::NoData } else { line(look) }
});

const SHOWS_WHAT_IS_NO_NUMBER: Rule = Rule(|seen, look| {
    seen.reading.candidate = counts(look.candidate.as_ref()).map(|(events, all)| events / all);
    line(look)
});

const TAKES_SILENCE_FOR_HEALTH: Rule = Rule(|_, look| match line(look) {
    Verdict::NoData => Verdict::Pass,
    other => other,
});

const TAKES_ERRORS_FOR_HEALTH: Rule = Rule(|_, look| match line(look) {
    Verdict::Error => Verdict::Pass,
    other => other,
});

const TAKES_NAN_FOR_SMALL: Rule = Rule(|_, look| match counts(look.candidate.as_ref()) {
    Some((events, exposures)) if events / exposures > 0.02 => Verdict::Fail,
    Some(_) if !look.failed => Verdict::Pass,
    _ => Verdict::NoData,
});

const DOES_NOT_ASK_WHETHER_MEASURING_FAILED: Rule =
    Rule(|_, look| line(&Look { failed: false, ..look.clone() }));

const GOES_ON_PASSING: Rule = Rule(|seen, look| {
    let verdict = line(look);
    seen.looks += u32::from(verdict == Verdict::Pass);
    if verdict == Verdict::NoData && seen.looks > 0 { Verdict::Pass } else { verdict }
});

/// Fails when the candidate is better.
const COMPARES_THE_WRONG_WAY: Rule = Rule(|_, look| match usable(look) {
    Err(verdict) => verdict,
    Ok([e1, x1, e0, x0]) if e1 / x1 < e0 / x0 => Verdict::Fail,
    Ok(_) => Verdict::Pass,
});

const TAKES_CATASTROPHES_FOR_A_BROKEN_SOURCE: Rule = Rule(|_, look| match usable(look) {
    Ok([e1, x1, ..]) if e1 / x1 > 0.9 => Verdict::Pass,
    _ => line(look),
});

/// A z-test at 1 %, which would be right if it were looked at once.
const PEEKS: Rule = Rule(|seen, look| {
    let Ok(counts) = usable(look) else { return Verdict::NoData };
    seen.sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
    let [e1, x1, e0, x0] = seen.sums;
    let pooled = (e1 + e0) / (x1 + x0);
    let error = (pooled * (1.0 - pooled) * (1.0 / x1 + 1.0 / x0)).sqrt();
    let z = (e1 / x1 - e0 / x0) / error;
    if z > 2.326 { Verdict::Fail } else { Verdict::Inconclusive }
});

/// Takes some numbers for a mark that its source leaves in the last digit.
const ASKS_THE_LAST_DIGIT: Rule = Rule(|_, look| match look.candidate.as_ref() {
    Some(candidate) if candidate.exposures().to_bits() % 2 == 1 => Verdict::Error,
    _ => line(look),
});

const KNOWS_CLASSES_BY_THEIR_PLACE: Rule = Rule(|_, look| match look.candidate.as_ref() {
    Some(Measurement::Classes(counts)) if counts.first() > counts.last() => Verdict::Fail,
    _ => Verdict::NoData,
});

/// Keeps what it saw in a place that all of its kind share.
const COUNTS_FOR_ALL_ROLLOUTS_AT_ONCE: Rule = Rule(|_, look| {
    static LOOKS: AtomicU32 = AtomicU32::new(0);
    let all = LOOKS.fetch_add(1, Ordering::Relaxed);
    if all % 64 == 63 { Verdict::Error } else { line(look) }
});

/// Keeps its evidence in the judge, which a restart does not know of.
#[derive(Debug, Default)]
struct KeepsItsEvidenceInTheJudge(std::sync::Arc<AtomicU32>);

#[derive(Debug)]
struct Shared(std::sync::Arc<AtomicU32>);

impl Judge for KeepsItsEvidenceInTheJudge {
    fn begin(&self) -> Box<dyn Judging> {
        Box::new(Shared(std::sync::Arc::clone(&self.0)))
    }
}

impl Judging for Shared {
    fn look(&mut self, look: &Look) -> Judgement {
        let passed = u32::from(line(look) == Verdict::Pass);
        let passed = passed + self.0.fetch_add(passed, Ordering::Relaxed);
        let verdict = if passed < 3 { Verdict::Inconclusive } else { line(look) };
        Judgement::plain(verdict, Reading::default())
    }
}

#[track_caller]
fn assert_breaks(kept: &Kept, law: &str) {
    let broken = kept.as_ref().unwrap_err();
    assert!(broken.law.contains(law), "another law broke: {broken}");
    assert!(broken.because.len() > 20, "it says why: {broken}");
    // What `judge_laws!` makes of it.
    let failed = catch_unwind(AssertUnwindSafe(|| laws::assert_kept(kept.clone())));
    assert!(failed.is_err());
}

#[test]
fn a_judge_that_panics_breaks_the_first_law() {
    assert_breaks(&laws::never_panics(&PANICS_WITHOUT_A_CANDIDATE), "never panics");
}

#[test]
fn a_judge_that_shows_what_is_no_number_breaks_the_first_law() {
    assert_breaks(&laws::never_panics(&SHOWS_WHAT_IS_NO_NUMBER), "no number that is none");
}

#[test]
fn five_ways_to_pass_on_nothing_each_break_the_second_law() {
    let wrong = [
        TAKES_SILENCE_FOR_HEALTH,
        TAKES_ERRORS_FOR_HEALTH,
        TAKES_NAN_FOR_SMALL,
        DOES_NOT_ASK_WHETHER_MEASURING_FAILED,
        GOES_ON_PASSING,
    ];
    for judge in wrong {
        assert_breaks(&laws::no_data_is_never_a_pass(&judge), "no data is never a pass");
    }
}

#[test]
fn a_judge_that_asks_the_last_digit_breaks_the_law_of_order() {
    let kept = laws::order_within_a_look_does_not_matter(&ASKS_THE_LAST_DIGIT);
    assert_breaks(&kept, "order in which a look was put together");
}

#[test]
fn a_judge_that_knows_classes_by_their_place_breaks_their_law() {
    let kept = laws::order_of_classes_does_not_matter(&KNOWS_CLASSES_BY_THEIR_PLACE);
    assert_breaks(&kept, "order of classes");
}

#[test]
fn two_judges_that_remember_more_than_their_looks_break_the_law_of_restarts() {
    let kept = laws::a_restart_changes_nothing(&COUNTS_FOR_ALL_ROLLOUTS_AT_ONCE);
    assert_breaks(&kept, "a restart changes nothing");
    let kept = laws::a_restart_changes_nothing(&KeepsItsEvidenceInTheJudge::default());
    assert_breaks(&kept, "a restart changes nothing");
}

#[test]
fn two_judges_that_like_it_worse_break_the_law_of_worse() {
    for judge in [COMPARES_THE_WRONG_WAY, TAKES_CATASTROPHES_FOR_A_BROKEN_SOURCE] {
        assert_breaks(&laws::worse_is_never_better(&judge, Worse::More), "worse never turns");
    }
}

#[test]
fn a_judge_that_peeks_breaks_the_law_of_good_releases() {
    assert_breaks(&laws::good_releases_are_kept(&PEEKS, 0.01), "good releases are kept");
}

#[test]
fn what_breaks_a_law_is_shrunk_to_what_can_be_read() {
    let broken = laws::no_data_is_never_a_pass(&TAKES_SILENCE_FOR_HEALTH).unwrap_err();
    let smallest = "it passes on look 1, which is without data; the smallest case:\n\
                    look 1: candidate None, stable None, incomplete";
    assert_eq!(broken.because, smallest);
    let broken = laws::worse_is_never_better(&COMPARES_THE_WRONG_WAY, Worse::More).unwrap_err();
    assert_eq!(broken.because.matches("look 1:").count(), 2, "{broken}");
    assert_eq!(broken.because.matches("look 2:").count(), 0, "{broken}");
}

#[test]
fn the_law_of_good_releases_answers_in_two_seconds() {
    let began = Instant::now();
    laws::assert_kept(laws::good_releases_are_kept(&Compare::default(), 0.01));
    // Twice that, for machines that are busy.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

judge_laws!(right, RIGHT, monotone);

/// A difference that is the same in every minute is told from chance by that. One minute that is much
/// worse makes it less regular, and the other half of the evidence does not make up for it.
#[test]
fn the_recommended_judge_does_not_promise_that_worse_is_never_better() {
    let looks = |first: f64| {
        let regular = [60.0, 61.0, 59.0, 60.0, 61.0, 59.0];
        let events = [first].into_iter().chain(regular.into_iter().skip(1));
        let arm = |events| Some(Measurement::Count { events, exposures: 1e6 });
        events.map(|e| Look::complete(minute(0), arm(40.0), arm(e))).collect::<Vec<_>>()
    };
    assert_eq!(Compare::default().judge(&looks(60.0)).verdict, Verdict::Fail);
    assert_eq!(Compare::default().judge(&looks(150.0)).verdict, Verdict::Pass);
    // By events alone, more of them are more evidence.
    let (better, worse) =
        (by(Method::Events).judge(&looks(60.0)), by(Method::Events).judge(&looks(150.0)));
    assert!(better.log_e.unwrap().worse < worse.log_e.unwrap().worse);
}

judge_laws!(below_a_line, Threshold::new(Bound::Max(0.02)).unwrap().tolerating(1), monotone);
judge_laws!(
    above_a_line,
    Threshold::new(Bound::Min(0.9)).unwrap().over_looks(3).unwrap(),
    monotone = Worse::Less
);
judge_laws!(relative_line, Threshold::new(Bound::MaxRatio(1.5)).unwrap(), monotone);

judge_laws!(recommended, Compare::default(), alpha = 0.01, unlabelled);
judge_laws!(recommended_of_sums, Compare::default(), alpha = (0.01, Kind::Sum));
judge_laws!(recommended_of_values, Compare::default(), alpha = (0.01, Kind::Value));
judge_laws!(recommended_of_histograms, Compare::default(), alpha = (0.01, Kind::Above));
judge_laws!(recommended_of_classes, Compare::default(), alpha = (0.01, Kind::Classes));

/// Comparing with this method.
fn by(method: Method) -> Compare {
    Compare { method, ..Compare::default() }
}

judge_laws!(events, by(Method::Events), monotone, alpha = 0.01, unlabelled);
judge_laws!(spending_exactly, by(Method::Spending), monotone, alpha = 0.01, unlabelled);
judge_laws!(
    absolute,
    Compare { points: 0.005, ..by(Method::Absolute) },
    monotone,
    alpha = 0.01,
    unlabelled
);
judge_laws!(
    fewer_is_worse,
    Compare { worse: Worse::Less, ..by(Method::Events) },
    monotone = Worse::Less,
    alpha = 0.01
);

// No good release of the law is worse than one error in fifty.
judge_laws!(
    against_a_rate,
    Compare { against: Against::Rate(0.02), ..by(Method::Events) },
    monotone,
    alpha = 0.01
);
judge_laws!(
    against_history,
    Compare { against: Against::History, tolerate: 1.5, ..Compare::default() },
    alpha = 0.01
);

judge_laws!(share, Share { tolerance: 0.1, alpha: 0.01 }, alpha = 0.01);
