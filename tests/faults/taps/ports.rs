//! The ports of several simulated targets, through a tap.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use tidegate::{
    Ports,
    machine::{
        Arm, Call, DeployAbility, DeploymentActions, Extra, HealthMetrics, Hook, HookAnswer, Look,
        PlatformSeen, PortError, Query, Question, Revisions, SeenCapacity, Sought, Span, Split,
        Target, TrafficAbility, TrafficReading, TrafficShifter, Version, Wait,
    },
};
use tidegate_mock::{Op, Request, SimWorld};

/// What a test does with calls of the ports. By default nothing.
#[async_trait]
pub(crate) trait PortTap: std::fmt::Debug + Send + Sync {
    /// A call that changes something.
    async fn send(&self, world: &SimWorld, call: &Call, what: Request) -> Result<(), PortError> {
        deliver(world, call, what).await
    }

    /// A reading is about to be made; none for a hook. An error is its answer.
    async fn before(&self, _what: Option<Op>) -> Result<(), PortError> {
        Ok(())
    }

    /// It was made. An error is what the engine hears instead.
    async fn after(&self, _what: Option<Op>) -> Result<(), PortError> {
        Ok(())
    }

    /// What a reading of traffic says.
    fn traffic(&self, reading: TrafficReading) -> TrafficReading {
        reading
    }

    /// What a look-up says.
    fn platform(&self, seen: PlatformSeen) -> PlatformSeen {
        seen
    }
}

/// Hands a call to the world it is for.
pub(crate) async fn deliver(world: &SimWorld, call: &Call, what: Request) -> Result<(), PortError> {
    match what {
        Request::Shift { to, version } => world.shift(call, to, version.as_ref()).await,
        Request::Mirror(to) => world.mirror(call, to).await,
        Request::Provision { arm, units, zone } => world.provision(call, arm, units, zone).await,
        Request::Scale { arm, units, zone } => world.scale(call, arm, units, zone).await,
        Request::Retire(arm) => world.retire(call, arm).await,
        Request::Start => world.start(call).await,
        Request::Release(wait) => world.release(call, wait).await,
        Request::Stop => world.stop(call).await,
        Request::Redeploy => world.redeploy(call).await,
    }
}

/// Every port at once, over one world a target. All worlds can do the same.
#[derive(Clone, Debug)]
pub(crate) struct TappedPorts {
    pub(crate) worlds: Arc<BTreeMap<Target, SimWorld>>,
    pub(crate) tap: Arc<dyn PortTap>,
}

impl TappedPorts {
    /// As the engine takes them, with the hook that plans of these tests name.
    pub(crate) fn ports(self) -> Ports {
        let all = Arc::new(self);
        Ports::new(all.clone(), all.clone(), all.clone()).with_hook("smoke", all)
    }

    fn world(&self, target: &Target) -> &SimWorld {
        &self.worlds[target]
    }

    fn any(&self) -> &SimWorld {
        self.worlds.values().next().expect("there is a target")
    }

    async fn send(&self, call: &Call, what: Request) -> Result<(), PortError> {
        self.tap.send(self.world(&call.target), call, what).await
    }

    async fn read<T>(
        &self,
        what: Option<Op>,
        read: impl Future<Output = Result<T, PortError>> + Send,
    ) -> Result<T, PortError> {
        self.tap.before(what).await?;
        let seen = read.await?;
        self.tap.after(what).await?;
        Ok(seen)
    }
}

#[async_trait]
impl TrafficShifter for TappedPorts {
    fn ability(&self) -> TrafficAbility {
        TrafficShifter::ability(self.any())
    }

    async fn observe(&self, t: &Target, r: &Revisions) -> Result<TrafficReading, PortError> {
        let read = TrafficShifter::observe(self.world(t), t, r);
        let reading = self.read(Some(Op::ReadTraffic), read).await?;
        Ok(self.tap.traffic(reading))
    }

    async fn shift(&self, c: &Call, to: Split, v: Option<&Version>) -> Result<(), PortError> {
        self.send(c, Request::Shift { to, version: v.cloned() }).await
    }

    async fn mirror(&self, call: &Call, to: Extra) -> Result<(), PortError> {
        self.send(call, Request::Mirror(to)).await
    }
}

#[async_trait]
impl DeploymentActions for TappedPorts {
    fn ability(&self) -> DeployAbility {
        DeploymentActions::ability(self.any())
    }

    async fn observe(&self, t: &Target, r: &Revisions) -> Result<SeenCapacity, PortError> {
        let read = DeploymentActions::observe(self.world(t), t, r);
        self.read(Some(Op::ReadCapacity), read).await
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
        let read = self.world(&sought.target).platform(sought);
        let seen = self.read(Some(Op::ReadPlatform), read).await?;
        Ok(self.tap.platform(seen))
    }
}

#[async_trait]
impl HealthMetrics for TappedPorts {
    fn lag(&self) -> Span {
        self.any().lag()
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        self.read(Some(Op::Look), self.world(&query.target).look(query)).await
    }
}

#[async_trait]
impl Hook for TappedPorts {
    async fn ask(&self, question: &Question) -> Result<HookAnswer, PortError> {
        self.read(None, self.world(&question.target).ask(question)).await
    }
}
