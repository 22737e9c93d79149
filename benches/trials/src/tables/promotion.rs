//! Not yet.
use super::Session;
use crate::goals::Goals;
pub(super) fn table(_session: Session, _goals: &mut Goals) -> String { String::new() }
