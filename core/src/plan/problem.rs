//! stub
/// p
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {}
/// p
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanErrors {}
