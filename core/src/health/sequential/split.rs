//! Is the candidate's rate of events more (or less) than so many times the stable arm's?
//!
//! The kernel K1 of the project's statistics: given how many events both arms had in a look, how
//! many of them the candidate should have had depends on the exposures only. Base rates that drift,
//! weights that change and looks of any size cancel. For independent Bernoulli or Poisson counts each
//! factor has expectation at most one under the null; with a dispersion above one it still has.

use super::grid::{Grid, Side};
use super::input::{count, dispersion, events_among, level, within};
use super::kernel::{Batch, Bets, Mixture};
use super::{EvidenceError, StartMass};

/// The smallest and largest ratio of rates that can be asked about.
const RATIOS: (f64, f64) = (1e-6, 1e6);

/// What exposures are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exposure {
    /// Requests, each of which is an event or is not: there can not be more events.
    #[default]
    Requests,
    /// Anything events are proportional to: seconds, or shares of traffic.
    Proportional,
}

/// One look: events and exposures of the candidate (1) and the stable arm (0).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitLook {
    /// Events of the candidate.
    pub events1: f64,
    /// Events of the stable arm.
    pub events0: f64,
    /// The candidate's exposure.
    pub exposure1: f64,
    /// The stable arm's exposure.
    pub exposure0: f64,
}

/// The question: which side of which ratio, and how to bet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SplitTest {
    bets: Bets,
    null: Null,
}

/// The edge of the null hypothesis, and what exposures are: turns looks into batches of the kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Null {
    ratio: f64,
    exposure: Exposure,
}

impl SplitTest {
    /// [`Side::Above`] tests "rate1 is at most `ratio` times rate0", [`Side::Below`] "at least".
    /// With the grid of events, start mass for an unknown number of looks, no dispersion, and
    /// requests as exposures.
    ///
    /// # Errors
    /// When `ratio` is not between 1e-6 and 1e6.
    pub fn new(side: Side, ratio: f64) -> Result<Self, EvidenceError> {
        let ratio = within("ratio", ratio, RATIOS.0, RATIOS.1)?;
        Ok(Self { bets: Bets::new(side), null: Null { ratio, exposure: Exposure::Requests } })
    }

    /// Bets on these alternatives.
    #[must_use]
    pub const fn with_grid(mut self, grid: Grid) -> Self {
        self.bets.grid = grid;
        self
    }

    /// Spends capital on this schedule.
    #[must_use]
    pub const fn with_start(mut self, start: StartMass) -> Self {
        self.bets.start = start;
        self
    }

    /// Counts every so many events as one: how many come at once, measured before the first look.
    ///
    /// # Errors
    /// When it is below 1, above one million or not finite.
    pub fn with_dispersion(mut self, events: f64) -> Result<Self, EvidenceError> {
        self.bets.dispersion = dispersion(events)?;
        Ok(self)
    }

    /// Says what exposures are.
    #[must_use]
    pub const fn with_exposure(mut self, exposure: Exposure) -> Self {
        self.null.exposure = exposure;
        self
    }

    /// Which side of the ratio evidence is gathered for.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.bets.side
    }

    /// The ratio at the edge of the null.
    #[must_use]
    pub const fn ratio(&self) -> f64 {
        self.null.ratio
    }

    /// Begins with no evidence.
    #[must_use]
    pub const fn begin(&self) -> SplitProcess {
        SplitProcess { null: self.null, mixture: Mixture::new(self.bets) }
    }
}

impl Null {
    /// What a look holds for the kernel; none if an arm had no exposure.
    fn batch(&self, look: &SplitLook) -> Result<Option<Batch>, EvidenceError> {
        let events1 = count("events of the candidate", look.events1)?;
        let events0 = count("events of the stable arm", look.events0)?;
        let exposure1 = count("exposure of the candidate", look.exposure1)?;
        let exposure0 = count("exposure of the stable arm", look.exposure0)?;
        if self.exposure == Exposure::Requests {
            events_among(events1, exposure1)?;
            events_among(events0, exposure0)?;
        }
        if exposure1 == 0.0 || exposure0 == 0.0 {
            return Ok(None);
        }
        let scaled = self.ratio * exposure1;
        let null_share = scaled / (scaled + exposure0);
        Ok(Some(Batch { events: events1, trials: events1 + events0, null_share }))
    }
}

/// The evidence of a [`SplitTest`] so far. Rebuilt by giving the stored looks again.
#[derive(Clone, Copy, Debug)]
pub struct SplitProcess {
    null: Null,
    mixture: Mixture,
}

impl SplitProcess {
    /// Takes one look in, and gives the log evidence after it, in nats. A look in which an arm had
    /// no exposure adds nothing but counts as a look of the start-mass schedule.
    ///
    /// # Errors
    /// When a number is negative, not finite or above 2^53, or requests have more events than there
    /// are requests. The process is then as before.
    pub fn look(
        &mut self,
        events1: f64,
        events0: f64,
        exposure1: f64,
        exposure0: f64,
    ) -> Result<f64, EvidenceError> {
        self.take(&SplitLook { events1, events0, exposure1, exposure0 })
    }

