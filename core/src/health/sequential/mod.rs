//! Evidence that may be looked at as often as one likes: e-processes over looks, in logs.
//!
//! An e-process starts at one and, while the null hypothesis holds, has an expectation of at most
//! one at every moment it could be stopped. So the chance that it ever reaches `1 / alpha` is at most
//! `alpha` (Ville's inequality), however often it is looked at. All evidence here is its natural
//! logarithm, in nats, between minus and plus [`LOG_EVIDENCE_CAP`].
//!
//! In every test arm 1 is the candidate and arm 0 is the stable arm.
//!
//! This module must not know looks of any source, plans or time: numbers of one look in, log
//! evidence out. Everything transcendental comes from `libm` and every sum has a fixed order, so
//! that two machines agree bit for bit.

mod absolute;
mod classes;
mod dispersion;
mod fixed;
mod grid;
mod input;
mod kernel;
mod ln_1p;
mod logs;
mod merge;
mod minutes;
mod planning;
mod spending;
mod split;
mod stability;
mod start;
mod student;
mod traffic;
mod wide;

pub use absolute::{AbsoluteProcess, AbsoluteTest, ArmCounts, Margin, Rates};
pub use classes::{ClassProcess, ClassShifts};
pub use dispersion::{Dispersion, block_minutes, dispersion_of_series, lag_one_correlation};
pub use fixed::{FixedProcess, FixedTest};
pub use grid::{Grid, Side};
pub use input::EvidenceError;
pub use logs::LOG_EVIDENCE_CAP;
pub use merge::weighted_mean;
pub use minutes::{Blocks, MinuteProcess};
pub use planning::{
    Line, Onset, Stretch, Traffic, expected_looks, fewest_looks, information,
    smallest_detectable_rate, smallest_provable_margin,
};
pub use spending::{Spending, SpendingLook, SpendingTest};
pub use split::{Exposure, SplitLook, SplitProcess, SplitTest, ratio_bound};
pub use stability::{Stability, population_stability};
pub use start::StartMass;
pub(super) use student::ln_cdf as ln_student_cdf;
pub use traffic::TrafficProcess;
