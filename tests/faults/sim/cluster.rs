//! One run: machines, a store and targets, some time of trouble, and then peace until nothing moves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tidegate::{
    Engine, Targets,
    machine::{
        Actor, Command, CommandId, GateSpec, Journal, Order, Phase, Plan, PlanSpec, PlatformSpec,
        PolicySpec, Revision, Revisions, RolloutId, Row, SafetyClass, Select, Seq, Span,
        StrategySpec, Supersede, Target, Timestamp, WaitingOn, Weight,
        record::{Head, Record},
    },
};
use tidegate_mock::{MemoryJournal, OperationSpec, PlatformWorldSpec, SimWorld, WorldSpec};
use tokio::{
    task::JoinHandle,
    time::{self, Instant},
};

use super::{
    clock::BadClock,
    dice::Dice,
    machine::{Assumption, Bend, LATE_BOUND, Machine, Rules, TIME_LIMIT},
    trouble::{Kind, Trouble},
};
use crate::{
    crash::shapes::{self, quick_world, step},
    taps::{Ledger, TappedJournal, TappedPorts},
};

/// A lease of these engines.
const LEASE: Duration = Duration::from_secs(10);

/// How long targets know a token, where they forget it: less than copies of a call may take.
const TOKEN_WINDOW: Span = Span::seconds(30);

/// How long trouble lasts.
const TROUBLE: Duration = Duration::from_secs(900);

/// Longer than anything takes in peace: what has not settled by then is stuck.
const PEACE: Duration = Duration::from_secs(6 * 3_600);

/// After so long in peace nothing is on its way any more.
const LANDED: Duration = Duration::from_secs(600);

/// Everything that a seed decides before anything happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    /// What the targets offer; `BareCreate` for those with a platform.
    pub(crate) class: SafetyClass,
    pub(crate) assumption: Assumption,
    pub(crate) machines: usize,
    pub(crate) targets: usize,
    /// Whether each engine leaves out some targets, which others serve.
    pub(crate) apart: bool,
    /// What is broken on purpose.
    pub(crate) bend: Option<Bend>,
}

impl Setup {
    pub(crate) fn of(seed: u64) -> Self {
        let classes = [
            SafetyClass::CompareAndSet,
            SafetyClass::Token,
            SafetyClass::BareSet,
            SafetyClass::BareCreate,
        ];
        let dice = Dice::new(seed, 0);
        Self {
            seed,
            class: dice.pick(&classes),
            assumption: dice.pick(&[Assumption::Holds, Assumption::Holds, Assumption::Broken]),
            machines: 2 + dice.below(3),
            targets: 1 + dice.below(4),
            apart: dice.chance(300),
            bend: None,
        }
    }

    /// Whether the engines of a machine serve a target. Each target is left out by one machine, and
    /// none leaves out all.
    fn serves(&self, machine: usize, target: usize) -> bool {
        let left_out = |target: usize| (target + machine).is_multiple_of(self.machines);
        !self.apart || !left_out(target) || (0..self.targets).all(left_out)
    }

    fn served(&self, machine: usize) -> BTreeSet<Target> {
        let served = (0..self.targets).filter(|target| self.serves(machine, *target));
        served.map(target).collect()
    }

    fn world(&self, bad: bool) -> WorldSpec {
        let of = |class| OperationSpec { class, late_bound: LATE_BOUND, time_limit: TIME_LIMIT };
        let base =
            if self.class == SafetyClass::BareCreate { SafetyClass::BareSet } else { self.class };
        let platform = (self.class == SafetyClass::BareCreate).then(|| PlatformWorldSpec {
            steps: vec![Weight::percent(20)],
            step_every: Span::seconds(20),
            waits_ready: true,
            waits_step: true,
            start: of(SafetyClass::BareCreate),
            control: of(SafetyClass::BareSet),
            ..PlatformWorldSpec::default()
        });
        let forgets = self.assumption == Assumption::Broken;
        let token_window = forgets.then_some(TOKEN_WINDOW);
        let (shift, scale) = (of(base), of(base));
        let mut world = WorldSpec { shift, scale, platform, token_window, ..quick_world() };
        if bad {
            world.effect.errors = 0.2;
        }
        world
    }

