//! Traffic and capacity of any number of targets that do at once what they are told: for tests of how
//! many rollouts share something else.

use std::{collections::HashMap, sync::Mutex};

use async_trait::async_trait;
use tidegate_core::{
    Arm, ArmCapacity, Call, Capabilities, CapacityKind, DeployAbility, DeploymentActions, Extra,
    Operation, PortError, Revisions, RouteReading, RoutingKind, SafetyClass, SeenCapacity, Span,
    Split, Target, TrafficAbility, TrafficReading, TrafficShifter, Version, Weight,
};

/// Units of each target.
const FULL: u32 = 2;

const OPERATION: Operation = Operation {
    class: SafetyClass::BareSet,
    late_bound: Span::seconds(30),
    time_limit: Span::seconds(10),
};

/// Units of both arms, and the candidate's share.
#[derive(Clone, Copy, Debug)]
struct Place {
    stable: u32,
    candidate: u32,
    share: Weight,
}

/// Every target as it was told to be.
#[derive(Debug, Default)]
pub(crate) struct Obedient(Mutex<HashMap<Target, Place>>);

impl Obedient {
    fn place<T>(&self, target: &Target, what: impl FnOnce(&mut Place) -> T) -> T {
        let rest = Place { stable: FULL, candidate: 0, share: Weight::ZERO };
        what(self.0.lock().unwrap().entry(target.clone()).or_insert(rest))
    }

    fn set_units(&self, call: &Call, arm: Arm, units: u32) {
        self.place(&call.target, |place| match arm {
            Arm::Stable => place.stable = units,
            Arm::Candidate => place.candidate = units,
        });
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
        let split = Split::candidate(self.place(target, |place| place.share));
        Ok(TrafficReading { routes: vec![RouteReading { split, version: None }], extra: None })
    }

    async fn shift(&self, call: &Call, to: Split, _: Option<&Version>) -> Result<(), PortError> {
        self.place(&call.target, |place| place.share = to.of_arms());
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
        let place = self.place(target, |place| *place);
        Ok(SeenCapacity {
            full: FULL,
            full_by_zone: [0; Capabilities::MAX_ZONES],
            stable: ArmCapacity::steady(place.stable),
            candidate: ArmCapacity::steady(place.candidate),
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
