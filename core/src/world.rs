//! What is so of a target: each quantity as asked and as seen.
//!
//! This file must not know plans or phases. It holds facts and the arithmetic over them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    Capabilities, CapacityKind, RoutingKind, Timestamp, Version, Weight, record::is_default,
};

/// One of the two sides of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// Serving before; absent on a first deployment.
    Stable,
    /// Coming in: canary, green, or the new batch.
    Candidate,
}

impl Arm {
    /// The other arm.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Stable => Self::Candidate,
            Self::Candidate => Self::Stable,
        }
    }
}

impl std::fmt::Display for Arm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Candidate => "candidate",
        })
    }
}

/// Units of capacity of one arm: replicas, or basis points of the full size. Stored as one number
/// where all that were asked for are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "StoredUnits", into = "StoredUnits")]
pub struct Units {
    /// Last acknowledged or unresolved request.
    pub asked: u32,
    /// Seen ready to serve.
    pub ready: u32,
}

impl Units {
    /// `n` asked and all of them ready.
    #[must_use]
    pub const fn steady(n: u32) -> Self {
        Self { asked: n, ready: n }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a number of units, or an object with those asked and those ready")]
enum StoredUnits {
    Steady(u32),
    Apart { asked: u32, ready: u32 },
}

impl From<Units> for StoredUnits {
    fn from(Units { asked, ready }: Units) -> Self {
        if asked == ready { Self::Steady(asked) } else { Self::Apart { asked, ready } }
    }
}

impl From<StoredUnits> for Units {
    fn from(stored: StoredUnits) -> Self {
        match stored {
            StoredUnits::Steady(n) => Self::steady(n),
            StoredUnits::Apart { asked, ready } => Self { asked, ready },
        }
    }
}

/// Capacity of one arm: in total, and by zone where the target has zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ArmCapacity {
    /// Over all zones.
    pub total: Units,
    /// By zone, in the order of [`Capabilities::zones`]; zero for zones the target has not.
    #[serde(default, skip_serializing_if = "is_default")]
    pub zones: [Units; Capabilities::MAX_ZONES],
}

impl ArmCapacity {
    /// `n` units, asked and ready, without zones.
    #[must_use]
    pub fn steady(n: u32) -> Self {
        Self { total: Units::steady(n), ..Self::default() }
    }

    /// `n` units in each of the zones given.
    #[must_use]
    pub fn by_zone(counts: &[u32]) -> Self {
        let mut capacity = Self::default();
        for (zone, n) in capacity.zones.iter_mut().zip(counts) {
            *zone = Units::steady(*n);
        }
        let total = counts.iter().fold(0_u32, |total, n| total.saturating_add(*n));
        capacity.total = Units::steady(total);
        capacity
    }

    /// The units of one zone, or of all.
    #[must_use]
    pub fn units(&self, zone: Option<u8>) -> Units {
        match zone {
            None => self.total,
            Some(index) => self.zones.get(usize::from(index)).copied().unwrap_or_default(),
        }
    }

    /// As if `to` units had been asked for, in one zone or in all.
    #[must_use]
    pub fn asked(mut self, zone: Option<u8>, to: u32) -> Self {
        match zone.and_then(|index| self.zones.get_mut(usize::from(index))) {
            None => self.total.asked = to,
            Some(units) => {
                self.total.asked = self.total.asked.saturating_sub(units.asked).saturating_add(to);
                units.asked = to;
            }
        }
        self
    }
}

/// The candidate's share of what both arms get, as read back from the data plane, over all routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SeenTraffic {
    /// On the route that has least of it.
    pub low: Weight,
    /// On the route that has most of it.
    pub high: Weight,
    /// The largest share of any route that goes to neither arm. It is somebody else's: never set,
    /// and no part of what is compared.
    #[serde(default, skip_serializing_if = "is_default")]
    pub other: Weight,
    /// When it was read.
    pub at: Timestamp,
}

/// Versions of the routes, in their fixed order, as read with the last observation.
pub type Versions = Arc<[Version]>;

/// Production traffic: the candidate's weight, twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Traffic {
    /// Last acknowledged or unresolved request. Not meaningful where traffic follows capacity.
    pub asked: Weight,
    /// Read back; absent until something was read after the last request was sent.
    pub seen: Option<SeenTraffic>,
    /// Whether seen has equalled asked since the last request: from then on a difference is drift.
    pub matched: bool,
    /// What a class-1 shift must carry.
    #[serde(default, skip_serializing_if = "is_default")]
    pub versions: Option<Versions>,
}

impl Traffic {
    /// The candidate's share, while it is known to be what was asked for.
    #[must_use]
    pub fn settled(&self) -> Option<Weight> {
        self.matched.then_some(self.asked)
    }
}

/// Traffic that no user is answered from: copies, and tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Extra {
    /// Share of requests copied to the candidate.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mirror: Weight,
    /// Whether test traffic reaches the candidate.
    #[serde(default, skip_serializing_if = "is_default")]
    pub test: bool,
}

/// [`Extra`] as asked and as seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExtraTraffic {
    /// Last acknowledged or unresolved request.
    #[serde(default, skip_serializing_if = "is_default")]
    pub asked: Extra,
    /// Read back after the last request was sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub seen: Option<Extra>,
}

