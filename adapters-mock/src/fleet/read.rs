//! What can be read of the fleet: the data plane, the counts, the hooks.

use tidegate_core::{
    CapacityKind, Extra, FailureKind, PortError, Revisions, RouteReading, RoutingKind,
    SeenCapacity, SeenTraffic, Split, Target, TrafficReading, Version, Weight,
};

use super::{
    Ends, Fleet, ZONES,
    routes::{SIDES, Shares},
    send::verb,
};
use crate::faults::{Op, Wrong};

impl Fleet {
    /// Reads every route, as the data plane has it. A port call.
    ///
    /// # Errors
    /// What a fault says.
    pub fn read_traffic(
        &mut self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        self.readable(Op::ReadTraffic).map_err(|kind| unread(Op::ReadTraffic, kind, target))?;
        let ends = self.ends(revisions);
        let routes = (0..self.routes.len()).map(|index| self.route(index, ends)).collect();
        let extra = (self.spec.mirror || self.spec.test_traffic).then_some(self.extra);
        Ok(TrafficReading { routes, extra })
    }

    /// The same over all routes, without allocating: for simulators. A port call.
    ///
    /// # Errors
    /// What a fault says.
    pub fn seen_traffic(
        &mut self,
        revisions: &Revisions,
    ) -> Result<(SeenTraffic, Extra), FailureKind> {
        self.readable(Op::ReadTraffic)?;
        let ends = self.ends(revisions);
        Ok((self.traffic_now(ends), self.extra))
    }

    /// Versions of the routes, in their order: what a class-1 shift carries. Not a port call:
    /// they are read with the traffic.
    #[must_use]
    pub fn versions(&self) -> tidegate_core::Versions {
        self.routes.iter().map(|route| Version::from(route.version.to_string())).collect()
    }

    /// Counts both arms. A port call.
    ///
    /// # Errors
    /// What a fault says.
    pub fn read_capacity(&mut self, revisions: &Revisions) -> Result<SeenCapacity, FailureKind> {
        self.readable(Op::ReadCapacity)?;
        let ends = self.ends(revisions);
        let (kind, zoned) = (self.spec.capacity, self.zoned());
        Ok(SeenCapacity {
            full: self.full_total(),
            full_by_zone: if zoned { self.full } else { [0; ZONES] },
            stable: self.sides[ends.stable].capacity(kind, zoned),
            candidate: self.sides[ends.candidate].capacity(kind, zoned),
        })
    }

    /// Everything as it is, past every fault and without counting as a port call: what a test
    /// compares a rollout's belief with.
    #[must_use]
    pub fn truth(&mut self, revisions: &Revisions) -> (SeenTraffic, Extra, SeenCapacity) {
        let ends = self.ends(revisions);
        let (kind, zoned) = (self.spec.capacity, self.zoned());
        let capacity = SeenCapacity {
            full: self.full_total(),
            full_by_zone: if zoned { self.full } else { [0; ZONES] },
            stable: self.sides[ends.stable].capacity(kind, zoned),
            candidate: self.sides[ends.candidate].capacity(kind, zoned),
        };
        (self.traffic_now(ends), self.extra, capacity)
    }

    /// Whether the next read of this kind gets through; counts it.
    pub(super) fn readable(&mut self, op: Op) -> Result<(), FailureKind> {
        match self.fault(op, self.elapsed()) {
            Some(Wrong::Refused { permanent: true }) => Err(FailureKind::Permanent),
            Some(Wrong::Refused { .. }) => Err(FailureKind::Retryable),
            Some(Wrong::Throttled) => Err(FailureKind::Throttled),
            Some(Wrong::Slow { .. } | Wrong::Late { .. } | Wrong::LostAnswer) => {
                Err(FailureKind::Ambiguous)
            }
            _ => Ok(()),
        }
    }

    /// How long a read takes; longer than any limit where its answer never comes.
    pub(crate) fn answer_time(&self, never: bool) -> tidegate_core::Span {
        if never {
            self.beyond_limit(Op::ReadTraffic).plus(self.beyond_limit(Op::Scale))
        } else {
            self.spec.answers_in
        }
    }

    fn traffic_now(&self, ends: Ends) -> SeenTraffic {
        let of = |index| {
            let split = self.split(index, ends);
            let share = split.of_arms();
            SeenTraffic { low: share, high: share, other: split.other(), at: self.now }
        };
        let none = SeenTraffic {
            low: Weight::ZERO,
            high: Weight::ZERO,
            other: Weight::ZERO,
            at: self.now,
        };
        let all = (0..self.routes.len()).map(of);
        all.reduce(|a, b| SeenTraffic {
            low: a.low.min(b.low),
            high: a.high.max(b.high),
            other: a.other.max(b.other),
            at: self.now,
        })
        .unwrap_or(none)
    }

    fn route(&self, index: usize, ends: Ends) -> RouteReading {
        let routed = matches!(self.spec.traffic_ability().routing, RoutingKind::Split { .. });
        let version = routed.then(|| Version::from(self.routes[index].version.to_string()));
        RouteReading { split: self.split(index, ends), version }
    }

    fn split(&self, index: usize, ends: Ends) -> Split {
        let shares = if self.spec.routerless { self.follow() } else { self.routes[index].seen };
        let of = |side: usize| Weight::basis_points(shares[side]).unwrap_or_default();
        let candidate =
            if ends.candidate == ends.stable { Weight::ZERO } else { of(ends.candidate) };
        let stable = of(ends.stable);
        let rest = 10_000 - candidate.bp() - stable.bp();
        let other = Weight::basis_points(rest).unwrap_or_default();
        Split::new(stable, candidate, other).unwrap_or(Split::STABLE)
    }

    /// Shares of production traffic by side, on average over the routes.
    pub(super) fn shares(&self) -> Shares {
        if self.spec.routerless {
            return self.follow();
        }
        let mut sums = [0_u32; SIDES];
        for route in &self.routes {
            for (sum, share) in sums.iter_mut().zip(route.seen) {
                *sum += u32::from(share);
            }
        }
        let routes = u32::try_from(self.routes.len()).unwrap_or(1);
        sums.map(|sum| u16::try_from(sum / routes).unwrap_or(10_000))
    }

    /// Without a router each ready replica gets its share; what rounding leaves goes to the first.
    fn follow(&self) -> Shares {
        let mut shares = [0_u16; SIDES];
        let elastic = self.spec.capacity == CapacityKind::Elastic;
        let ready = |index: usize| {
            let side = self.sides.get(index);
            side.map_or(0, |side| if elastic { side.asked_total() } else { side.ready_total() })
        };
        let total: u32 = (0..SIDES).map(ready).sum();
        let Some(serving) = (0..SIDES).find(|index| ready(*index) > 0) else {
            shares[0] = 10_000;
            return shares;
        };
        for (index, share) in shares.iter_mut().enumerate() {
            let part = ready(index);
            *share = if part == 0 { 0 } else { Weight::ratio(part, total).bp() };
        }
        shares[serving] += 10_000 - shares.iter().sum::<u16>();
        shares
    }
}

pub(super) fn unread(op: Op, kind: FailureKind, target: &Target) -> PortError {
    PortError::new(kind, format!("{} {target}", verb(op)))
}
