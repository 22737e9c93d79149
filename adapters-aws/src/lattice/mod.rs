//! VPC Lattice: rules of a listener, and a listener's default action.
//!
//! `UpdateRule` and `UpdateListener` replace the action whole and take no precondition: a write is
//! class 3. The action is read first, and sent back with other weights; a rule's match and priority,
//! and whatever else a listener has, are not sent, and can not be lost. Weights are compared as
//! ratios. Somebody else's change of *the action* between that reading and that writing, one round trip
//! apart whatever waits in the queue, is overwritten and can not be noticed.
//!
//! It must not know who deploys what the target groups hold.

mod preflight;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use aws_sdk_vpclattice::{
    Client,
    types::{ForwardAction, RuleAction, WeightedTargetGroup},
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
    weights::{self, Scale, Weighed},
};

/// Where a Lattice service divides traffic. All identifiers may be ids or ARNs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatticeRoute {
    /// The service.
    pub service: String,
    /// The listener.
    pub listener: String,
    /// The rule; absent for the listener's default action.
    pub rule: Option<String>,
}

impl fmt::Display for LatticeRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Some(rule) => write!(f, "rule {rule} of listener {}", self.listener),
            None => write!(f, "the default action of listener {}", self.listener),
        }
    }
}

/// How routes are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatticeOptions {
    /// Steps of a fifth of a percent in place of whole percents.
    pub fine: bool,
    /// How long a change of weights takes to reach the data plane.
    pub propagation: Span,
    /// How long a connection may live on after its target group has lost its weight.
    pub drain: Span,
}

impl Default for LatticeOptions {
    /// Whole percents. AWS states neither time; a minute, and five for connections to end, are what
    /// its load balancers take.
    fn default() -> Self {
        Self { fine: false, propagation: Span::minutes(1), drain: Span::minutes(5) }
    }
}

/// Shifts traffic between target groups of VPC Lattice.
#[derive(Clone, Debug)]
pub struct LatticeRoutes {
    client: Bounded<Client>,
    channel: Channel,
    routes: Routes<LatticeRoute>,
    placement: Arc<dyn Placement>,
    options: LatticeOptions,
}

impl LatticeRoutes {
    /// Over these routes, in this order; `placement` names each arm's target group, by id or ARN.
    ///
    /// # Errors
    /// When there are no routes, or more than 255.
    pub fn new(
        client: &Client,
        account: &Account,
        routes: Vec<LatticeRoute>,
        placement: Arc<dyn Placement>,
    ) -> Result<Self, RouteCount> {
        let routes = Routes::new(routes)?;
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let client = bounded_client!(Client, client, account);
        Ok(Self { client, channel, routes, placement, options: LatticeOptions::default() })
    }

    /// With other options.
    #[must_use]
    pub const fn with_options(mut self, options: LatticeOptions) -> Self {
        self.options = options;
        self
    }

    const fn scale(&self) -> Scale {
        if self.options.fine { Scale::FINE } else { Scale::PERCENT }
    }

    async fn arms(&self, target: &Target, revisions: &Revisions) -> Result<Arms, PortError> {
        let Arms { stable, candidate } = Arms::find(&*self.placement, target, revisions).await?;
        let id = |place: String| id_of(&place).to_owned();
        Ok(Arms { stable: stable.map(id), candidate: id(candidate) })
    }

    async fn read(&self, route: &LatticeRoute, action: &str) -> Result<Vec<Weighed>, PortError> {
        let found = match &route.rule {
            Some(rule) => {
                let request = self.client.get_rule().service_identifier(&route.service);
                let request = request.listener_identifier(&route.listener).rule_identifier(rule);
                self.channel.send(GET_RULE, READS, action, request.send()).await?.action
            }
            None => {
                let request = self.client.get_listener().service_identifier(&route.service);
                let request = request.listener_identifier(&route.listener).send();
                self.channel.send(GET_LISTENER, READS, action, request).await?.default_action
            }
        };
        targets(route, found.as_ref(), action)
    }

    /// The turn of a write of one route.
    async fn turn(&self, route: &LatticeRoute, action: &str) -> Result<Turn, PortError> {
        let operation = if route.rule.is_some() { UPDATE_RULE } else { UPDATE_LISTENER };
        self.channel.turn(operation, WRITES, action).await
    }

    /// Replaces the action, and returns what the route then has, as the answer says.
    async fn write(
        &self,
        route: &LatticeRoute,
        turn: Turn,
        targets: &[Weighed],
        action: &str,
    ) -> Result<Option<RuleAction>, PortError> {
        let forward = forward(targets).map_err(|why| unsuitable(action, why))?;
        let told = match &route.rule {
            Some(rule) => {
                let request = self.client.update_rule().service_identifier(&route.service);
                let request = request.listener_identifier(&route.listener).rule_identifier(rule);
                turn.send(action, request.action(forward).send()).await?.action
            }
            None => {
                let request = self.client.update_listener().service_identifier(&route.service);
                let request = request.listener_identifier(&route.listener).default_action(forward);
                turn.send(action, request.send()).await?.default_action
            }
        };
        Ok(told)
    }
}

