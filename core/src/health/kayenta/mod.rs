//! Kayenta's judge, `NetflixACAJudge-v1.0`: for those who come from it, and to be compared with it.
//!
//! [`classify`] judges one metric from two plain series, [`score`] makes one number of many metrics,
//! and [`Kayenta`] is the judge of one metric over looks. What is reproduced was read in the source of
//! spinnaker/kayenta, `a69573be9` of April 2025. Where it differs, it differs on purpose:
//!
//! | Kayenta | here |
//! | --- | --- |
//! | roots to within 1e-4, whatever the unit | exact; [`Roots::Brent`] is Kayenta's |
//! | an interval that ends at zero may be beyond it, by that error | never is |
//! | unseeded noise on two constant series | none: the shift of two constants is their difference |
//! | an empty side passes when NaN is replaced by zero | no data |
//! | a side of nothing but NaN, replaced, is a side of zeros | no data |
//! | an infinite value is compared | an error |
//! | an error loses its criticality and counts nowhere | it keeps it, and counts as a metric without data in our verdict |
//!
//! A rank test that is repeated while points come in errs more often than its 98 % say: looked at
//! every ten minutes for an hour it aborted 0.2 to 1.9 % of healthy rollouts in our simulations.

mod brent;
mod classify;
mod config;
mod interval;
mod judge;
mod normal;
#[cfg(test)]
mod properties;
mod ranks;
mod score;
mod series;

pub use classify::{Classified, Label, Reason, classify};
pub use config::{Config, ConfigError, Direction, Effect, Measure, NanStrategy, Outliers, Roots};
pub use interval::{Interval, IntervalError, interval};
pub use judge::Kayenta;
pub use score::{Grade, GroupScore, Metric, Score, Scoring, ScoringError, Why, score};
