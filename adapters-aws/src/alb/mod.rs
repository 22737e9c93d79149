//! Weighted target groups of Application and Network Load Balancers: rules, and default actions of
//! listeners.
//!
//! What a caller should know:
//!
//! - `ModifyRule` and `ModifyListener` replace the list of actions whole and take no precondition: a
//!   write is class 3. Each is read first, and sent back with other weights and nothing else changed.
//!   A change that somebody else makes to *the actions* between that reading and that writing, one
//!   round trip apart whatever waits in the queue, is overwritten and can not be noticed; conditions,
//!   certificates and all else are not sent, and can not be lost.
//! - A client that target-group stickiness holds stays where it is whatever the weights say, so a
//!   sticky route is refused, unless told to wait stickiness out ([`Stickiness`]).
//! - Weight is given to a candidate only when enough of its targets are healthy. The way back is not
//!   held up by anybody's health.
//! - A target group that is on no rule is not checked for health. One that is new to the route is put
//!   on it with weight zero first.
//! - A change takes effect some time after the API has answered, and connections outlive it: the
//!   declared propagation and drain say how long.
//!
//! It must not know who deploys what the target groups hold.

mod actions;
mod api;
mod preflight;
mod route;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use aws_sdk_elasticloadbalancingv2::{
    Client,
    types::{Action, TargetHealthStateEnum},
};
use tidegate_core::{
    Call, Extra, FailureKind, Obstacle, PortError, Revisions, RouteReading, SafetyClass, Span,
    Split, Target, TrafficAbility, TrafficReading, TrafficShifter, Version, Weight,
};
use tokio::time::Instant;

use crate::{
    account::{Account, Bounded, Channel, Turn, bounded_client},
    pause::jittered,
    place::{Arms, Placement},
    port::{doubtful, refused, unsuitable},
    router::{Times, ability, copies_unsupported, reading},
    routes::{RouteCount, Routes},
    weights::{self, Scale, Unfit, Weighed, weight_of},
};
use actions::{Forward, comparable, forward, with_weights};

/// Where a load balancer divides traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlbRoute {
    /// A rule of an Application Load Balancer, by its ARN; not a listener's default rule.
    Rule(String),
    /// The default action of a listener, by the listener's ARN: of either kind of load balancer.
    Listener(String),
}

impl fmt::Display for AlbRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(arn) => write!(f, "rule {arn}"),
            Self::Listener(arn) => write!(f, "the default action of listener {arn}"),
        }
    }
}

/// What to do about a route whose clients stay with the target group they were sent to first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stickiness {
    /// Shift nothing: weights would not do what the plan says.
    Refuse,
    /// Shift, and keep an arm that has lost its weight until no client can be held to it any more.
    WaitOut {
        /// The longest stickiness that is accepted. It becomes part of the declared drain.
        up_to: Span,
    },
}

/// How routes are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlbOptions {
    /// What to do about target-group stickiness.
    pub stickiness: Stickiness,
    /// How many targets of the candidate have to be healthy before its weight is raised. Zero asks
    /// for none: right only where health checks are off, as with Lambda targets.
    pub healthy_targets: usize,
    /// How long one call may wait for that, where it has put the target group on the route itself.
    pub health_wait: Span,
    /// Steps of a fifth of a percent in place of whole percents.
    pub fine: bool,
    /// How long a change of weights takes to reach the data plane.
    pub propagation: Span,
    /// The largest deregistration delay of the target groups: how long a connection may live on.
    pub deregistration: Span,
}

impl Default for AlbOptions {
    /// Stickiness refused; one healthy target, waited for half a minute; whole percents; AWS's own
    /// 300 s of deregistration delay. Two minutes for a change to reach every node: errors were seen
    /// by others when the old side was removed sooner after the last step.
    fn default() -> Self {
        Self {
            stickiness: Stickiness::Refuse,
            healthy_targets: 1,
            health_wait: Span::seconds(30),
            fine: false,
            propagation: Span::minutes(2),
            deregistration: Span::seconds(300),
        }
    }
}