impl ExtraTraffic {
    /// Whether what was asked for is not what is seen. Nothing seen of nothing asked for is as asked:
    /// an adapter without copies and tests reads none.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.seen.unwrap_or_default() != self.asked
    }
}

/// Until when calls whose outcome was never learnt may still take effect, by what they act on.
/// Zero (long ago) when there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Late {
    /// Shifts, mirror and test traffic.
    #[serde(default, skip_serializing_if = "is_default")]
    pub traffic: Timestamp,
    /// Provisioning, scaling, retiring.
    #[serde(default, skip_serializing_if = "is_default")]
    pub capacity: Timestamp,
    /// Calls to a platform that sets its own pace.
    #[serde(default, skip_serializing_if = "is_default")]
    pub platform: Timestamp,
}

impl Late {
    /// When nothing can land any more.
    #[must_use]
    pub fn latest(self) -> Timestamp {
        self.traffic.max(self.capacity).max(self.platform)
    }
}

/// What is so of a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct World {
    /// How traffic reaches the arms.
    pub routing: RoutingKind,
    /// How capacity is expressed.
    pub kind: CapacityKind,
    /// Units that carry all the traffic: the target's own wish, observed again before each move.
    pub full: u32,
    /// The same by zone.
    #[serde(default, skip_serializing_if = "is_default")]
    pub full_by_zone: [u32; Capabilities::MAX_ZONES],
    /// Capacity of the stable arm.
    pub stable: ArmCapacity,
    /// Capacity of the candidate.
    pub candidate: ArmCapacity,
    /// Whether the counts of capacity were read after the last request that changes them was sent.
    pub counted: bool,
    /// Production traffic.
    pub traffic: Traffic,
    /// Copies and tests.
    #[serde(default, skip_serializing_if = "is_default")]
    pub extra: ExtraTraffic,
    /// What may still land.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late: Late,
}

impl World {
    /// A target at rest: `full` units of stable, all of them ready, and all traffic on them.
    #[must_use]
    pub fn at_rest(caps: &Capabilities, full: u32, now: Timestamp) -> Self {
        let full = if caps.capacity == CapacityKind::Percent { 10_000 } else { full };
        Self {
            routing: caps.routing,
            kind: caps.capacity,
            full,
            full_by_zone: [0; Capabilities::MAX_ZONES],
            stable: ArmCapacity::steady(full),
            candidate: ArmCapacity::default(),
            counted: true,
            traffic: Traffic {
                asked: Weight::ZERO,
                seen: Some(SeenTraffic {
                    low: Weight::ZERO,
                    high: Weight::ZERO,
                    other: Weight::ZERO,
                    at: now,
                }),
                matched: true,
                versions: None,
            },
            extra: ExtraTraffic { asked: Extra::default(), seen: Some(Extra::default()) },
            late: Late::default(),
        }
    }

    /// A target that has never served: no stable arm, `full` units wanted.
    #[must_use]
    pub fn empty(caps: &Capabilities, full: u32, now: Timestamp) -> Self {
        Self { stable: ArmCapacity::default(), ..Self::at_rest(caps, full, now) }
    }

    /// At rest, with so many units in each zone.
    #[must_use]
    pub fn at_rest_in_zones(caps: &Capabilities, by_zone: &[u32], now: Timestamp) -> Self {
        let stable = ArmCapacity::by_zone(by_zone);
        let mut world = Self { stable, ..Self::at_rest(caps, stable.total.asked, now) };
        for (zone, n) in world.full_by_zone.iter_mut().zip(by_zone) {
            *zone = *n;
        }
        world
    }

    /// The capacity of one arm.
    #[must_use]
    pub const fn arm(&self, arm: Arm) -> &ArmCapacity {
        match arm {
            Arm::Stable => &self.stable,
            Arm::Candidate => &self.candidate,
        }
    }

    /// The capacity of one arm, to be changed.
    pub const fn arm_mut(&mut self, arm: Arm) -> &mut ArmCapacity {
        match arm {
            Arm::Stable => &mut self.stable,
            Arm::Candidate => &mut self.candidate,
        }
    }

    /// Units that carry everything, in one zone or in all.
    #[must_use]
    pub fn full_of(&self, zone: Option<u8>) -> u32 {
        match zone {
            None => self.full,
            Some(index) => self.full_by_zone.get(usize::from(index)).copied().unwrap_or_default(),
        }
    }

    /// Whether there is no router, so that weights follow from capacity.
    #[must_use]
    pub const fn follows_capacity(&self) -> bool {
        matches!(self.routing, RoutingKind::FollowsCapacity)
    }

    /// Whether nothing serves and nothing ever did.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stable.total == Units::default()
    }

    /// The largest share of traffic the candidate may have now or after anything unresolved lands.
    #[must_use]
    pub fn exposure(&self) -> Weight {
        if self.follows_capacity() {
            let (new, old) = (self.candidate.total.asked, self.stable.total.ready);
            let all = new.saturating_add(old);
            return if new == 0 { Weight::ZERO } else { Weight::ratio(new, all) };
        }
        let seen = self.traffic.seen.map_or(Weight::ZERO, |seen| seen.high);
        self.traffic.asked.max(seen)
    }
}
