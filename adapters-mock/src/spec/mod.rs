//! A simulated world as data: what people write in a world file, and what strategies generate.
//!
//! Everything has a default, so that a file says only what is special about its world. This file
//! must not know the fleet: it describes, and never moves.

mod effect;
mod parts;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Capabilities, CapacityKind, DeployAbility, HookAnswer, RoutingKind, SafetyClass, Span,
    Timestamp, TrafficAbility, Version, Weight, World,
};

pub(crate) use effect::Circumstances;
pub use effect::{EffectSpec, Shape};
pub use parts::*;

use crate::faults::{CrashPoint, Fault, Happening};

/// A simulated world as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldSpec {
    /// Replicas that carry all the traffic (without zones).
    pub size: u32,
    /// Replicas by zone, where the target has zones; `size` is then their sum.
    pub zones: BTreeMap<String, u32>,
    /// Whether nothing serves yet.
    pub first: bool,
    /// How capacity is expressed.
    pub capacity: CapacityKind,
    /// Whether there is no router, so that traffic follows the replicas.
    pub routerless: bool,
    /// The smallest difference between two weights.
    pub grid: Weight,
    /// How many routes there are, 1 at least.
    pub routes: u8,
    /// The share of every route that goes to neither arm.
    pub other: Weight,
    /// Time until the data plane follows a write.
    pub propagation: Span,
    /// How long an arm may get requests after its weight is zero.
    pub drain: Span,
    /// Whether requests can be copied.
    pub mirror: bool,
    /// Whether test traffic can be set.
    pub test_traffic: bool,
    /// How long the target takes to answer a call.
    pub answers_in: Span,
    /// The replicas that serve at the start.
    pub stable: ArmSpec,
    /// The replicas of every revision that comes in.
    pub candidate: ArmSpec,
    /// What a replica can carry, as a multiple of its share of all traffic; beyond it requests fail.
    pub headroom: f64,
    /// Requests.
    pub requests: RequestSpec,
    /// Probability that a request fails.
    pub error_rate: f64,
    /// Latency of the requests.
    pub latency: LatencySpec,
    /// The shares of the classes that answers fall into (labels, deciles of a score); none when
    /// the service does not classify.
    pub classes: Vec<f64>,
    /// How every revision that comes in differs.
    pub effect: EffectSpec,
    /// How particular revisions differ, instead of `effect`.
    pub effects: BTreeMap<String, EffectSpec>,
    /// How measurements are made.
    pub metrics: MetricSpec,
    /// How long the target knows the token of a call that took effect, where calls have one; for ever
    /// when none. A repeat after it takes effect again.
    pub token_window: Option<Span>,
    /// How safe a shift is.
    pub shift: OperationSpec,
    /// How safe provisioning, scaling and retiring are.
    pub scale: OperationSpec,
    /// A platform that sets its own pace.
    pub platform: Option<PlatformWorldSpec>,
    /// What hooks answer, one asking after another; the last answer stays.
    pub hooks: BTreeMap<String, Vec<HookAnswer>>,
    /// What goes wrong with calls and measurements.
    pub faults: Vec<Fault>,
    /// What people do behind our back, and what just happens.
    pub happenings: Vec<Happening>,
    /// Where the engine is to crash.
    pub crashes: Vec<CrashPoint>,
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self {
            size: 10,
            zones: BTreeMap::new(),
            first: false,
            capacity: CapacityKind::Counted,
            routerless: false,
            grid: Weight::percent(1),
            routes: 1,
            other: Weight::ZERO,
            propagation: Span::seconds(5),
            drain: Span::seconds(60),
            mirror: true,
            test_traffic: true,
            answers_in: Span(50),
            stable: ArmSpec::default(),
            candidate: ArmSpec::default(),
            headroom: 1.5,
            requests: RequestSpec::default(),
            error_rate: 0.002,
            latency: LatencySpec::default(),
            classes: Vec::new(),
            effect: EffectSpec::default(),
            effects: BTreeMap::new(),
            metrics: MetricSpec::default(),
            token_window: None,
            shift: OperationSpec::default(),
            scale: OperationSpec::default(),
            platform: None,
            hooks: BTreeMap::new(),
            faults: Vec::new(),
            happenings: Vec::new(),
            crashes: Vec::new(),
        }
    }
}

impl WorldSpec {
    /// A fair world with a release that is as good as the one before.
    #[must_use]
    pub fn good() -> Self {
        Self::default()
    }

    /// A fair world with a release of which one request in five fails.
    #[must_use]
    pub fn bad() -> Self {
        Self::default().with_effect(EffectSpec { errors: 0.2, ..EffectSpec::default() })
    }

