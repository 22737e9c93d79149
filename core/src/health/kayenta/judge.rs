//! The judge of one metric over looks.

use serde::{Deserialize, Serialize};

use super::{Classified, Config, ConfigError, IntervalError, Label, NanStrategy, Reason, classify};
use crate::health::{
    Judge, Judgement, Judging, Look, Measurement, Reading, Verdict,
    threshold::{Tally, dry},
};

/// Points Spinnaker's documentation advises for each metric and judgement, at least. Kayenta only
/// warns below.
const ADVISED: u32 = 50;

/// Looks from one judgement to the next: at one a minute, the ten minutes our simulations compare.
/// Kayenta's own default is a single judgement at the end; a bad candidate would meanwhile go on.
const EVERY: u32 = 10;

/// Kayenta's Mann-Whitney judge, for one metric: a look is a point of each arm's series.
///
/// Looks are judged `every` so many. The verdict is
///
/// * [`Verdict::Fail`] when the metric is [`Label::High`] or [`Label::Low`], which it only is in a
///   direction that is bad, and [closed](super::Classified::closed). It stays so;
/// * [`Verdict::Pass`] when it passes with at least `looks` usable looks;
/// * [`Verdict::Inconclusive`] when it passes with fewer, or there are too few for its interval to
///   close;
/// * [`Verdict::NoData`] when an arm has no point, whatever the strategy for missing ones and for
///   metrics that must have data;
/// * [`Verdict::Error`] when it can not be classified.
///
/// A look that has not both arms' values says so by itself: no data, error for one that failed or can
/// not be true, inconclusive for an incomplete one. A point missing on one side is left out or zero, as
/// the strategy says; where it is zero, and that arm was heard of before, the look is usable. A look
/// that failed, is incomplete or has neither arm is no point at all.
///
/// The reading has the means of both arms at the last judgement; its limit is absent, because what is
/// compared is an interval: [`classified`](Self::classified) has it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kayenta {
    config: Config,
    looks: u32,
    every: u32,
    lookback: Option<u32>,
    inconclusive_limit: u32,
    no_data_limit: u32,
    consecutive_error_limit: u32,
    dry_run: bool,
}

impl Default for Kayenta {
    /// Kayenta's configuration, with the advised 50 looks, judged every 10.
    fn default() -> Self {
        Self {
            config: Config::default(),
            looks: ADVISED,
            every: EVERY,
            lookback: None,
            inconclusive_limit: 4,
            no_data_limit: 4,
            consecutive_error_limit: 4,
            dry_run: false,
        }
    }
}