/// Shifts traffic between target groups.
#[derive(Clone, Debug)]
pub struct AlbRoutes {
    client: Bounded<Client>,
    channel: Channel,
    routes: Routes<AlbRoute>,
    placement: Arc<dyn Placement>,
    options: AlbOptions,
}

impl AlbRoutes {
    /// Over these routes, in this order; `placement` names the ARN of each arm's target group.
    ///
    /// # Errors
    /// When there are no routes, or more than 255.
    pub fn new(
        client: &Client,
        account: &Account,
        routes: Vec<AlbRoute>,
        placement: Arc<dyn Placement>,
    ) -> Result<Self, RouteCount> {
        let routes = Routes::new(routes)?;
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let client = bounded_client!(Client, client, account);
        Ok(Self { client, channel, routes, placement, options: AlbOptions::default() })
    }

    /// With other options.
    #[must_use]
    pub const fn with_options(mut self, options: AlbOptions) -> Self {
        self.options = options;
        self
    }

    const fn scale(&self) -> Scale {
        if self.options.fine { Scale::FINE } else { Scale::PERCENT }
    }

    fn drain(&self) -> Span {
        match self.options.stickiness {
            Stickiness::Refuse => self.options.deregistration,
            Stickiness::WaitOut { up_to } => up_to.max(self.options.deregistration),
        }
    }

    fn refuse_stickiness(&self, found: &Forward, action: &str) -> Result<(), PortError> {
        let Some(held) = found.sticky else { return Ok(()) };
        match self.options.stickiness {
            Stickiness::WaitOut { up_to } if held <= up_to => Ok(()),
            _ => Err(refused(
                action,
                format!("target-group stickiness holds clients for {held}, whatever the weights"),
            )),
        }
    }

    /// Puts the candidate's target group on the route with weight zero, so that its health is checked.
    async fn attach(&self, place: &Place<'_>, plan: &Planned, turn: Turn) -> Result<(), PortError> {
        let mut targets = plan.found.targets.clone();
        targets.push(Weighed { place: place.arms.candidate.clone(), weight: 0 });
        let sent = with_weights(&plan.actions, &plan.found, &targets);
        self.write(place.route, turn, sent, place.action).await.map(drop)
    }

    /// Waits until enough of the candidate's targets are healthy.
    async fn healthy(&self, place: &Place<'_>, within: Span) -> Result<(), PortError> {
        let by = Instant::now() + within.duration();
        loop {
            let healthy = self.healthy_targets(&place.arms.candidate, place.action).await?;
            if healthy >= self.options.healthy_targets {
                return Ok(());
            }
            let next = Instant::now() + jittered(HEALTH_POLL);
            if next > by {
                let (wanted, group) = (self.options.healthy_targets, &place.arms.candidate);
                let why = format!("{healthy} of {wanted} targets of {group} are healthy");
                return Err(PortError::new(FailureKind::Retryable, place.action).because(why));
            }
            tokio::time::sleep_until(next).await;
        }
    }

    /// A state that nobody here knows counts as not healthy.
    async fn healthy_targets(&self, group: &str, action: &str) -> Result<usize, PortError> {
        let request = self.client.describe_target_health().target_group_arn(group).send();
        let sent = self.channel.send(api::DESCRIBE_TARGET_HEALTH, api::READS, action, request);
        let reply = sent.await?;
        let states = reply.target_health_descriptions().iter();
        let states = states.filter_map(|one| one.target_health()?.state());
        Ok(states.filter(|state| **state == TargetHealthStateEnum::Healthy).count())
    }
}

/// Between two looks at targets that are not healthy yet.
const HEALTH_POLL: Span = Span::seconds(5);

/// What one shift is about.
struct Place<'a> {
    route: &'a AlbRoute,
    arms: &'a Arms,
    action: &'a str,
}

