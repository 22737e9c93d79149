//! A route's specification, with other weights and nothing else changed. Pure.

use std::{collections::BTreeSet, fmt};

use aws_sdk_appmesh::types::{RouteSpec, WeightedTarget};

use crate::{
    place::Arms,
    weights::{Weighed, weight_of},
};

/// What a route routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteProtocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
    /// TCP.
    Tcp,
}

impl RouteProtocol {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Http, Self::Http2, Self::Grpc, Self::Tcp];

    fn is_in(self, spec: &RouteSpec) -> bool {
        match self {
            Self::Http => spec.http_route().is_some(),
            Self::Http2 => spec.http2_route().is_some(),
            Self::Grpc => spec.grpc_route().is_some(),
            Self::Tcp => spec.tcp_route().is_some(),
        }
    }
}

impl fmt::Display for RouteProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "http",
            Self::Http2 => "http2",
            Self::Grpc => "grpc",
            Self::Tcp => "tcp",
        })
    }
}

/// Why a specification can not carry a rollout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsuitable {
    #[error("it routes {found:?}, and {wanted} was declared")]
    Protocol { found: Vec<String>, wanted: RouteProtocol },
    #[error("it names node {0} more than once")]
    Twice(String),
    #[error("it has a target {0}, which is neither arm's")]
    ThirdTarget(String),
    #[error("it has no target {0}; add it with weight 0")]
    Missing(String),
    #[error("node {node} has weight {weight}")]
    BadWeight { node: String, weight: i32 },
}

/// The nodes of the declared protocol's route and their weights.
pub(super) fn targets(
    spec: &RouteSpec,
    protocol: RouteProtocol,
) -> Result<Vec<Weighed>, Unsuitable> {
    let found: Vec<_> = RouteProtocol::ALL.into_iter().filter(|one| one.is_in(spec)).collect();
    if found != [protocol] {
        let found = found.iter().map(ToString::to_string).collect();
        return Err(Unsuitable::Protocol { found, wanted: protocol });
    }
    let mut names = BTreeSet::new();
    let weighed = |target: &WeightedTarget| {
        let (node, weight) = (target.virtual_node().to_owned(), target.weight());
        if !names.insert(node.clone()) {
            return Err(Unsuitable::Twice(node));
        }
        let bad = |_| Unsuitable::BadWeight { node: node.clone(), weight };
        Ok(Weighed { weight: u32::try_from(weight).map_err(bad)?, place: node })
    };
    let mut spec = spec.clone();
    weighted(&mut spec, protocol).iter().map(weighed).collect()
}

/// App Mesh sums weights over all targets, so a third one could not keep its share to the number.
pub(super) fn both_and_nobody_else(targets: &[Weighed], arms: &Arms) -> Result<(), Unsuitable> {
    if let Some(third) = targets.iter().find(|one| !arms.has(&one.place)) {
        return Err(Unsuitable::ThirdTarget(third.place.clone()));
    }
    let mut wanted = arms.stable.iter().chain([&arms.candidate]);
    let missing = wanted.find(|arm| !targets.iter().any(|one| one.place == **arm));
    missing.map_or(Ok(()), |arm| Err(Unsuitable::Missing(arm.clone())))
}

/// The same specification with these weights.
pub(super) fn with_weights(
    spec: &RouteSpec,
    protocol: RouteProtocol,
    wanted: &[Weighed],
) -> RouteSpec {
    let mut spec = spec.clone();
    for target in weighted(&mut spec, protocol) {
        let weight = weight_of(wanted, target.virtual_node());
        target.weight = i32::try_from(weight).unwrap_or(i32::MAX);
    }
    spec
}

/// The weighted targets of one protocol; none where the specification has no such route.
fn weighted(spec: &mut RouteSpec, protocol: RouteProtocol) -> &mut [WeightedTarget] {
    let targets = match protocol {
        RouteProtocol::Http => spec
            .http_route
            .as_mut()
            .and_then(|route| route.action.as_mut())
            .map(|a| &mut a.weighted_targets),
        RouteProtocol::Http2 => spec
            .http2_route
            .as_mut()
            .and_then(|route| route.action.as_mut())
            .map(|a| &mut a.weighted_targets),
        RouteProtocol::Grpc => spec
            .grpc_route
            .as_mut()
            .and_then(|route| route.action.as_mut())
            .map(|a| &mut a.weighted_targets),
        RouteProtocol::Tcp => spec
            .tcp_route
            .as_mut()
            .and_then(|route| route.action.as_mut())
            .map(|a| &mut a.weighted_targets),
    };
    targets.map(Vec::as_mut_slice).unwrap_or_default()
}
