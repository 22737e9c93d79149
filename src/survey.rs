//! Reads the world through the ports: as found before a rollout, and as seen during one.
//!
//! A part that fails, panics or takes too long is absent from the result. Must not know phases.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use tidegate_core::{
    Arm, Call, CapacityKind, Epoch, FailureKind, MoveId, Observation, Plan, PlatformSeen,
    PortError, Revisions, RoutingKind, SeenCapacity, SeenTraffic, Sought, Span, Target, Timestamp,
    TrafficReading, Versions, Weight, World,
};

use crate::{bounded::bounded, ports::Ports, reads::LOOK_LIMIT};

/// What is needed to read one target.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    ports: Arc<Ports>,
    target: Target,
    revisions: Revisions,
    routing: RoutingKind,
    traffic_limit: Span,
    capacity_limit: Span,
    platform_limit: Span,
}

/// What a survey comes to.
#[derive(Debug)]
pub(crate) struct Surveyed {
    /// What was read; `None` when nothing was.
    pub(crate) seen: Option<Box<Observation>>,
    /// Whether a part of it was not, because the target takes no more calls for now.
    pub(crate) throttled: bool,
}

/// A platform's deployment, by the move that started it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) by: MoveId,
    pub(crate) arm: Arm,
    pub(crate) since: Timestamp,
}

impl Survey {
    /// A survey of the plan's target. Reads get as long as the calls of the same surface.
    pub(crate) fn of(ports: Arc<Ports>, plan: &Plan, revisions: &Revisions) -> Self {
        let caps = plan.capabilities();
        let platform = caps.platform.as_ref().map_or(caps.scale, |platform| platform.control);
        Self {
            ports,
            target: plan.target().clone(),
            revisions: revisions.clone(),
            routing: caps.routing,
            traffic_limit: caps.shift.time_limit,
            capacity_limit: caps.scale.time_limit,
            platform_limit: platform.time_limit,
        }
    }

    /// The world now, as a rollout finds it.
    ///
    /// # Errors
    /// When any part of it can not be read.
    pub(crate) async fn found(&self, plan: &Plan, now: Timestamp) -> Result<World, PortError> {
        let capacity = self.capacity().await?;
        let mut world = World::at_rest(plan.capabilities(), capacity.full, now);
        world.full_by_zone = capacity.full_by_zone;
        world.stable = capacity.stable;
        world.candidate = capacity.candidate;
        if world.kind != CapacityKind::Percent {
            world.full = capacity.full;
        }
        if world.follows_capacity() {
            return Ok(world);
        }
        let reading = self.traffic().await?;
        let none = || self.failed("read the routes of", "there is none".into());
        let seen = seen_traffic(&reading, now).ok_or_else(none)?;
        world.traffic.asked = seen.high;
        world.traffic.matched = seen.low == seen.high;
        world.traffic.seen = Some(seen);
        world.traffic.versions = versions(&reading);
        let extra = reading.extra.unwrap_or_default();
        world.extra.asked = extra;
        world.extra.seen = Some(extra);
        Ok(world)
    }

    /// Whether the plan's metrics can be judged by, as far as they can tell before anything is moved.
    ///
    /// # Errors
    /// When they can not, or nobody can say.
    pub(crate) async fn fit(&self, plan: &Plan) -> Result<(), PortError> {
        let Self { ports, target, revisions, .. } = self.clone();
        let metrics: BTreeSet<String> =
            plan.checks().iter().map(|check| check.metric.clone()).collect();
        let fit = async move {
            let metrics: Vec<&str> = metrics.iter().map(String::as_str).collect();
            ports.health.fit(&target, &revisions, &metrics).await
        };
        let fit = bounded(LOOK_LIMIT, fit).await;
        fit.unwrap_or_else(|broken| Err(self.failed("look at the metrics of", broken.into())))
    }

