//! What a target's adapters can do, as data. A plan is compiled *for* capabilities.
//!
//! This file must not know any platform: a class and a late bound are all the core ever learns of
//! an API.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Span, Weight};

/// What the target offers to make a call safe. Declared per operation by its adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SafetyClass {
    /// Class 1: a write conditional on a version read before and captured in the journalled intent.
    CompareAndSet,
    /// Class 2: a client token removes repeats, but does not order different calls.
    Token,
    /// Class 3: an absolute overwrite and nothing else.
    BareSet,
    /// Class 4: a creation that can only be found again by its tag.
    BareCreate,
}

impl SafetyClass {
    /// Its number, 1 to 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::CompareAndSet => 1,
            Self::Token => 2,
            Self::BareSet => 3,
            Self::BareCreate => 4,
        }
    }
}

impl fmt::Display for SafetyClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::CompareAndSet => "compare-and-set",
            Self::Token => "client token",
            Self::BareSet => "bare set",
            Self::BareCreate => "bare create",
        };
        write!(f, "class {} ({words})", self.number())
    }
}

/// How safe one operation is, and for how long a call of it may still take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operation {
    /// What the target offers.
    pub class: SafetyClass,
    /// The time after a call's own time limit by which it has either taken effect or never will.
    pub late_bound: Span,
    /// How long one call may take before its outcome counts as unknown.
    pub time_limit: Span,
}

/// How capacity is expressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapacityKind {
    /// Replicas, tasks or hosts that can be counted.
    Counted,
    /// A share of the full size, in basis points.
    Percent,
    /// Grows with its traffic; nothing to provision and nothing to wait for.
    Elastic,
}

/// How traffic reaches the arms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoutingKind {
    /// A router with weights. Only multiples of `grid` can be set.
    Split {
        /// The smallest difference between two weights, 0.01 % at least.
        grid: Weight,
    },
    /// No router: each replica gets its share, so weights are seen and never wanted.
    FollowsCapacity,
}

/// What a platform that sets its own pace can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlatformAbility {
    /// How safely a deployment is started.
    pub start: Operation,
    /// How safely the others (release a wait point, stop, redeploy) are called.
    pub control: Operation,
    /// Whether a running deployment can be held where it is.
    pub can_hold: bool,
    /// Whether a wait point that expires continues by itself; such a plan is refused.
    pub continues_on_expiry: bool,
    /// How long after success the platform terminates the old side by itself; `None` if it asks first.
    pub terminates_after: Option<Span>,
}

/// What the adapters of one target can do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Capabilities {
    /// How traffic reaches the arms.
    pub routing: RoutingKind,
    /// How capacity is expressed.
    pub capacity: CapacityKind,
    /// Names of the zones that replicas can be counted and replaced in; at most [`Self::MAX_ZONES`].
    pub zones: Vec<String>,
    /// How safe a shift of traffic is (also mirror and test traffic).
    pub shift: Operation,
    /// How safe provisioning, scaling and retiring are.
    pub scale: Operation,
    /// What the platform offers, where one can set the pace.
    pub platform: Option<PlatformAbility>,
    /// Whether a share of requests can be copied to the candidate.
    pub mirror: bool,
    /// Whether test traffic can reach the candidate apart from weights.
    pub test_traffic: bool,
    /// Time until a shift that was acknowledged is normally seen.
    pub propagation: Span,
    /// Time until a measurement of a window is complete.
    pub metric_lag: Span,
    /// How long an arm may go on getting requests after its weight is zero: the largest of
    /// stickiness and deregistration delay.
    pub drain: Span,
}

impl Capabilities {
    /// Zones a rollout can count apart. No region has more than six.
    pub const MAX_ZONES: usize = 6;

    /// A routed, counted target with bare-set writes that land within a minute: what most load
    /// balancers in front of a container scheduler offer. A start for tests and own adapters.
    #[must_use]
    pub fn routed() -> Self {
        let bare_set = Operation {
            class: SafetyClass::BareSet,
            late_bound: Span::seconds(60),
            time_limit: Span::seconds(15),
        };
        Self {
            routing: RoutingKind::Split { grid: Weight::percent(1) },
            capacity: CapacityKind::Counted,
            zones: Vec::new(),
            shift: bare_set,
            scale: bare_set,
            platform: None,
            mirror: true,
            test_traffic: true,
            propagation: Span::seconds(5),
            metric_lag: Span::seconds(30),
            drain: Span::seconds(60),
        }
    }

    /// As [`Self::routed`], but without a router: traffic follows the replicas.
    #[must_use]
    pub fn routerless() -> Self {
        Self {
            routing: RoutingKind::FollowsCapacity,
            mirror: false,
            test_traffic: false,
            ..Self::routed()
        }
    }

    /// The smallest difference between two weights.
    #[must_use]
    pub const fn grid(&self) -> Weight {
        match self.routing {
            RoutingKind::Split { grid } => grid,
            RoutingKind::FollowsCapacity => Weight::FULL,
        }
    }
}
