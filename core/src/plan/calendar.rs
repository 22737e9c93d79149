//! stub
use crate::{CalendarState, Timestamp};
use serde::{Deserialize, Serialize};
/// c
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calendar {}
impl Calendar {
    /// at
    #[must_use]
    pub fn at(&self, _now: Timestamp) -> CalendarState {
        CalendarState { frozen: false, open: true, until: Timestamp::MAX }
    }
    /// Whether nothing is in it, so that it never has to be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }
}
/// e
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("calendar")]
pub enum CalendarError {}

impl Calendar {
    pub(super) fn compile(
        _: &super::CalendarSpec,
        _: &super::KeyPath,
        _: &mut super::problem::Problems,
    ) -> Self {
        Self {}
    }
}