impl Kayenta {
    /// The judge with the advised 50 looks before a pass, judged every 10, over all looks; four
    /// incomplete looks, four without data and four errors in a row are tolerated.
    ///
    /// # Errors
    /// When a number of the configuration can not be compared with.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { config, ..Self::default() })
    }

    /// What is asked of the metric.
    #[must_use]
    pub const fn config(&self) -> Config {
        self.config
    }

    /// Asks this of the metric instead, of the same looks.
    ///
    /// # Errors
    /// When a number of the configuration can not be compared with.
    pub fn asking(self, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { config, ..self })
    }

    /// Asks for this many usable looks before a pass, and judges every so many.
    ///
    /// # Errors
    /// When one of them is zero, or fewer looks are looked back over than are asked for.
    pub const fn over_looks(mut self, looks: u32, every: u32) -> Result<Self, ConfigError> {
        if looks == 0 {
            return Err(ConfigError::Zero("looks"));
        }
        if every == 0 {
            return Err(ConfigError::Zero("every"));
        }
        self.looks = looks;
        self.every = every;
        self.checked()
    }

    /// Compares the last so many points only: Kayenta's sliding window. Without, the window grows from
    /// the start, as Kayenta's does by default.
    ///
    /// # Errors
    /// When that is fewer than a pass needs.
    pub const fn looking_back(mut self, lookback: u32) -> Result<Self, ConfigError> {
        self.lookback = Some(lookback);
        self.checked()
    }

    const fn checked(self) -> Result<Self, ConfigError> {
        match self.lookback {
            Some(lookback) if lookback < self.looks => {
                Err(ConfigError::Lookback { lookback, looks: self.looks })
            }
            _ => Ok(self),
        }
    }

    /// Tolerates this many incomplete looks, looks without data, and errors in a row.
    #[must_use]
    pub const fn with_limits(mut self, incomplete: u32, no_data: u32, errors: u32) -> Self {
        self.inconclusive_limit = incomplete;
        self.no_data_limit = no_data;
        self.consecutive_error_limit = errors;
        self
    }

    /// Only reports: never fails, and is never past a limit. See [`Threshold`](crate::health::Threshold).
    #[must_use]
    pub const fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Whether this only reports, so that no gate may wait for it.
    #[must_use]
    pub const fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Looks from one judgement to the next.
    #[must_use]
    pub const fn every(&self) -> u32 {
        self.every
    }

    /// Usable looks before a pass.
    #[must_use]
    pub const fn looks(&self) -> u32 {
        self.looks
    }

    /// What the points of these looks are classified as now, with the interval and all that the
    /// reading does not tell.
    #[must_use]
    pub fn classified(&self, looks: &[Look]) -> Classified {
        let mut work = self.work();
        for look in looks {
            work.take(look);
        }
        work.classified()
    }

    fn work(&self) -> Work {
        Work {
            judge: *self,
            stable: Vec::new(),
            candidate: Vec::new(),
            usable: 0,
            tally: Tally::default(),
            samples: 0,
            latest: Verdict::Inconclusive,
            means: (None, None),
            failed: 0,
        }
    }
}

impl Judge for Kayenta {
    fn begin(&self) -> Box<dyn Judging> {
        Box::new(self.work())
    }
}

/// Both series so far.
#[derive(Clone, Debug)]
struct Work {
    judge: Kayenta,
    /// A point each a look, NaN where it is missing.
    stable: Vec<f64>,
    candidate: Vec<f64>,
    /// Looks with both.
    usable: u32,
    tally: Tally,
    samples: u64,
    /// Of the last judgement.
    latest: Verdict,
    means: (Option<f64>, Option<f64>),
    failed: u32,
}

impl Judging for Work {
    fn look(&mut self, look: &Look) -> Judgement {
        let one = self.take(look);
        self.tally.count(one);
        let usable = one == Verdict::Pass;
        if usable && self.usable.is_multiple_of(self.judge.every) {
            self.judge_all();
        }
        let failed = self.failed > 0;
        let verdict = match one {
            _ if failed => Verdict::Fail,
            Verdict::Pass => self.latest,
            other => other,
        };
        let judgement = Judgement {
            past_limit: self.past_limit(),
            ..Judgement::plain(verdict, self.reading())
        };
        if self.judge.dry_run { dry(judgement) } else { judgement }
    }
}

impl Work {
    /// Takes the points of a look in, and says what the look is by itself: a pass when it is usable.
    fn take(&mut self, look: &Look) -> Verdict {
        let absurd = |m: &Option<Measurement>| m.as_ref().is_some_and(Measurement::is_absurd);
        if look.failed || absurd(&look.stable) || absurd(&look.candidate) {
            return Verdict::Error;
        }
        let value = |m: &Option<Measurement>| m.as_ref().and_then(Measurement::value);
        let (stable, candidate) = (value(&look.stable), value(&look.candidate));
        if stable.is_none() && candidate.is_none() {
            return Verdict::NoData;
        }
        if !look.complete {
            return Verdict::Inconclusive;
        }
        self.stable.push(stable.unwrap_or(f64::NAN));
        self.candidate.push(candidate.unwrap_or(f64::NAN));
        let both = stable.is_some() && candidate.is_some();
        if !(both || self.silence_is_zero()) {
            return Verdict::NoData;
        }
        let samples = look.candidate.as_ref().map_or(0, Measurement::samples);
        self.samples = self.samples.saturating_add(samples);
        self.usable = self.usable.saturating_add(1);
        Verdict::Pass
    }

