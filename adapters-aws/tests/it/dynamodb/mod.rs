//! The journal in DynamoDB, over a fake of it.

mod conditions;
mod conformance;
mod engines;
mod faults;
mod leases;
mod life;
mod limits;
mod pages;
mod restored;
pub(crate) mod support;