    /// A fair world with a release whose errors grow to one in five over `over`.
    #[must_use]
    pub fn leaking(over: Span) -> Self {
        Self::default().with_effect(EffectSpec {
            errors: 0.2,
            shape: Shape::Leak(over),
            ..EffectSpec::default()
        })
    }

    /// A fair world with a release that is three times as slow.
    #[must_use]
    pub fn slow() -> Self {
        Self::default().with_effect(EffectSpec { latency_ratio: 3.0, ..EffectSpec::default() })
    }

    /// A fair world with a release whose replicas crash on every start.
    #[must_use]
    pub fn crashing() -> Self {
        let candidate = ArmSpec { crash_on_start: 1.0, ..ArmSpec::default() };
        Self { candidate, ..Self::default() }
    }

    /// A target without a router.
    #[must_use]
    pub fn without_router() -> Self {
        Self { routerless: true, mirror: false, test_traffic: false, ..Self::default() }
    }

    /// The same world, with another effect of new revisions.
    #[must_use]
    pub fn with_effect(self, effect: EffectSpec) -> Self {
        Self { effect, ..self }
    }

    /// The same world, with one more fault.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// The same world, where one more thing happens.
    #[must_use]
    pub fn with_happening(mut self, happening: Happening) -> Self {
        self.happenings.push(happening);
        self
    }

    /// Units that carry all the traffic: replicas over all zones, or basis points.
    #[must_use]
    pub fn full(&self) -> u32 {
        match self.capacity {
            CapacityKind::Percent => 10_000,
            _ if self.zones.is_empty() => self.size,
            _ => self.zones.values().sum(),
        }
    }

    /// The full size by zone; the first entry holds all of it where there are no zones.
    pub(crate) fn full_by_zone(&self) -> [u32; Capabilities::MAX_ZONES] {
        let mut by_zone = [0; Capabilities::MAX_ZONES];
        if self.zones.is_empty() || self.capacity == CapacityKind::Percent {
            by_zone[0] = self.full();
        } else {
            for (slot, n) in by_zone.iter_mut().zip(self.zones.values()) {
                *slot = *n;
            }
        }
        by_zone
    }

    /// What the world's traffic shifter can do.
    #[must_use]
    pub fn traffic_ability(&self) -> TrafficAbility {
        let routing = if self.routerless {
            RoutingKind::FollowsCapacity
        } else {
            RoutingKind::Split { grid: self.grid }
        };
        TrafficAbility {
            routing,
            shift: self.shift.operation(),
            mirror: self.mirror,
            test_traffic: self.test_traffic,
            propagation: self.propagation,
            drain: self.drain,
            routes: self.routes.max(1),
        }
    }

    /// What the world's deployment actions can do.
    #[must_use]
    pub fn deploy_ability(&self) -> DeployAbility {
        DeployAbility {
            capacity: self.capacity,
            zones: self.zones.keys().cloned().collect(),
            scale: self.scale.operation(),
            platform: self.platform.as_ref().map(PlatformWorldSpec::ability),
        }
    }

    /// What the world's adapters can do together: what a plan for it is compiled for.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::of(&self.traffic_ability(), &self.deploy_ability(), self.metrics.lag)
    }

    /// The world as a rollout finds it at the start.
    #[must_use]
    pub fn found(&self, now: Timestamp) -> World {
        let caps = self.capabilities();
        let mut world = if self.first {
            World::empty(&caps, self.full(), now)
        } else if self.zones.is_empty() {
            World::at_rest(&caps, self.full(), now)
        } else {
            let counts: Vec<u32> = self.zones.values().copied().collect();
            World::at_rest_in_zones(&caps, &counts, now)
        };
        if self.shift.class == SafetyClass::CompareAndSet && !self.routerless {
            world.traffic.versions =
                Some((0..self.routes.max(1)).map(|_| Version::from("0")).collect());
        }
        if let Some(seen) = &mut world.traffic.seen {
            seen.other = self.other;
        }
        world
    }

    /// The signal behind a metric's name.
    #[must_use]
    pub fn signal(&self, metric: &str) -> Option<Signal> {
        let built_in = || Signal::NAMES.iter().find(|(name, _)| *name == metric).map(|(_, s)| *s);
        self.metrics.names.get(metric).copied().or_else(built_in)
    }

    /// How a revision differs; `initial` is the one that served at the start.
    pub(crate) fn effect_of(&self, revision: Option<&str>, initial: bool) -> Option<&EffectSpec> {
        let named = revision.and_then(|name| self.effects.get(name));
        named.or_else(|| (!initial).then_some(&self.effect))
    }
}
