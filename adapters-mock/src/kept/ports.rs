//! Every port over a kept world. Must not know the file.

use async_trait::async_trait;
use tidegate_core::{
    Arm, Call, DeployAbility, DeploymentActions, Extra, FailureKind, HealthMetrics, Hook,
    HookAnswer, Look, PlatformSeen, PortError, Query, Question, Revisions, SeenCapacity, Sought,
    Span, Split, Target, TrafficAbility, TrafficReading, TrafficShifter, Version, Wait,
};

use super::{KeptWorld, calls::Asked};
use crate::{
    clock::Clock,
    fleet::{Reply, Request},
};

impl KeptWorld {
    async fn send(&self, call: &Call, request: Request) -> Result<(), PortError> {
        self.check(&call.target)?;
        let asked = Asked::Send(call.clone(), request.clone());
        let Reply { after, result } = self.call(asked, |fleet| fleet.send(call, request))?;
        self.0.clock.sleep(after).await;
        result
    }
}

#[async_trait]
impl TrafficShifter for KeptWorld {
    fn ability(&self) -> TrafficAbility {
        self.0.spec.traffic_ability()
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        self.check(target)?;
        let asked = Asked::Traffic(target.clone(), revisions.clone());
        self.read(asked, |fleet| fleet.read_traffic(target, revisions)).await
    }

    async fn shift(
        &self,
        call: &Call,
        to: Split,
        version: Option<&Version>,
    ) -> Result<(), PortError> {
        self.send(call, Request::Shift { to, version: version.cloned() }).await
    }

    async fn mirror(&self, call: &Call, to: Extra) -> Result<(), PortError> {
        self.send(call, Request::Mirror(to)).await
    }
}

#[async_trait]
impl DeploymentActions for KeptWorld {
    fn ability(&self) -> DeployAbility {
        self.0.spec.deploy_ability()
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<SeenCapacity, PortError> {
        self.check(target)?;
        let failed = |kind| PortError::new(kind, format!("count the replicas of {target}"));
        let asked = Asked::Capacity(revisions.clone());
        self.read(asked, |fleet| fleet.read_capacity(revisions).map_err(failed)).await
    }

    async fn provision(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError> {
        self.send(call, Request::Provision { arm, units, zone }).await
    }

    async fn scale(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError> {
        self.send(call, Request::Scale { arm, units, zone }).await
    }

    async fn retire(&self, call: &Call, arm: Arm) -> Result<(), PortError> {
        self.send(call, Request::Retire(arm)).await
    }

    async fn start(&self, call: &Call) -> Result<(), PortError> {
        self.send(call, Request::Start).await
    }

    async fn release(&self, call: &Call, wait: Wait) -> Result<(), PortError> {
        self.send(call, Request::Release(wait)).await
    }

    async fn stop(&self, call: &Call) -> Result<(), PortError> {
        self.send(call, Request::Stop).await
    }

    async fn redeploy(&self, call: &Call) -> Result<(), PortError> {
        self.send(call, Request::Redeploy).await
    }

    async fn platform(&self, sought: &Sought) -> Result<PlatformSeen, PortError> {
        let Sought { target, tag, .. } = sought;
        self.check(target)?;
        let asked = Asked::Platform(target.clone(), tag.clone());
        self.read(asked, |fleet| fleet.platform(target, tag)).await
    }
}

#[async_trait]
impl HealthMetrics for KeptWorld {
    fn lag(&self) -> Span {
        self.0.spec.metrics.lag
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        self.check(&query.target)?;
        self.read(Asked::Look(query.clone()), |fleet| fleet.look(query)).await
    }
}

#[async_trait]
impl Hook for KeptWorld {
    async fn ask(&self, question: &Question) -> Result<HookAnswer, PortError> {
        self.check(&question.target)?;
        let now = self.now();
        let failed = |why| {
            let action = format!("ask hook {:?}", question.hook);
            PortError::new(FailureKind::Retryable, action).because(why)
        };
        self.calls().ask(now, &question.hook).map_err(failed)
    }
}