#[async_trait]
impl TrafficShifter for AlbRoutes {
    fn ability(&self) -> TrafficAbility {
        let pause = self.options.health_wait;
        // Read, attach, look at health, look again, read again, write.
        let shift = self.channel.limits().operation(SafetyClass::BareSet, 6, pause);
        let times = Times { propagation: self.options.propagation, drain: self.drain() };
        ability(self.scale().grid(), shift, self.routes.count(), times)
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        let action = format!("read the weights of {target}");
        let arms = Arms::find(&*self.placement, target, revisions).await?;
        let found = self.read_all(&action).await?;
        let read = |actions: &Vec<Action>| -> Result<RouteReading, PortError> {
            let found = forward(actions).map_err(|why| unsuitable(&action, why))?;
            reading(&found.targets, &arms, &action)
        };
        let routes = found.iter().map(read).collect::<Result<_, _>>()?;
        Ok(TrafficReading { routes, extra: None })
    }

    async fn shift(&self, call: &Call, to: Split, _: Option<&Version>) -> Result<(), PortError> {
        let route = self.routes.of(call)?;
        let action = format!("shift traffic of {} on {route}", call.target);
        let arms = Arms::find(&*self.placement, &call.target, &call.revisions).await?;
        let place = Place { route, arms: &arms, action: &action };
        // Before the reading, so that nothing but the reading itself comes between it and the write.
        let mut turn = self.turn(route, &action).await?;
        let mut plan = self.plan(&place, to).await?;
        if self.options.healthy_targets > 0 && plan.raises(&arms.candidate) {
            turn = self.make_ready(&place, &plan, turn).await?;
            // What somebody else has written meanwhile is kept.
            plan = self.plan(&place, to).await?;
        }
        let sent = with_weights(&plan.actions, &plan.found, &plan.wanted);
        let told = self.write(route, turn, sent.clone(), &action).await?;
        if comparable(&told) == comparable(&sent) {
            return Ok(());
        }
        let why = "the answer shows other actions than were sent: somebody else has written";
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

impl AlbRoutes {
    /// Reads the route, and says what is to become of it.
    async fn plan(&self, place: &Place<'_>, to: Split) -> Result<Planned, PortError> {
        let action = place.action;
        let actions = self.read(place.route, action).await?;
        let found = forward(&actions).map_err(|why| unsuitable(action, why))?;
        self.refuse_stickiness(&found, action)?;
        let wanted = weights::divide(&found.targets, place.arms, to.of_arms(), self.scale());
        let wanted = wanted.map_err(|why: Unfit| unsuitable(action, why))?;
        Ok(Planned { actions, found, wanted })
    }

    /// Returns once the candidate can take more than it has, with the turn of the next write.
    async fn make_ready(
        &self,
        place: &Place<'_>,
        plan: &Planned,
        turn: Turn,
    ) -> Result<Turn, PortError> {
        let candidate = &place.arms.candidate;
        if plan.found.targets.iter().any(|one| one.place == *candidate) {
            self.healthy(place, Span::ZERO).await?;
            return Ok(turn);
        }
        self.attach(place, plan, turn).await?;
        self.healthy(place, self.options.health_wait).await?;
        self.turn(place.route, place.action).await
    }
}

/// A route as read, and as it is to be.
struct Planned {
    actions: Vec<Action>,
    found: Forward,
    wanted: Vec<Weighed>,
}

impl Planned {
    /// Whether a target's share of the whole rises.
    fn raises(&self, place: &str) -> bool {
        let sum = |all: &[Weighed]| all.iter().map(|one| u64::from(one.weight)).sum::<u64>();
        let (before, after) = (&self.found.targets, &self.wanted);
        let (was, is) = (weight_of(before, place), weight_of(after, place));
        u64::from(is) * sum(before).max(1) > u64::from(was) * sum(after)
    }
}