    /// An arm that was never heard of is not silent, it is missing.
    fn silence_is_zero(&self) -> bool {
        let heard = |series: &[f64]| series.iter().any(|point| !point.is_nan());
        self.judge.config.nan == NanStrategy::Replace
            && heard(&self.stable)
            && heard(&self.candidate)
    }

    fn classified(&self) -> Classified {
        let lookback = self.judge.lookback.map_or(usize::MAX, |looks| looks as usize);
        let recent = |series| last(series, lookback);
        classify(&self.judge.config, recent(&self.stable), recent(&self.candidate))
    }

    fn judge_all(&mut self) {
        let classified = self.classified();
        self.means = classified.means;
        self.latest = self.verdict(&classified);
        self.failed += u32::from(self.latest == Verdict::Fail);
    }

    fn verdict(&self, classified: &Classified) -> Verdict {
        match (classified.label, classified.reason) {
            (Label::High | Label::Low, _) if classified.closed => Verdict::Fail,
            (Label::High | Label::Low, _) => Verdict::Inconclusive,
            (Label::Pass, _) if self.usable >= self.judge.looks => Verdict::Pass,
            (Label::Pass, _) => Verdict::Inconclusive,
            (Label::NoData | Label::NoDataFailMetric, _) => Verdict::NoData,
            (Label::Error, Reason::NoInterval(IntervalError::OnePoint)) => Verdict::Inconclusive,
            (Label::Error, _) => Verdict::Error,
        }
    }

    const fn past_limit(&self) -> bool {
        let judge = &self.judge;
        self.tally.past_limit(
            judge.inconclusive_limit,
            judge.no_data_limit,
            judge.consecutive_error_limit,
        )
    }

    fn reading(&self) -> Reading {
        let (baseline, candidate) = self.means;
        Reading {
            candidate,
            baseline,
            limit: None,
            samples: self.samples,
            looks: self.tally.looks,
            failed: self.failed,
            ..Reading::default()
        }
    }
}

