//! The journal in DynamoDB, over a fake of it.

mod conformance;
mod support;