    /// One observation of everything, its parts read side by side.
    pub(crate) async fn observe(self, began: Timestamp, started: Option<Started>) -> Surveyed {
        let (traffic, capacity, platform) =
            tokio::join!(self.routed_traffic(), self.capacity(), self.platform(started));
        let throttled = [
            traffic.as_ref().and_then(|read| read.as_ref().err()),
            capacity.as_ref().err(),
            platform.as_ref().and_then(|read| read.as_ref().err()),
        ]
        .into_iter()
        .flatten()
        .any(|error| error.kind == FailureKind::Throttled);
        let mut seen = Observation::begun(began);
        if let Some(reading) = traffic.and_then(noted) {
            seen.traffic = seen_traffic(&reading, began);
            seen.versions = versions(&reading);
            seen.extra = reading.extra;
        }
        seen.capacity = noted(capacity);
        seen.platform = platform.and_then(noted);
        let something = seen != Observation::begun(began);
        Surveyed { seen: something.then(|| Box::new(seen)), throttled }
    }

    async fn routed_traffic(&self) -> Option<Result<TrafficReading, PortError>> {
        match self.routing {
            RoutingKind::Split { .. } => Some(self.traffic().await),
            RoutingKind::FollowsCapacity => None,
        }
    }

    async fn traffic(&self) -> Result<TrafficReading, PortError> {
        let Self { ports, target, revisions, .. } = self.clone();
        let read = async move { ports.traffic.observe(&target, &revisions).await };
        let read = bounded(self.traffic_limit, read).await;
        let failed = |why| self.failed("read the routes of", why);
        let reading = read.unwrap_or_else(|broken| Err(failed(broken.into())))?;
        if reading.routes.len() < self.routes() {
            return Err(failed("a route is missing from what was read".into()));
        }
        Ok(reading)
    }

    async fn capacity(&self) -> Result<SeenCapacity, PortError> {
        let Self { ports, target, revisions, .. } = self.clone();
        let read = async move { ports.deploy.observe(&target, &revisions).await };
        let read = bounded(self.capacity_limit, read).await;
        read.unwrap_or_else(|broken| Err(self.failed("count the capacity of", broken.into())))
    }

    async fn platform(&self, started: Option<Started>) -> Option<Result<PlatformSeen, PortError>> {
        let sought = self.sought(started?);
        let ports = Arc::clone(&self.ports);
        let read = async move { ports.deploy.platform(&sought).await };
        let read = bounded(self.platform_limit, read).await;
        Some(
            read.unwrap_or_else(|broken| {
                Err(self.failed("look up the deployment of", broken.into()))
            }),
        )
    }

    /// The deployment that a move started, with the tag that the move's call carried.
    fn sought(&self, started: Started) -> Sought {
        let Started { by, arm, since } = started;
        let (target, revisions) = (self.target.clone(), self.revisions.clone());
        let call = Call { target, revisions, id: by, attempt: 1, epoch: Epoch(0), route: 0 };
        let tag = call.token();
        Sought { target: call.target, revisions: call.revisions, arm, tag, since }
    }

    /// How many routes a complete reading has.
    fn routes(&self) -> usize {
        usize::from(self.ports.traffic.ability().routes.max(1))
    }

    fn failed(&self, verb: &str, why: Box<dyn Error + Send + Sync>) -> PortError {
        PortError::new(FailureKind::Retryable, format!("{verb} {}", self.target)).because(why)
    }
}

fn noted<T>(read: Result<T, PortError>) -> Option<T> {
    read.inspect_err(|error| {
        tracing::warn!(error = error as &dyn Error, "a reading failed");
    })
    .ok()
}

/// The range over all routes; nothing without a route.
fn seen_traffic(reading: &TrafficReading, at: Timestamp) -> Option<SeenTraffic> {
    let weights = || reading.routes.iter().map(|route| route.split.of_arms());
    let other = reading.routes.iter().map(|route| route.split.other()).max();
    let other = other.unwrap_or(Weight::ZERO);
    Some(SeenTraffic { low: weights().min()?, high: weights().max()?, other, at })
}

/// What every route says of itself; nothing unless all of them do.
fn versions(reading: &TrafficReading) -> Option<Versions> {
    let all: Option<Vec<_>> = reading.routes.iter().map(|route| route.version.clone()).collect();
    all.filter(|all| !all.is_empty()).map(Into::into)
}