#[async_trait]
impl TrafficShifter for LatticeRoutes {
    fn ability(&self) -> TrafficAbility {
        // Read, write.
        let shift = self.channel.limits().operation(SafetyClass::BareSet, 2, Span::ZERO);
        let LatticeOptions { propagation, drain, .. } = self.options;
        let times = Times { propagation, drain };
        ability(self.scale().grid(), shift, self.routes.count(), times)
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        let action = format!("read the weights of {target}");
        let arms = self.arms(target, revisions).await?;
        let mut routes = Vec::new();
        for route in self.routes.iter() {
            routes.push(reading(&self.read(route, &action).await?, &arms, &action)?);
        }
        Ok(TrafficReading { routes, extra: None })
    }

    async fn shift(&self, call: &Call, to: Split, _: Option<&Version>) -> Result<(), PortError> {
        let route = self.routes.of(call)?;
        let action = format!("shift traffic of {} on {route}", call.target);
        let arms = self.arms(&call.target, &call.revisions).await?;
        // Before the reading, so that nothing but the reading itself comes between it and the write.
        let turn = self.turn(route, &action).await?;
        let found = self.read(route, &action).await?;
        let wanted = weights::divide(&found, &arms, to.of_arms(), self.scale());
        let wanted = wanted.map_err(|why| unsuitable(&action, why))?;
        let told = self.write(route, turn, &wanted, &action).await?;
        if targets(route, told.as_ref(), &action).is_ok_and(|told| told == wanted) {
            return Ok(());
        }
        let why = "the answer shows another action than was sent: somebody else has written";
        Err(doubtful(&action, why))
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

/// The target groups of an action, by id: the answer has ids where ARNs were sent.
fn targets(
    route: &LatticeRoute,
    found: Option<&RuleAction>,
    action: &str,
) -> Result<Vec<Weighed>, PortError> {
    let groups = match found {
        Some(RuleAction::Forward(forward)) => forward.target_groups(),
        Some(RuleAction::FixedResponse(response)) => {
            let why = format!("{route} answers with status {} itself", response.status_code());
            return Err(refused(action, why));
        }
        Some(_) => {
            let why = format!("{route} has an action that this version does not know");
            return Err(refused(action, why));
        }
        None => return Err(incomplete(action, format!("{route} was answered without its action"))),
    };
    let weighed = |group: &WeightedTargetGroup| {
        let place = id_of(group.target_group_identifier()).to_owned();
        // A group that is alone needs no weight.
        let weight = group.weight().unwrap_or(1);
        let bad = |_| refused(action, format!("{place} has weight {weight}"));
        Ok(Weighed { weight: u32::try_from(weight).map_err(bad)?, place: place.clone() })
    };
    let mut targets = groups.iter().map(weighed).collect::<Result<Vec<_>, PortError>>()?;
    if let [only] = &mut targets[..] {
        only.weight = only.weight.max(1);
    }
    Ok(targets)
}

fn forward(targets: &[Weighed]) -> Result<RuleAction, aws_sdk_vpclattice::error::BuildError> {
    let group = |one: &Weighed| {
        let weight = i32::try_from(one.weight).unwrap_or(i32::MAX);
        WeightedTargetGroup::builder().target_group_identifier(&one.place).weight(weight).build()
    };
    let groups = targets.iter().map(group).collect::<Result<Vec<_>, _>>()?;
    let forward = ForwardAction::builder().set_target_groups(Some(groups)).build()?;
    Ok(RuleAction::Forward(forward))
}

/// The id at the end of an ARN; an id is one already.
fn id_of(identifier: &str) -> &str {
    identifier.rsplit('/').next().unwrap_or(identifier)
}

const fn operation(name: &'static str, effect: Effect) -> Operation {
    Operation { service: "vpc-lattice", name, effect, refusals: REFUSALS }
}

const GET_RULE: Operation = operation("GetRule", Effect::Reads);
const GET_LISTENER: Operation = operation("GetListener", Effect::Reads);
const GET_TARGET_GROUP: Operation = operation("GetTargetGroup", Effect::Reads);
const UPDATE_RULE: Operation = operation("UpdateRule", Effect::Writes);
const UPDATE_LISTENER: Operation = operation("UpdateListener", Effect::Writes);

/// AWS documents no rates for Lattice; these are Elastic Load Balancing's, halved again.
const READS: Quota = Quota { family: "get", burst: 10, per_second: 5 };
/// As for reads.
const WRITES: Quota = Quota { family: "update", burst: 5, per_second: 2 };

/// The 4xx errors that the model names for these operations; throttling is known to all.
const REFUSALS: &[(&str, Class)] = &[
    ("AccessDeniedException", Refused),
    ("ConflictException", Later),
    ("ResourceNotFoundException", Refused),
    ("ServiceQuotaExceededException", Refused),
    ("ValidationException", Refused),
];