    fn spec(&self, target: &Target, nth: usize) -> PlanSpec {
        // Where calls land minutes late, some meet a rollout that stands before a gate.
        let bake = match self.assumption {
            Assumption::Holds => shapes::baked().bake,
            Assumption::Broken => Span::minutes(2),
        };
        let baked = || GateSpec { checks: vec!["errors".into()], bake, ..GateSpec::default() };
        let strategy = match nth % 4 {
            _ if self.class == SafetyClass::BareCreate => {
                let mut strategy = shapes::canary(vec![
                    step(20, GateSpec::default()),
                    step(100, GateSpec::default()),
                ]);
                if let StrategySpec::Canary(canary) = &mut strategy {
                    canary.platform =
                        Some(PlatformSpec { step: baked(), ..PlatformSpec::default() });
                }
                strategy
            }
            0 => shapes::canary(vec![step(10, baked()), step(50, baked()), step(100, baked())]),
            1 => shapes::blue_green(baked()),
            // So quick that a call which is late meets the weight after it.
            2 => shapes::canary([10, 30, 60, 100].map(|to| step(to, shapes::baked())).to_vec()),
            _ => shapes::canary(vec![step(50, baked())]),
        };
        let plan = shapes::plan(strategy);
        let supersede = if nth.is_multiple_of(2) { Supersede::Replace } else { Supersede::Queue };
        let policy = PolicySpec { supersede: Some(supersede), ..plan.policy };
        PlanSpec { target: target.as_str().to_owned(), policy, ..plan }
    }
}

/// What the n-th target is called.
fn target(nth: usize) -> Target {
    Target::from(format!("service-{nth}"))
}

/// An engine at work on a machine, and what was asked of it meanwhile.
#[derive(Debug)]
struct Process {
    engine: Arc<Engine>,
    jobs: Vec<JoinHandle<()>>,
}

/// What a machine is called, and what runs on it.
#[derive(Debug)]
struct Host {
    machine: Arc<Machine>,
    name: String,
    process: Option<Process>,
    /// When it comes back, if it is down.
    back_at: Instant,
}

/// The whole of it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) setup: Setup,
    pub(crate) store: MemoryJournal,
    pub(crate) worlds: Arc<BTreeMap<Target, SimWorld>>,
    pub(crate) ledger: Ledger,
    pub(crate) trouble: Arc<Trouble>,
    /// By a clock that nothing bends, and as the targets tell the time.
    began: (Instant, Timestamp),
    hosts: Vec<Host>,
    dice: Dice,
    born: u64,
    opened: usize,
}

/// A rollout as it was left.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) row: Row,
    pub(crate) head: Head,
    pub(crate) records: Vec<Record>,
}

impl Left {
    /// Where it is, and what it waits for.
    pub(crate) fn waiting_on(&self) -> WaitingOn {
        self.state().waiting_on(&self.head.plan)
    }

    pub(crate) fn phase(&self) -> Phase {
        *self.state().phase()
    }

    fn state(&self) -> tidegate::machine::Rollout {
        let last = self.records.last().map(|record| record.after.clone());
        last.unwrap_or_else(|| self.head.open().next)
    }
}

