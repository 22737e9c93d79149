//! Deliberately wrong adapters: each breaks one law over a world that keeps it.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use tidegate_core::{
    Arm, Call, DeployAbility, DeploymentActions, Extra, HealthMetrics, Hook, HookAnswer, Look,
    Measurement, Notice, Observer, PlatformSeen, PortError, Query, Question, Revisions,
    SeenCapacity, Sought, Span, Split, Target, TrafficAbility, TrafficReading, TrafficShifter,
    Version, Wait, Weight, Window,
};
use tidegate_mock::SimWorld;

/// How an adapter is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bend {
    // traffic
    Adds,
    Remembers,
    DropsOthers,
    AllRoutes,
    Rounds,
    IgnoresVersions,
    ForgetsMirror,
    HidesRoutes,
    // deployment
    AskedIsReady,
    AddsUnits,
    RetireTwiceFails,
    RemovesReady,
    RetiresBoth,
    LookupHides,
    StartsAgain,
    // health
    WiderWindow,
    AlwaysComplete,
    InventsZero,
    Swaps,
    NaNs,
    AnyMetric,
    // hook, observer
    Approves,
    DeniesAll,
    Blocks,
    Panics,
    Repeats,
    Loses,
    Reorders,
    Hangs,
    EmptySentence,
}

#[derive(Debug)]
pub(crate) struct Bent {
    pub(crate) world: SimWorld,
    pub(crate) bend: Bend,
    pub(crate) memory: Mutex<Option<Split>>,
    pub(crate) count: AtomicU64,
}

impl Bent {
    pub(crate) fn new(world: SimWorld, bend: Bend) -> Self {
        Self { world, bend, memory: Mutex::new(None), count: AtomicU64::new(0) }
    }

    fn is(&self, bend: Bend) -> bool {
        self.bend == bend
    }
}

fn percent(weight: Weight) -> Weight {
    weight.on_grid(Weight::percent(1))
}

#[async_trait]
impl TrafficShifter for Bent {
    fn ability(&self) -> TrafficAbility {
        TrafficShifter::ability(&self.world)
    }

    async fn observe(
        &self,
        target: &Target,
        both: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        let mut reading = TrafficShifter::observe(&self.world, target, both).await?;
        if let Some(split) = self.memory.lock().unwrap().filter(|_| self.is(Bend::Remembers)) {
            reading.routes[0].split = split;
        }
        if self.is(Bend::DropsOthers) && self.count.load(Ordering::Relaxed) > 0 {
            reading.routes[0].split = Split::candidate(reading.routes[0].split.to_candidate());
        }
        if self.is(Bend::HidesRoutes) {
            reading.routes.truncate(1);
        }
        Ok(reading)
    }

    async fn shift(
        &self,
        call: &Call,
        to: Split,
        version: Option<&Version>,
    ) -> Result<(), PortError> {
        let before = self.memory.lock().unwrap().replace(to);
        self.count.fetch_add(1, Ordering::Relaxed);
        let raw = to.to_candidate();
        match self.bend {
            Bend::Adds => {
                let sum = raw.bp() + before.map_or(0, |split| split.to_candidate().bp());
                let sum = Weight::basis_points(sum.min(10_000)).unwrap();
                self.world.shift(call, Split::candidate(sum), version).await
            }
            Bend::Rounds => self.world.shift(call, Split::candidate(percent(raw)), version).await,
            Bend::IgnoresVersions => {
                let now = self.world.with_fleet(|fleet| fleet.versions())[0].clone();
                self.world.shift(call, to, Some(&now)).await
            }
            Bend::AllRoutes => {
                for route in 0..TrafficShifter::ability(self).routes {
                    self.world.shift(&Call { route, ..call.clone() }, to, version).await?;
                }
                Ok(())
            }
            _ => self.world.shift(call, to, version).await,
        }
    }

    async fn mirror(&self, call: &Call, to: Extra) -> Result<(), PortError> {
        if self.is(Bend::ForgetsMirror) { Ok(()) } else { self.world.mirror(call, to).await }
    }
}

#[async_trait]
impl DeploymentActions for Bent {
    fn ability(&self) -> DeployAbility {
        DeploymentActions::ability(&self.world)
    }

