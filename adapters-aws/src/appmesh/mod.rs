//! Routes of App Mesh, **whose end AWS announced for 2026-09-30**: since then it may answer as no
//! service, or not at all. Nobody should start with it; move to ECS-native deployments, VPC Lattice or
//! a load balancer. The feature is off by default. A service that no longer answers as App Mesh is told
//! apart from a failed call ([`Class::Gone`]).
//!
//! What a caller should know:
//!
//! - `UpdateRoute` replaces the whole specification and takes no precondition: a write is class 3. The
//!   route is read, and sent back with other weights; priority, match, retry policy, time-outs and
//!   ports survive.
//! - Each update raises the route's version by one. An answer with any other version says that
//!   somebody wrote in between: what they wrote is overwritten by then, and the outcome counts as
//!   unknown, so that the world is read again before anything else is done.
//! - Our client token is made of the move's and of what is sent. It removes repeats; it does not order.
//! - Weights are whole percents that sum to 100. A route with a third target, without one of the arms',
//!   or of another protocol than was declared is refused.
//! - A 200 is not proof: Envoy proxies were once seen to reject what the API had accepted, and to keep
//!   the old weights. Judge by what is measured.
//!
//! It must not know who runs the nodes.

mod gone;
mod preflight;
mod spec;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use aws_sdk_appmesh::{
    Client,
    types::{RouteData, RouteSpec, RouteStatusCode},
};
use tidegate_core::{
    Call, Extra, Obstacle, PortError, Revisions, SafetyClass, Span, Split, Target, TrafficAbility,
    TrafficReading, TrafficShifter, Version, Weight,
};

use crate::{
    account::{Account, Bounded, Channel, Turn, bounded_client},
    error::{
        Class::{self, Later, Refused},
        Effect, Operation,
    },
    limiter::Quota,
    place::{Arms, Placement},
    port::{doubtful, incomplete, refused, unsuitable},
    router::{Times, ability, copies_unsupported, reading},
    routes::{RouteCount, Routes},
    token,
    weights::{self, Scale},
};
pub use spec::RouteProtocol;

/// A route, by the names of what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeshRoute {
    /// The mesh.
    pub mesh: String,
    /// The account that owns the mesh, where another shares it: every call needs it then.
    pub mesh_owner: Option<String>,
    /// The virtual router.
    pub router: String,
    /// The route.
    pub route: String,
    /// What it routes.
    pub protocol: RouteProtocol,
}

impl fmt::Display for MeshRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {} of {} in mesh {}", self.route, self.router, self.mesh)
    }
}

/// How routes are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeshOptions {
    /// How long a change of weights takes to reach every proxy.
    pub propagation: Span,
    /// How long a connection may live on after its node has lost its weight.
    pub drain: Span,
}

impl Default for MeshOptions {
    /// AWS states neither. A minute for proxies to be told; five for connections to end.
    fn default() -> Self {
        Self { propagation: Span::minutes(1), drain: Span::minutes(5) }
    }
}

/// Shifts traffic between virtual nodes.
#[derive(Clone, Debug)]
pub struct MeshRoutes {
    client: Bounded<Client>,
    channel: Channel,
    routes: Routes<MeshRoute>,
    placement: Arc<dyn Placement>,
    options: MeshOptions,
}

/// Percent; App Mesh takes nothing finer, and no larger sum.
const SCALE: Scale = Scale { total: 100, most: 100 };

/// A route as read, or as answered.
struct Found {
    spec: RouteSpec,
    version: i64,
}

impl MeshRoutes {
    /// Over these routes, in this order; `placement` names each arm's virtual node.
    ///
    /// # Errors
    /// When there are no routes, or more than 255.
    pub fn new(
        client: &Client,
        account: &Account,
        routes: Vec<MeshRoute>,
        placement: Arc<dyn Placement>,
    ) -> Result<Self, RouteCount> {
        let routes = Routes::new(routes)?;
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let client = bounded_client!(Client, client, account);
        Ok(Self { client, channel, routes, placement, options: MeshOptions::default() })
    }

    /// With other options.
    #[must_use]
    pub const fn with_options(mut self, options: MeshOptions) -> Self {
        self.options = options;
        self
    }

    async fn read(&self, route: &MeshRoute, action: &str) -> Result<Found, PortError> {
        let request = self.client.describe_route().mesh_name(&route.mesh);
        let request = request.set_mesh_owner(route.mesh_owner.clone());
        let request = request.virtual_router_name(&route.router).route_name(&route.route).send();
        let reply = self.channel.send(DESCRIBE_ROUTE, READS, action, request).await;
        let data = reply.map_err(gone::told_apart)?.route;
        let data = data.ok_or_else(|| incomplete(action, format!("{route} was not answered")))?;
        active(route, &data, action)?;
        found(route, data, action)
    }

    async fn write(
        &self,
        route: &MeshRoute,
        call: &Call,
        turn: Turn,
        spec: RouteSpec,
        action: &str,
    ) -> Result<Found, PortError> {
        let token = token::of(call, &format!("{spec:?}"));
        let request = self.client.update_route().mesh_name(&route.mesh);
        let request = request.set_mesh_owner(route.mesh_owner.clone()).client_token(token);
        let request = request.virtual_router_name(&route.router).route_name(&route.route);
        let reply = turn.send(action, request.spec(spec).send()).await?;
        let unknown = || doubtful(action, "the answer shows no route");
        let data = reply.route.ok_or_else(unknown)?;
        found(route, data, action).map_err(|_| unknown())
    }
}