    /// As [`SplitProcess::look`].
    ///
    /// # Errors
    /// As [`SplitProcess::look`].
    pub fn take(&mut self, look: &SplitLook) -> Result<f64, EvidenceError> {
        let batch = self.null.batch(look)?;
        Ok(self.mixture.look(batch))
    }

    /// A look in which there was nothing to see: moves the start-mass schedule on.
    pub fn skip(&mut self) -> f64 {
        self.mixture.look(None)
    }

    /// The log evidence so far, in nats.
    #[must_use]
    pub fn log_evidence(&self) -> f64 {
        self.mixture.log_evidence()
    }

    /// Looks taken, those without exposure included.
    #[must_use]
    pub const fn looks(&self) -> u32 {
        self.mixture.looks()
    }
}

/// The bound on the ratio of rates that these looks support at `alpha`: the largest ratio that
/// [`Side::Above`] rejects (a lower bound), or the smallest that [`Side::Below`] rejects (an upper
/// bound). The test's own ratio does not matter. Evidence once found stays found, so the bound holds
/// at every look at once with probability `1 - alpha`. None when no ratio between 1e-6 and 1e6 is
/// rejected.
///
/// Evidence falls as the null ratio of [`Side::Above`] grows, hence bisection; exact to one part in
/// 10^10.
///
/// # Errors
/// When a look is refused, as by [`SplitProcess::look`], or `alpha` is not in (0, 1].
pub fn ratio_bound(
    test: &SplitTest,
    looks: &[SplitLook],
    alpha: f64,
) -> Result<Option<f64>, EvidenceError> {
    let needed = -libm::log(level(alpha)?);
    for look in looks {
        test.null.batch(look)?;
    }
    let rejects = |ln_ratio: f64| -> Result<bool, EvidenceError> {
        let null = Null { ratio: libm::exp(ln_ratio), ..test.null };
        let mut process = SplitTest { null, ..*test }.begin();
        for look in looks {
            if process.take(look)? >= needed {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let (low, high) = (libm::log(RATIOS.0), libm::log(RATIOS.1));
    let (mut rejected, mut kept) = match test.side() {
        Side::Above => (low, high),
        Side::Below => (high, low),
    };
    if !rejects(rejected)? {
        return Ok(None);
    }
    while (rejected - kept).abs() > 1e-10 {
        let middle = (rejected + kept) / 2.0;
        *(if rejects(middle)? { &mut rejected } else { &mut kept }) = middle;
    }
    Ok(Some(libm::exp(rejected)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_a_process_fits_in_512_bytes() {
        for size in [
            size_of::<SplitProcess>(),
            size_of::<super::super::FixedProcess>(),
            size_of::<super::super::MinuteProcess>(),
            size_of::<super::super::AbsoluteProcess>(),
        ] {
            assert!(size <= 512, "{size}");
        }
    }

    #[test]
    fn a_refused_look_changes_nothing() {
        let mut process = SplitTest::new(Side::Above, 1.0).unwrap().begin();
        process.look(3.0, 5.0, 600.0, 5400.0).unwrap();
        let before = process.log_evidence();
        let refused = [
            (-1.0, 0.0, 1.0, 1.0),
            (f64::NAN, 0.0, 1.0, 1.0),
            (0.0, f64::INFINITY, 1.0, 1.0),
            (2.0, 0.0, 1.0, 1.0),
            (0.0, 2.0, 1.0, 1.0),
            (1.0, 0.0, 1e16, 1.0),
            (1.0, 0.0, 0.0, 1.0),
        ];
        for (e1, e0, x1, x0) in refused {
            assert!(process.look(e1, e0, x1, x0).is_err(), "{e1} {e0} {x1} {x0}");
        }
        assert_eq!((process.looks(), process.log_evidence()), (1, before));
    }

    #[test]
    fn the_bound_is_where_evidence_reaches_its_level() {
        let looks = [SplitLook { events1: 30.0, events0: 54.0, exposure1: 6e3, exposure0: 54e3 }];
        for (side, lies) in [(Side::Above, 1.0..5.0), (Side::Below, 5.0..20.0)] {
            let test = SplitTest::new(side, 1.0).unwrap();
            let bound = ratio_bound(&test, &looks, 0.05).unwrap().unwrap();
            assert!(lies.contains(&bound), "{side:?}: {bound}");
            let mut at = SplitTest::new(side, bound).unwrap().begin();
            assert!((at.take(&looks[0]).unwrap() - 20_f64.ln()).abs() < 1e-6);
        }
    }

    #[test]
    fn nothing_seen_bounds_nothing() {
        let test = SplitTest::new(Side::Above, 1.0).unwrap();
        assert_eq!(ratio_bound(&test, &[], 0.05), Ok(None));
    }
}