impl Cluster {
    fn new(setup: Setup) -> Self {
        let dice = Dice::new(setup.seed, 1);
        let (trouble, ledger) = (Trouble::new(), Ledger::default());
        let world =
            |nth: usize| (target(nth), SimWorld::new(setup.world(dice.chance(300)), dice.draw()));
        let worlds: BTreeMap<Target, SimWorld> = (0..setup.targets).map(world).collect();
        let host = |nth: usize| {
            let now = worlds.values().next().map(|world| world.clock().now()).unwrap_or_default();
            let dice = Dice::new(setup.seed, 2 + nth as u64);
            let shared = (trouble.clone(), ledger.clone());
            let bare = matches!(setup.class, SafetyClass::BareSet | SafetyClass::BareCreate);
            let rules = Rules {
                assumption: setup.assumption,
                bare,
                serves: setup.served(nth),
                bend: setup.bend,
            };
            let machine = Machine::new(BadClock::starting_at(now), dice, shared, rules);
            if setup.bend == Some(Bend::SilentClock) {
                machine.clock.keep_silent();
            }
            let (name, back_at) = (format!("engine-{nth}"), Instant::now());
            Host { machine: Arc::new(machine), name, process: None, back_at }
        };
        let hosts = (0..setup.machines).map(host).collect();
        let told = worlds.values().next().map(|world| world.clock().now()).unwrap_or_default();
        let began = (Instant::now(), told);
        let worlds = Arc::new(worlds);
        let store = MemoryJournal::new();
        Self { setup, store, worlds, ledger, trouble, began, hosts, dice, born: 0, opened: 0 }
    }

    /// Lives through it all.
    pub(crate) async fn run(setup: Setup) -> Self {
        let mut cluster = Self::new(setup);
        (0..cluster.hosts.len()).for_each(|nth| cluster.boot(nth));
        cluster.open_idle();
        time::sleep(Duration::from_secs(5)).await;
        cluster.trouble.begin();
        let until = Instant::now() + TROUBLE;
        while Instant::now() < until {
            cluster.trouble_for_a_moment().await;
        }
        cluster.trouble.stop();
        cluster.settle().await;
        cluster.end().await;
        cluster
    }

    /// Starts an engine on a machine.
    fn boot(&mut self, nth: usize) {
        self.born += 1;
        let host = &mut self.hosts[nth];
        let machine = host.machine.clone();
        let (store, ledger) = (self.store.clone(), self.ledger.clone());
        let journal = Arc::new(TappedJournal { store, tap: machine.clone(), ledger });
        let ports = TappedPorts { worlds: self.worlds.clone(), tap: machine.clone() }.ports();
        let targets = match self.setup.apart {
            false => Targets::from(ports),
            true => machine.serves().iter().fold(Targets::new(), |targets, target| {
                targets.with(target.clone(), ports.clone())
            }),
        };
        let builder = Engine::builder(journal, targets).clock(machine.clock.clone());
        let seed = Dice::new(self.setup.seed, 1_000 + self.born).draw();
        let engine = builder.name(&host.name).lease(LEASE).seed(seed).build();
        let engine = Arc::new(engine);
        let recovering = engine.clone();
        let job = tokio::spawn(async move {
            // One that can not read the store now finds out what is due by itself.
            let _ = recovering.recover().await;
        });
        host.process = Some(Process { engine, jobs: vec![job] });
    }

    /// Ends a process where it stands.
    async fn kill(&mut self, nth: usize) {
        let Some(process) = self.hosts[nth].process.take() else { return };
        for job in process.jobs {
            job.abort();
            // What it came to is nobody's concern any more.
            let _ = job.await;
        }
        drop(process.engine);
    }

