//! Looks in, verdicts out. Beside the control machine, not inside it.
//!
//! This module must not know phases, stages or rollouts: a judge sees raw measurements of both arms
//! and says what they mean. It holds no limits of time; those are the machine's.

mod compare;
pub mod describe;
pub mod kayenta;
mod look;
mod panel;
pub mod sequential;
mod share;
mod threshold;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use compare::{Against, Asks, Compare, Method, Worse};
pub use look::{Look, Measurement, Window};
pub use panel::{Panel, Seat};
pub use share::Share;
pub use threshold::{ArgoLimits, Bound, Counting, Threshold, ThresholdError};

/// What a judge says. The five are never merged, and none of them defaults to [`Verdict::Pass`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Good, by enough evidence.
    Pass,
    /// Bad, by enough evidence.
    Fail,
    /// Evidence, but not enough to say.
    Inconclusive,
    /// No usable evidence.
    #[default]
    NoData,
    /// The measuring itself failed, or what it returned can not be true.
    Error,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Pass, Self::Fail, Self::Inconclusive, Self::NoData, Self::Error];
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NoData => "no data",
            Self::Error => "error",
        })
    }
}

/// The numbers a verdict rests on, for the sentence a person reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The candidate's value: of the deciding look, or over all looks where evidence is gathered.
    pub candidate: Option<f64>,
    /// What it was compared with on the stable arm, where the baseline is stable.
    pub baseline: Option<f64>,
    /// The limit that was in force.
    pub limit: Option<f64>,
    /// Requests or samples of the candidate over all looks judged.
    pub samples: u64,
    /// Looks judged.
    pub looks: u32,
    /// Looks among them that failed.
    pub failed: u32,
    /// Whether the values are rates (events per exposure), which people read in percent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rate: bool,
    /// Whether the evidence is that the candidate is *not* worse by its margin.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_worse: bool,
    /// The evidence that the candidate is worse, as the natural logarithm of an e-value: a release
    /// that is as good reaches `e` at any time with a probability of at most 1 in `e`. Or that it is
    /// not worse, likewise. Absent for judges that gather none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<f64>,
    /// The evidence that decides, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<f64>,
    /// What there was of the time before the rollout, where that is less than was asked for by more
    /// than a tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

/// Looks at stable from before a rollout, of which a judge learns how much its numbers scatter. Fewer
/// make that less certain; fewer than thirty say nothing, and ten events then count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Looks that could be used.
    pub usable: u32,
    /// Looks that the judge asked for.
    pub asked: u32,
}

/// Evidence in logs (nats), for weighing the checks of a rollout together: see [`Panel`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogE {
    /// Of an e-value against "the candidate is no worse".
    pub worse: f64,
    /// Of an e-value against "the candidate is worse by its margin or more".
    pub no_worse: f64,
}

/// What a judge says after a look.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict over all looks so far.
    pub verdict: Verdict,
    /// Whether looks without a usable answer have passed the judge's limit for them.
    pub past_limit: bool,
    /// The numbers compared.
    pub reading: Reading,
    /// What a judge that gathers evidence has gathered. Such a judge is weighed with the others of
    /// its rollout; one that leaves this out speaks for itself alone.
    pub log_e: Option<LogE>,
}

impl Judgement {
    /// Of a judge that speaks for itself alone and has passed no limit.
    #[must_use]
    pub const fn plain(verdict: Verdict, reading: Reading) -> Self {
        Self { verdict, past_limit: false, reading, log_e: None }
    }

    /// Of a judge that is missing, or broke: an error past every limit.
    #[must_use]
    pub fn broken() -> Self {
        Self { past_limit: true, ..Self::plain(Verdict::Error, Reading::default()) }
    }
}

/// A rule that turns looks into verdicts.
///
/// # Contract
/// Pure: the same looks give the same judgements, whatever happened before and on whichever
/// machine. State lives in the [`Judging`] it begins and is only a cache: it is rebuilt by giving
/// the stored looks again. A judge never panics, whatever the looks hold, and never passes on looks
/// without data.
///
/// Looks come oldest first, and no window comes twice. Windows overlap where a check's `every` is
/// shorter than its `window`.
pub trait Judge: fmt::Debug + Send + Sync {
    /// Begin with no evidence.
    fn begin(&self) -> Box<dyn Judging>;

    /// How many windows from before the rollout it would like to have looks at. They hold the
    /// stable arm alone.
    fn history(&self) -> u32 {
        0
    }

    /// Begin with looks from before the rollout, oldest first; there may be fewer than asked for,
    /// and none.
    fn begin_after(&self, history: &[Look]) -> Box<dyn Judging> {
        let _ = history;
        self.begin()
    }

    /// What these looks, in order, come to.
    fn judge(&self, looks: &[Look]) -> Judgement {
        let mut judging = self.begin();
        let none = Judgement::plain(Verdict::NoData, Reading::default());
        looks.iter().fold(none, |_, look| judging.look(look))
    }
}

/// A judge at work: the evidence so far, folded.
pub trait Judging: fmt::Debug + Send {
    /// Takes one more look in, and says what all of them come to.
    fn look(&mut self, look: &Look) -> Judgement;
}
