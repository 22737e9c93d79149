//! What the routers of AWS have alike: weights for two arms, and nothing else that a router may have.
//!
//! It must not know any service.

use tidegate_core::{
    Call, Extra, Operation, PortError, RouteReading, RoutingKind, Span, TrafficAbility, Weight,
};

use crate::{
    place::Arms,
    port::{refused, unsuitable},
    weights::{Weighed, split},
};

/// One basis point: the step of what takes fractions, or is divided by tasks and hosts.
pub(crate) const BASIS_POINT: Weight = match Weight::basis_points(1) {
    Some(weight) => weight,
    None => Weight::ZERO,
};

/// How long a change takes to be so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From the API's word to the data plane.
    pub(crate) propagation: Span,
    /// How long an arm may get requests after its weight is zero.
    pub(crate) drain: Span,
}

/// The ability of a router with this step.
pub(crate) const fn ability(
    grid: Weight,
    shift: Operation,
    routes: u8,
    Times { propagation, drain }: Times,
) -> TrafficAbility {
    let routing = RoutingKind::Split { grid };
    TrafficAbility {
        routing,
        shift,
        mirror: false,
        test_traffic: false,
        propagation,
        drain,
        routes,
    }
}

/// A route without a version of its own, as its targets divide it.
///
/// # Errors
/// When they send nothing anywhere.
pub(crate) fn reading(
    targets: &[Weighed],
    arms: &Arms,
    action: &str,
) -> Result<RouteReading, PortError> {
    let split = split(targets, arms).map_err(|why| unsuitable(action, why))?;
    Ok(RouteReading { split, version: None })
}

/// None of these routers copies requests or has test traffic apart from weights. To want none is fine.
pub(crate) fn copies_unsupported(call: &Call, to: Extra) -> Result<(), PortError> {
    if to.mirror == Weight::ZERO && !to.test {
        return Ok(());
    }
    let action = format!("set copies and test traffic of {}", call.target);
    Err(refused(&action, "this router has neither"))
}
