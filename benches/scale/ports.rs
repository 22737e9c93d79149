//! Adapters that do at once what they are told, for any number of targets: what they cost is next to
//! nothing, so that what is measured is the engine's.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use async_trait::async_trait;
use tidegate::machine::{
    Arm, ArmCapacity, Call, Capabilities, CapacityKind, DeployAbility, DeploymentActions, Extra,
    HealthMetrics, Look, Operation, PortError, Query, Revisions, RouteReading, RoutingKind,
    SafetyClass, SeenCapacity, Span, Split, Target, TrafficAbility, TrafficReading, TrafficShifter,
    Version, Weight,
};

/// Units of each target.
const FULL: u32 = 2;

const OPERATION: Operation = Operation {
    class: SafetyClass::BareSet,
    late_bound: Span::seconds(5),
    time_limit: Span::seconds(10),
};

/// Units of both arms, and the candidate's share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    units: [u32; 2],
    pub(crate) share: Weight,
}

/// Every target as it was told to be.
#[derive(Debug, Default)]
pub(crate) struct Obedient {
    places: Mutex<HashMap<Target, Place>>,
    last_effect: Mutex<Option<Instant>>,
    last_read: Mutex<Option<Instant>>,
    /// While it is so, whoever shifts traffic gets no answer.
    silent: AtomicBool,
}

impl Obedient {
    pub(crate) fn place<T>(&self, target: &Target, what: impl FnOnce(&mut Place) -> T) -> T {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = Place { units: [FULL, 0], share: Weight::ZERO };
        what(places.entry(target.clone()).or_insert(rest))
    }

    /// When anything was last changed.
    pub(crate) fn last_effect(&self) -> Option<Instant> {
        *self.last_effect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a target: it is as at first.
    pub(crate) fn forget(&self, target: &Target) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(target);
    }

    /// When the traffic of anything was last read.
    pub(crate) fn last_read(&self) -> Option<Instant> {
        *self.last_read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether traffic is shifted with no answer from now on.
    pub(crate) fn keep_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }

    fn set_units(&self, call: &Call, arm: Arm, units: u32) {
        self.acted();
        self.place(&call.target, |place| place.units[arm as usize] = units);
    }

    fn acted(&self) {
        *self.last_effect.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

#[async_trait]
impl TrafficShifter for Obedient {
    fn ability(&self) -> TrafficAbility {
        TrafficAbility {
            routing: RoutingKind::Split { grid: Weight::percent(1) },
            shift: OPERATION,
            mirror: false,
            test_traffic: false,
            propagation: Span::seconds(1),
            drain: Span::seconds(1),
            routes: 1,
        }
    }

    async fn observe(&self, target: &Target, _: &Revisions) -> Result<TrafficReading, PortError> {
        *self.last_read.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let split = Split::candidate(self.place(target, |place| place.share));
        Ok(TrafficReading { routes: vec![RouteReading { split, version: None }], extra: None })
    }

    async fn shift(&self, call: &Call, to: Split, _: Option<&Version>) -> Result<(), PortError> {
        self.acted();
        self.place(&call.target, |place| place.share = to.of_arms());
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    async fn mirror(&self, _: &Call, _: Extra) -> Result<(), PortError> {
        Ok(())
    }
}

#[async_trait]
impl DeploymentActions for Obedient {
    fn ability(&self) -> DeployAbility {
        let (zones, platform) = (Vec::new(), None);
        DeployAbility { capacity: CapacityKind::Counted, zones, scale: OPERATION, platform }
    }

    async fn observe(&self, target: &Target, _: &Revisions) -> Result<SeenCapacity, PortError> {
        let [stable, candidate] = self.place(target, |place| place.units);
        Ok(SeenCapacity {
            full: FULL,
            full_by_zone: [0; Capabilities::MAX_ZONES],
            stable: ArmCapacity::steady(stable),
            candidate: ArmCapacity::steady(candidate),
        })
    }

    async fn provision(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        _: Option<u8>,
    ) -> Result<(), PortError> {
        self.set_units(call, arm, units);
        Ok(())
    }

    async fn scale(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        _: Option<u8>,
    ) -> Result<(), PortError> {
        self.set_units(call, arm, units);
        Ok(())
    }

    async fn retire(&self, call: &Call, arm: Arm) -> Result<(), PortError> {
        self.set_units(call, arm, 0);
        Ok(())
    }
}

#[async_trait]
impl HealthMetrics for Obedient {
    fn lag(&self) -> Span {
        Span::seconds(1)
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        Ok(Look::complete(query.window, None, None))
    }
}
