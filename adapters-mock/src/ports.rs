//! Every port over one simulated world, for the real engine and for tests of one's own service.
//!
//! A port call first moves the fleet to the clock's time. Answers take the time the world says; a
//! slow one takes longer than its limit, so that the caller gives up. This file must not decide
//! what happens: the fleet does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tidegate_core::{
    Arm, Call, Capabilities, DeployAbility, DeploymentActions, Extra, FailureKind, HealthMetrics,
    Hook, HookAnswer, Look, Notice, Observer, PlatformSeen, PortError, Query, Question, Revisions,
    SeenCapacity, Sought, Span, Split, Target, TrafficAbility, TrafficReading, TrafficShifter,
    Version, Wait,
};
use tokio::sync::Notify;

use crate::{
    clock::{Clock, TokioClock},
    fleet::{Fleet, Reply, Request},
    spec::WorldSpec,
};

/// What the ports share beside the fleet.
#[derive(Debug)]
struct Shared {
    fleet: Fleet,
    /// How often each hook was asked.
    asked: std::collections::BTreeMap<String, usize>,
    notices: Vec<Notice>,
}

/// A handle on a simulated world that is every port at once. Clones share the world.
#[derive(Clone, Debug)]
pub struct SimWorld {
    shared: Arc<Mutex<Shared>>,
    clock: Arc<dyn Clock>,
    crashed: Arc<Notify>,
}

impl SimWorld {
    /// A world on tokio's clock, at rest at [`Fleet::BEGIN`] now. Call it inside a runtime.
    #[must_use]
    pub fn new(spec: WorldSpec, seed: u64) -> Self {
        let clock = TokioClock::starting_at(Fleet::BEGIN);
        Self::with_clock(Fleet::new(spec, seed), Arc::new(clock))
    }

    /// A fleet driven by a clock.
    #[must_use]
    pub fn with_clock(fleet: Fleet, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared { fleet, asked: Default::default(), notices: Vec::new() };
        Self { shared: Arc::new(Mutex::new(shared)), clock, crashed: Arc::new(Notify::new()) }
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What the adapters can do together.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.lock().fleet.spec().capabilities()
    }

    /// Looks at, or changes, the fleet as it is at the clock's time.
    pub fn with_fleet<T>(&self, look: impl FnOnce(&mut Fleet) -> T) -> T {
        let now = self.clock.now();
        let mut shared = self.lock();
        shared.fleet.advance_to(now);
        look(&mut shared.fleet)
    }

    /// Every notice so far.
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.lock().notices.clone()
    }

    /// Returns when the engine is to crash: drop it then. The call at which it crashes never
    /// returns.
    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One port call, with a crash before or after it where the world says so.
    async fn reach<T: Send>(&self, call: impl FnOnce(&mut Fleet) -> T + Send) -> T {
        if self.with_fleet(crashes_before) {
            self.crash().await;
        }
        let (answer, crashes) =
            self.with_fleet(|fleet| (call(fleet), fleet.crashes_after_last_call()));
        if crashes {
            self.crash().await;
        }
        answer
    }

    async fn crash(&self) {
        self.crashed.notify_one();
        std::future::pending::<()>().await;
    }

    async fn send(&self, call: &Call, request: Request) -> Result<(), PortError> {
        let Reply { after, result } = self.reach(|fleet| fleet.send(call, request)).await;
        self.clock.sleep(after).await;
        result
    }

    /// A read, which takes too long where its outcome is unknown.
    async fn read<T: Send>(
        &self,
        read: impl FnOnce(&mut Fleet) -> Result<T, PortError> + Send,
    ) -> Result<T, PortError> {
        let result = self.reach(read).await;
        let unknown = result.as_ref().is_err_and(|error| error.kind == FailureKind::Ambiguous);
        let after = self.lock().fleet.answer_time(unknown);
        self.clock.sleep(after).await;
        result
    }
}

fn crashes_before(fleet: &mut Fleet) -> bool {
    let crashes = fleet.crashes_before_next_call();
    if crashes {
        fleet.swallow_call();
    }
    crashes
}

#[async_trait]
impl TrafficShifter for SimWorld {
    fn ability(&self) -> TrafficAbility {
        self.lock().fleet.spec().traffic_ability()
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        self.read(|fleet| fleet.read_traffic(target, revisions)).await
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
impl DeploymentActions for SimWorld {
    fn ability(&self) -> DeployAbility {
        self.lock().fleet.spec().deploy_ability()
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<SeenCapacity, PortError> {
        let failed = |kind| PortError::new(kind, format!("count the replicas of {target}"));
        self.read(|fleet| fleet.read_capacity(revisions).map_err(failed)).await
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
        self.read(|fleet| fleet.platform(&sought.target, &sought.tag)).await
    }
}

#[async_trait]
impl HealthMetrics for SimWorld {
    fn lag(&self) -> Span {
        self.lock().fleet.spec().metrics.lag
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        self.read(|fleet| fleet.look(query)).await
    }
}

#[async_trait]
impl Hook for SimWorld {
    /// Answers as the world's script says; a hook without a script approves.
    async fn ask(&self, question: &Question) -> Result<HookAnswer, PortError> {
        let mut shared = self.lock();
        let asked = shared.asked.entry(question.hook.clone()).or_default();
        let turn = *asked;
        *asked += 1;
        let script = shared.fleet.spec().hooks.get(&question.hook);
        let answer = script.and_then(|answers| answers.get(turn).or(answers.last()));
        Ok(answer.copied().unwrap_or(HookAnswer::Approved))
    }
}

impl Observer for SimWorld {
    fn decided(&self, notice: &Notice) {
        self.lock().notices.push(notice.clone());
    }
}
