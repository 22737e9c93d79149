//! Adapters over emulators that other people wrote: a second opinion on what crosses the wire.
//!
//! They are started by `.ci/emulators`, which says what these tests need in their environment, and the tests
//! are left out of an ordinary run: `cargo test -p tidegate-aws --test it -- --ignored emulators::` runs
//! them. What an emulator is known to get wrong is not asserted. Each test makes what it needs under names
//! of its own.

mod appmesh;
mod cloudwatch;
mod codedeploy;
mod dynamodb;
mod ecs;
mod elb;
mod lambda;

use std::env;

use tidegate_aws::{Account, CallLimits, fakes};
use tidegate_core::Span;

/// The address of an emulator.
fn endpoint(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: start the emulators with .ci/emulators");
    })
}

fn moto() -> String {
    endpoint("TIDEGATE_MOTO")
}

fn ministack() -> String {
    endpoint("TIDEGATE_MINISTACK")
}

/// An account with more patience than an adapter has elsewhere: these servers are single and small.
fn account() -> Account {
    let limits = CallLimits { request: Span::seconds(60), ..CallLimits::default() };
    Account::new(fakes::ACCOUNT).with_limits(limits)
}