    async fn observe(&self, target: &Target, both: &Revisions) -> Result<SeenCapacity, PortError> {
        let mut seen = DeploymentActions::observe(&self.world, target, both).await?;
        if self.is(Bend::AskedIsReady) {
            seen.candidate.total.ready = seen.candidate.total.asked;
        }
        Ok(seen)
    }

    async fn provision(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError> {
        let extra =
            if self.is(Bend::AddsUnits) { self.count.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let units = units + u32::try_from(extra).unwrap();
        self.world.provision(call, arm, units, zone).await
    }

    async fn scale(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError> {
        if self.is(Bend::RemovesReady) && arm == Arm::Stable {
            self.world.scale(call, arm, 1, zone).await?;
        }
        self.world.scale(call, arm, units, zone).await
    }

    async fn retire(&self, call: &Call, arm: Arm) -> Result<(), PortError> {
        if self.is(Bend::RetireTwiceFails) && self.count.fetch_add(1, Ordering::Relaxed) > 0 {
            return Err(PortError::new(tidegate_core::FailureKind::Permanent, "retire"));
        }
        if self.is(Bend::RetiresBoth) {
            self.world.retire(call, arm.other()).await?;
        }
        self.world.retire(call, arm).await
    }

    async fn start(&self, call: &Call) -> Result<(), PortError> {
        if self.is(Bend::StartsAgain) {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
        self.world.start(call).await
    }

    async fn release(&self, call: &Call, wait: Wait) -> Result<(), PortError> {
        self.world.release(call, wait).await
    }

    async fn stop(&self, call: &Call) -> Result<(), PortError> {
        self.world.stop(call).await
    }

    async fn platform(&self, sought: &Sought) -> Result<PlatformSeen, PortError> {
        let seen = self.world.platform(sought).await;
        if self.is(Bend::LookupHides) { Ok(seen.unwrap_or(PlatformSeen::Absent)) } else { seen }
    }
}

#[async_trait]
impl HealthMetrics for Bent {
    fn lag(&self) -> Span {
        self.world.lag()
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        let known = Query { metric: "error_rate".to_owned(), ..query.clone() };
        let query = if self.is(Bend::AnyMetric) { &known } else { query };
        let look = self.world.look(query).await?;
        let zero = Measurement::count(0, 0);
        let nan = Some(Measurement::Value { value: f64::NAN, samples: 1.0 });
        let window = Window { from: query.window.from.moved(-60_000), to: query.window.to };
        Ok(match self.bend {
            Bend::WiderWindow => Look { window, ..look },
            Bend::AlwaysComplete => Look { complete: true, ..look },
            Bend::InventsZero => Look { candidate: look.candidate.or(Some(zero)), ..look },
            Bend::Swaps => Look { stable: look.candidate, candidate: look.stable, ..look },
            Bend::NaNs => Look { candidate: nan, ..look },
            _ => look,
        })
    }
}

#[async_trait]
impl Hook for Bent {
    async fn ask(&self, question: &Question) -> Result<HookAnswer, PortError> {
        match self.bend {
            Bend::Approves => Ok(HookAnswer::Approved),
            Bend::DeniesAll => Ok(HookAnswer::Denied),
            Bend::Hangs => std::future::pending().await,
            Bend::Reorders => self.world.ask(question).await.map(|answer| match answer {
                HookAnswer::Wait => HookAnswer::Approved,
                other => other,
            }),
            Bend::Loses => Err(PortError::new(tidegate_core::FailureKind::Retryable, "ask")),
            _ => self.world.ask(question).await,
        }
    }
}

impl Observer for Bent {
    #[expect(clippy::panic, reason = "a wrong adapter")]
    fn decided(&self, notice: &Notice) {
        let n = self.count.fetch_add(1, Ordering::Relaxed);
        match self.bend {
            Bend::Blocks => std::thread::sleep(std::time::Duration::from_millis(20)),
            Bend::Panics => panic!("a wrong observer"),
            Bend::Loses if n % 2 == 1 => return,
            Bend::Repeats => self.world.decided(notice),
            Bend::EmptySentence => {
                return self.world.decided(&Notice { sentence: String::new(), ..notice.clone() });
            }
            _ => {}
        }
        self.world.decided(notice);
    }
}
