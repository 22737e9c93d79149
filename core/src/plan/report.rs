//! stub
/// r
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanReport {}