/// The last so many points.
fn last(series: &[f64], count: usize) -> &[f64] {
    series.get(series.len().saturating_sub(count)..).unwrap_or(series)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{
        Window,
        kayenta::{Direction, NanStrategy},
    };

    fn value(value: f64) -> Option<Measurement> {
        Some(Measurement::Value { value, samples: 7.0 })
    }

    fn look(stable: Option<f64>, candidate: Option<f64>) -> Look {
        Look::complete(Window::default(), stable.and_then(value), candidate.and_then(value))
    }

    /// Looks at a candidate so many times the stable arm.
    fn looks(count: u32, times: f64) -> Vec<Look> {
        let stable = |n: u32| 100.0 + f64::from(n * 17 % 23);
        let candidate = |n: u32| times * (100.0 + f64::from(n * 13 % 23));
        (0..count).map(|n| look(Some(stable(n)), Some(candidate(n)))).collect()
    }

    fn kayenta() -> Kayenta {
        Kayenta::new(Config { direction: Direction::Increase, ..Config::default() }).unwrap()
    }

    fn verdict(judge: &Kayenta, looks: &[Look]) -> Verdict {
        judge.judge(looks).verdict
    }

    #[test]
    fn a_pass_takes_the_looks_that_were_asked_for() {
        assert_eq!(verdict(&kayenta(), &looks(49, 1.0)), Verdict::Inconclusive);
        let found = kayenta().judge(&looks(50, 1.0));
        assert_eq!((found.verdict, found.reading.samples), (Verdict::Pass, 350));
    }

    #[test]
    fn a_shift_that_is_bad_fails_at_the_next_judgement_and_for_good() {
        assert_eq!(verdict(&kayenta(), &looks(9, 2.0)), Verdict::Inconclusive);
        let mut all = looks(10, 2.0);
        assert_eq!(verdict(&kayenta(), &all), Verdict::Fail);
        all.extend(looks(500, 1.0));
        assert_eq!(verdict(&kayenta(), &all), Verdict::Fail);
    }

    #[test]
    fn a_shift_that_is_good_passes() {
        assert_eq!(verdict(&kayenta(), &looks(50, 0.5)), Verdict::Pass);
    }

    #[test]
    fn what_passed_is_judged_again() {
        let judge = kayenta().over_looks(5, 5).unwrap().looking_back(10).unwrap();
        let mut all = looks(5, 1.0);
        assert_eq!(verdict(&judge, &all), Verdict::Pass);
        all.extend(looks(10, 2.0));
        assert_eq!(verdict(&judge, &all), Verdict::Fail);
    }

    #[test]
    fn too_few_points_to_close_the_interval_are_inconclusive_even_when_kayenta_fails() {
        let judge = kayenta().over_looks(1, 1).unwrap();
        let four = looks(4, 10.0);
        assert_eq!(judge.classified(&four).label, Label::High);
        assert_eq!(verdict(&judge, &four), Verdict::Inconclusive);
        assert_eq!(verdict(&judge, &four[..1]), Verdict::Inconclusive);
        assert_eq!(verdict(&judge, &looks(5, 10.0)), Verdict::Fail);
    }

    #[test]
    fn looks_without_an_answer_say_so_and_pass_their_limit() {
        let judge = kayenta().with_limits(0, 0, 1);
        let missing = [look(None, Some(1.0)), look(Some(1.0), None), look(None, None)];
        for one in missing {
            let found = judge.judge(&[one]);
            assert_eq!((found.verdict, found.past_limit), (Verdict::NoData, true));
        }
        let failed = || Look::failed(Window::default());
        let absurd = || look(Some(1.0), Some(-1.0));
        assert_eq!(verdict(&judge, &[absurd()]), Verdict::Error);
        assert!(!judge.judge(&[failed()]).past_limit);
        assert!(judge.judge(&[failed(), absurd()]).past_limit);
        let mut open = look(Some(1.0), Some(1.0));
        open.complete = false;
        let found = judge.judge(&[open]);
        assert_eq!((found.verdict, found.past_limit), (Verdict::Inconclusive, true));
    }

    #[test]
    fn silence_is_zero_only_of_an_arm_that_was_heard() {
        let config = Config { nan: NanStrategy::Replace, ..Config::default() };
        let judge = Kayenta::new(config).unwrap().over_looks(5, 1).unwrap();
        let mut all: Vec<Look> = (0..60).map(|_| look(Some(3.0), None)).collect();
        assert_eq!(verdict(&judge, &all), Verdict::NoData);
        all.insert(0, look(Some(3.0), Some(3.0)));
        assert_eq!(verdict(&judge, &all), Verdict::Fail);
    }

    #[test]
    fn a_dry_run_shows_its_failures_and_never_fails() {
        let judge = kayenta().with_limits(0, 0, 0).dry_run();
        let found = judge.judge(&looks(20, 2.0));
        assert_eq!((found.verdict, found.reading.failed), (Verdict::Inconclusive, 2));
        assert_eq!(verdict(&judge, &looks(50, 1.0)), Verdict::Pass);
        assert!(!judge.judge(&[Look::failed(Window::default())]).past_limit);
    }

    #[test]
    fn numbers_of_looks_that_can_not_be_are_refused() {
        assert!(kayenta().over_looks(0, 1).is_err());
        assert!(kayenta().over_looks(1, 0).is_err());
        assert!(kayenta().looking_back(49).is_err());
        assert!(Kayenta::new(Config { tolerance: f64::NAN, ..Config::default() }).is_err());
    }

    #[test]
    fn no_looks_are_no_data() {
        assert_eq!(verdict(&kayenta(), &[]), Verdict::NoData);
    }
}