    async fn trouble_for_a_moment(&mut self) {
        time::sleep(self.dice.time(500..6_000)).await;
        let now = self.now();
        for nth in 0..self.hosts.len() {
            let host = &self.hosts[nth];
            host.machine.follow(now);
            if host.process.is_none() && host.back_at <= Instant::now() {
                self.boot(nth);
            }
        }
        let nth = self.dice.below(self.hosts.len());
        let later = |dice: &Dice, range| Instant::now() + dice.time(range);
        let machine = self.hosts[nth].machine.clone();
        match self.dice.below(14) {
            0 if self.hosts[nth].process.is_some() => {
                self.kill(nth).await;
                self.trouble.count(Kind::Killed);
                self.hosts[nth].back_at = later(&self.dice, 1..60_000);
                if self.dice.chance(500) {
                    self.hosts[nth].name = format!("engine-{nth}-{}", self.born);
                }
            }
            1 => machine.freeze(later(&self.dice, 12_000..40_000)),
            2 | 3 => machine.cut_off(later(&self.dice, 1_000..40_000)),
            4 => machine.jump(self.dice.pick(&[-3_600_000, 3_600_000])),
            // A lease may be a fifth shorter for the store than for the engine: that is its margin.
            5 | 6 if self.setup.assumption == Assumption::Holds => {
                machine.run_at(self.dice.pick(&[85, 100, 125, 200]));
            }
            5 | 6 => machine.run_at(self.dice.pick(&[50, 80, 100, 125, 200])),
            7 => self.trouble.fill_disk(later(&self.dice, 1_000..15_000)),
            8 => self.order().await,
            9 if self.dice.chance(400) => self.open_newer(),
            _ => self.open_idle(),
        }
    }