#[async_trait]
impl TrafficShifter for MeshRoutes {
    fn ability(&self) -> TrafficAbility {
        // Read, write.
        let shift = self.channel.limits().operation(SafetyClass::BareSet, 2, Span::ZERO);
        let MeshOptions { propagation, drain } = self.options;
        ability(SCALE.grid(), shift, self.routes.count(), Times { propagation, drain })
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        let action = format!("read the weights of {target}");
        let arms = Arms::find(&*self.placement, target, revisions).await?;
        let mut routes = Vec::new();
        for route in self.routes.iter() {
            let found = self.read(route, &action).await?;
            let targets = spec::targets(&found.spec, route.protocol);
            let targets = targets.map_err(|why| unsuitable(&action, why))?;
            routes.push(reading(&targets, &arms, &action)?);
        }
        Ok(TrafficReading { routes, extra: None })
    }

    async fn shift(&self, call: &Call, to: Split, _: Option<&Version>) -> Result<(), PortError> {
        let route = self.routes.of(call)?;
        let action = format!("shift traffic of {} on {route}", call.target);
        let arms = Arms::find(&*self.placement, &call.target, &call.revisions).await?;
        // Before the reading, so that nothing but the reading itself comes between it and the write.
        let turn = self.channel.turn(UPDATE_ROUTE, WRITES, &action).await?;
        let before = self.read(route, &action).await?;
        let targets = spec::targets(&before.spec, route.protocol);
        let targets = targets.map_err(|why| unsuitable(&action, why))?;
        spec::both_and_nobody_else(&targets, &arms).map_err(|why| unsuitable(&action, why))?;
        let wanted = weights::divide(&targets, &arms, to.of_arms(), SCALE);
        let wanted = wanted.map_err(|why| unsuitable(&action, why))?;
        let sent = spec::with_weights(&before.spec, route.protocol, &wanted);
        let after = self.write(route, call, turn, sent.clone(), &action).await?;
        check(&before, &sent, &after).map_err(|why| doubtful(&action, why))
    }

    async fn mirror(&self, call: &Call, to: Extra) -> Result<(), PortError> {
        copies_unsupported(call, to)
    }

    async fn preflight(
        &self,
        target: &Target,
        revisions: &Revisions,
        weights: &[Weight],
    ) -> Vec<Obstacle> {
        self.obstacles(target, revisions, weights).await
    }
}

/// Whether nobody else has written between our reading and our writing. The answer to a repeat, which
/// our token removes, shows the version that was read.
fn check(before: &Found, sent: &RouteSpec, after: &Found) -> Result<(), String> {
    let repeated = after.version == before.version && before.spec == *sent;
    if after.version != before.version + 1 && !repeated {
        return Err(format!(
            "version {} was read and version {} answered: somebody else has written",
            before.version, after.version
        ));
    }
    if after.spec == *sent {
        return Ok(());
    }
    Err("the answer shows another specification than was sent".to_owned())
}

/// A state that nobody here knows may pass.
fn active(route: &MeshRoute, data: &RouteData, action: &str) -> Result<(), PortError> {
    match data.status().map(|status| status.status()) {
        Some(RouteStatusCode::Active) => Ok(()),
        Some(RouteStatusCode::Deleted) => Err(refused(action, format!("{route} is deleted"))),
        status => {
            let status = status.map_or("unknown", RouteStatusCode::as_str);
            Err(incomplete(action, format!("{route} is not active but {status}")))
        }
    }
}

fn found(route: &MeshRoute, data: RouteData, action: &str) -> Result<Found, PortError> {
    match (data.spec, data.metadata) {
        (Some(spec), Some(metadata)) => Ok(Found { spec, version: metadata.version }),
        _ => Err(incomplete(
            action,
            format!("{route} was answered without specification or version"),
        )),
    }
}

const fn operation(name: &'static str, effect: Effect) -> Operation {
    Operation { service: "appmesh", name, effect, refusals: REFUSALS }
}

const DESCRIBE_ROUTE: Operation = operation("DescribeRoute", Effect::Reads);
const DESCRIBE_VIRTUAL_NODE: Operation = operation("DescribeVirtualNode", Effect::Reads);
const UPDATE_ROUTE: Operation = operation("UpdateRoute", Effect::Writes);

/// AWS documents no rates for App Mesh; these are Elastic Load Balancing's, halved again.
const READS: Quota = Quota { family: "describe", burst: 10, per_second: 5 };
/// As for reads.
const WRITES: Quota = Quota { family: "update", burst: 5, per_second: 2 };

/// The 4xx errors that the model names for these operations; throttling is known to all.
const REFUSALS: &[(&str, Class)] = &[
    ("BadRequestException", Refused),
    // A token that was used for another specification, or an update that is under way.
    ("ConflictException", Later),
    ("ForbiddenException", Refused),
    ("LimitExceededException", Refused),
    ("NotFoundException", Refused),
];