    /// What the targets' clocks said at an instant.
    pub(crate) fn told_at(&self, instant: Instant) -> Timestamp {
        let (at, told) = self.began;
        let passed = instant.saturating_duration_since(at).as_millis();
        told.after(Span(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    fn now(&self) -> Timestamp {
        self.worlds.values().next().map(|world| world.clock().now()).unwrap_or_default()
    }

    /// A person says something about some rollout.
    async fn order(&mut self) {
        let open = self.rows(false).await;
        if open.is_empty() {
            return;
        }
        let orders = [Order::Pause, Order::Resume, Order::Resume, Order::PromoteFull, Order::Abort];
        let order = orders[self.dice.below(orders.len())];
        let id = CommandId(self.dice.draw() >> 2);
        let command = Command { id, actor: Actor::from("ada"), reason: "why not".into(), order };
        let rollout = open[self.dice.below(open.len())].rollout;
        self.store.submit(rollout, command).await.expect("the store itself does not fail");
    }

    /// Opens a rollout on every target that has none.
    fn open_idle(&mut self) {
        let targets: Vec<Target> = self.worlds.keys().cloned().collect();
        for target in targets {
            let nth = self.dice.below(self.hosts.len());
            self.open(nth, &target, Opens::WhereIdle);
        }
    }

    /// A newer revision arrives for a target on which a rollout may be under way.
    fn open_newer(&mut self) {
        let nth = self.dice.below(self.worlds.len());
        let Some(target) = self.worlds.keys().nth(nth).cloned() else { return };
        let nth = self.dice.below(self.hosts.len());
        self.open(nth, &target, Opens::WhereBusy);
    }

    /// Asks the engine of a machine for a rollout, if one runs there; of the next machine, where the
    /// first does not serve the target.
    fn open(&mut self, nth: usize, target: &Target, opens: Opens) {
        let nth = match self.hosts[nth].machine.serves().contains(target) {
            true => nth,
            false => (nth + 1) % self.hosts.len(),
        };
        let Some(process) = &mut self.hosts[nth].process else { return };
        self.opened += 1;
        let spec = self.setup.spec(target, self.opened);
        let plan = Plan::compile(spec, &self.worlds[target].capabilities());
        let plan = plan.unwrap_or_else(|problems| panic!("{problems}"));
        let candidate = format!("v{}", self.opened + 1);
        let (store, engine, target) = (self.store.clone(), process.engine.clone(), target.clone());
        process.jobs.push(tokio::spawn(async move {
            let stable = match opens {
                Opens::WhereIdle => idle(&store, &target).await,
                Opens::WhereBusy => left_by_active(&store, &target).await,
            };
            let Some(stable) = stable else { return };
            let revisions = Revisions { stable: Some(stable), candidate: candidate.into() };
            let start = engine.start(plan, revisions, "ada");
            // Refused, or not answered: then not.
            let _ = time::timeout(Duration::from_secs(60), start).await;
        }));
    }

    /// Peace: every machine runs again, and people who paused something let it go on.
    async fn settle(&mut self) {
        for nth in 0..self.hosts.len() {
            self.hosts[nth].machine.run_right();
            if self.hosts[nth].process.is_none() {
                self.boot(nth);
            }
        }
        let until = Instant::now() + PEACE;
        while Instant::now() < until {
            self.pass(Duration::from_secs(30)).await;
            if self.is_settled().await {
                // What is still on its way lands by then, and a rollout may have been asked for late.
                self.pass(LANDED).await;
                if self.is_settled().await {
                    return;
                }
            }
        }
        self.pass(LANDED).await;
    }

    /// Time passes in peace. Clocks of machines that reach the store are set right.
    async fn pass(&self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            time::sleep(Duration::from_secs(30)).await;
            let now = self.now();
            self.hosts.iter().for_each(|host| host.machine.follow(now));
        }
    }

    async fn is_settled(&self) -> bool {
        let left = self.left().await;
        left.iter().all(|one| is_settled(one, &left))
    }

    async fn end(&mut self) {
        for nth in 0..self.hosts.len() {
            self.kill(nth).await;
        }
    }

    async fn rows(&self, over: bool) -> Vec<Row> {
        let select = Select { over: Some(over), limit: usize::MAX, ..Select::default() };
        self.store.list(&select).await.expect("the store itself does not fail")
    }

    /// Every rollout, the oldest first.
    pub(crate) async fn left(&self) -> Vec<Left> {
        let mut rows = [self.rows(true).await, self.rows(false).await].concat();
        rows.sort_by_key(|row| row.rollout);
        let mut left = Vec::with_capacity(rows.len());
        for row in rows {
            let id: RolloutId = row.rollout;
            let head = self.store.head(id).await.expect("the store itself does not fail");
            let records = self.store.read(id, Seq(1)).await.expect("nor here");
            left.push(Left { row, head, records });
        }
        left
    }
}

/// Whether a rollout is over, or waits for a person, or for a rollout that waits for one.
pub(crate) fn is_settled(left: &Left, all: &[Left]) -> bool {
    let before =
        |id: RolloutId| all.iter().find(|other| other.row.rollout == id && !other.row.over);
    left.row.over
        || match left.waiting_on() {
            WaitingOn::Person(_) => true,
            WaitingOn::Rollout(id) => before(id).is_some_and(|before| is_settled(before, all)),
            _ => false,
        }
}

/// Where a rollout is asked for.
#[derive(Clone, Copy, Debug)]
enum Opens {
    /// On a target that has none.
    WhereIdle,
    /// On a target that has one: the newer one replaces it, or waits for it.
    WhereBusy,
}

/// What the active rollout of a target leaves, if it ends as its plan says when a newer one arrives.
async fn left_by_active(store: &MemoryJournal, target: &Target) -> Option<Revision> {
    let active = store.active(target).await.expect("the store itself does not fail")?;
    let head = store.head(active.rollout).await.expect("nor here");
    match head.plan.policy().supersede {
        Supersede::Queue => Some(head.revisions.candidate),
        Supersede::Replace | Supersede::Refuse => head.revisions.stable,
    }
}

/// What serves on a target that has no active rollout.
async fn idle(store: &MemoryJournal, target: &Target) -> Option<Revision> {
    let active = store.active(target).await.expect("the store itself does not fail");
    if active.is_some() {
        return None;
    }
    let select = Select { target: Some(target.clone()), limit: usize::MAX, ..Select::default() };
    for row in store.list(&select).await.expect("nor here") {
        let revisions = store.head(row.rollout).await.expect("nor here").revisions;
        let record = store.last(row.rollout).await.expect("nor here")?;
        return match record.after.phase() {
            Phase::Completed => Some(revisions.candidate),
            Phase::RolledBack { .. } => revisions.stable,
            // It changed nothing.
            Phase::NeverStarted { .. } => continue,
            // A person gave up: what serves is theirs to know.
            _ => None,
        };
    }
    Some("v1".into())
}
