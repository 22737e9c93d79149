//! How often a good release is rolled back by evidence, over whole rollouts: all steps, guards, gates
//! and deadlines together (invariant 25). And that what the simulator says is what the engine does.

use std::{collections::BTreeMap, sync::Arc};

use tidegate::machine::{
    BlueGreenSpec, CheckSpec, Decision, EvidenceSpec, GateSpec, JudgeSpec, Plan, PlanSpec, Rule,
    Span, StrategySpec, SwitchStepSpec, Weight,
};
use tidegate_mock::{
    LatencySpec, RequestSpec, SimWorld, WorldSpec,
    sim::{Run, Sim},
};

use crate::fixtures::{Rig, S, canary_of, compile, end_of, records, rolling, step};

/// What the plans declare: a good release is rolled back with at most this probability.
const ALPHA: f64 = 0.01;

const CHECKS: [&str; 3] = ["errors", "latency", "slowest"];

/// A gate that waits for every check, for a while.
fn gated() -> GateSpec {
    let checks = CHECKS.iter().map(|name| (*name).into()).collect();
    GateSpec { bake: S(600), checks, ..GateSpec::default() }
}

/// With checks that gather evidence, all of them guards, too.
fn judged(mut spec: PlanSpec) -> PlanSpec {
    let check = |metric: &str| CheckSpec::new(metric, JudgeSpec::default());
    spec.checks = [
        ("errors".to_owned(), check("error_rate")),
        ("latency".to_owned(), check("latency")),
        ("slowest".to_owned(), check("latency_p95")),
    ]
    .into();
    spec.guards = CHECKS.iter().map(|name| (*name).into()).collect();
    spec.evidence = EvidenceSpec { alpha: Some(ALPHA), ..EvidenceSpec::default() };
    spec
}

fn strategies() -> [(&'static str, PlanSpec); 3] {
    let canary = canary_of(vec![step(10, gated()), step(30, gated()), step(50, gated())]);
    let weight = Weight::percent(25);
    let switch = BlueGreenSpec {
        preview: None,
        before: GateSpec::default(),
        steps: vec![SwitchStepSpec { weight, gate: gated() }],
        after: GateSpec { bake: S(600), ..GateSpec::default() },
    };
    let mut batches = rolling();
    if let StrategySpec::Rolling(spec) = &mut batches.strategy {
        // No gate after a batch: after the last one there is nothing left to compare with.
        let bake = GateSpec { bake: S(600), ..GateSpec::default() };
        spec.gates.each_batch = Some(bake);
    }
    let switch = PlanSpec { strategy: StrategySpec::BlueGreen(switch), ..canary.clone() };
    [("canary", judged(canary)), ("blue/green", judged(switch)), ("rolling", judged(batches))]
}

/// A service with some errors, and latencies over many edges of its histogram.
fn world() -> WorldSpec {
    WorldSpec {
        error_rate: 0.005,
        requests: RequestSpec { per_second: 60.0, ..RequestSpec::default() },
        latency: LatencySpec { p50_ms: 100.0, p99_ms: 400.0 },
        ..WorldSpec::good()
    }
}

/// Rollouts a strategy: enough to notice a judge that is broken, or, when asked, to measure.
fn runs() -> u64 {
    if std::env::var_os("TIDEGATE_DEEP").is_some() { 20_000 } else { 300 }
}

/// The seeds from 1 on, over two threads.
fn rolled_back(sim: &Sim, runs: u64) -> (u64, u64) {
    let count = |first: u64| {
        let seeds = (first..=runs).step_by(2);
        seeds.fold((0, 0), |(back, over), seed| {
            let run = sim.run(seed);
            let went_back = run.turned_back.is_some();
            (back + u64::from(went_back), over + u64::from(run.completed()))
        })
    };
    std::thread::scope(|scope| {
        let even = scope.spawn(|| count(2));
        let odd = count(1);
        let even = even.join().unwrap();
        (odd.0 + even.0, odd.1 + even.1)
    })
}

/// The upper 99 % limit of a probability of which `k` of `n` came (Clopper and Pearson 1934): where `k`
/// or fewer come once in a hundred times.
fn upper_limit(k: u64, n: u64) -> f64 {
    let (k, n) = (k as f64, n as f64);
    let at_most = |p: f64| {
        let mut term = n * (1.0 - p).ln();
        let mut sum = term.exp();
        let mut i = 0.0;
        while i < k {
            term += ((n - i) / (i + 1.0) * p / (1.0 - p)).ln();
            sum += term.exp();
            i += 1.0;
        }
        sum
    };
    let (mut low, mut high) = (k / n, 1.0 - 1e-12);
    while high - low > 1e-9 {
        let middle = f64::midpoint(low, high);
        *(if at_most(middle) > 0.01 { &mut low } else { &mut high }) = middle;
    }
    high
}

#[test]
fn a_good_release_is_rolled_back_no_more_often_than_declared() {
    for (name, spec) in strategies() {
        let world = Arc::new(world());
        let plan = compile(spec, &world.capabilities());
        let sim = Sim::new(plan, Arc::clone(&world), &BTreeMap::new()).unwrap().unrecorded();
        let runs = runs();
        let (back, completed) = rolled_back(&sim, runs);
        let limit = upper_limit(back, runs);
        println!(
            "{name}: {back} of {runs} good releases rolled back, {:.2} % at most (99 %); {completed} completed",
            limit * 100.0
        );
        // Few runs can not show so small a rate; they show a judge that is beside itself.
        let declared = if runs < 10_000 { 5.0 * ALPHA } else { ALPHA };
        assert!(limit <= declared, "{name}: {back} of {runs}, up to {limit}");
        assert!(completed * 10 >= runs * 8, "{name}: only {completed} of {runs} completed");
    }
}

#[test]
fn a_release_that_is_worse_is_rolled_back_by_the_same_plans() {
    for (name, spec) in strategies() {
        let worse = tidegate_mock::EffectSpec { error_ratio: 5.0, ..Default::default() };
        let world = Arc::new(world().with_effect(worse));
        let plan = compile(spec, &world.capabilities());
        let sim = Sim::new(plan, Arc::clone(&world), &BTreeMap::new()).unwrap().unrecorded();
        let back = (1..=50).filter(|seed| sim.run(*seed).turned_back.is_some()).count();
        assert!(back >= 48, "{name}: only {back} of 50");
    }
}

/// What a decision comes to, apart from when it came and which of two polls saw it.
fn gist(decisions: &[Decision], plan: &Plan) -> Vec<String> {
    let began = decisions.first().map_or_else(Default::default, |first| first.at);
    let line = |decision: &Decision| {
        let sentence =
            decision.sentence(plan).replace("by ada", "by simulation").replace("(r1/", "(r0/");
        format!("{} {:?} {sentence}", decision.at.since(began), decision.rule)
    };
    decisions.iter().filter(|decision| decision.rule != Rule::Opened).map(line).collect()
}

async fn by_the_engine(spec: PlanSpec, world: &Arc<WorldSpec>, seed: u64) -> Vec<Decision> {
    let rig =
        Rig { world: SimWorld::new(WorldSpec::clone(world), seed), ..Rig::new(WorldSpec::good()) };
    let engine = rig.engine();
    let handle = rig.start(&engine, spec).await;
    end_of(&handle).await;
    records(&handle).await.into_iter().map(|record| record.decision).collect()
}

#[test]
fn the_engine_decides_what_the_simulator_decides() {
    for (name, spec) in strategies() {
        // An engine waits for its answers where the simulator has them at once.
        let world = Arc::new(WorldSpec { answers_in: Span::ZERO, ..world() });
        let plan = compile(spec.clone(), &world.capabilities());
        let sim = Sim::new(plan.clone(), Arc::clone(&world), &BTreeMap::new()).unwrap();
        for seed in 1..=67 {
            let Run { decisions, .. } = sim.run(seed);
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let engine = runtime.block_on(by_the_engine(spec.clone(), &world, seed));
            let (simulated, real) = (gist(&decisions, &plan), gist(&engine, &plan));
            for (nth, (simulated, real)) in simulated.iter().zip(&real).enumerate() {
                assert_eq!(simulated, real, "{name}, seed {seed}, decision {nth}");
            }
            assert_eq!(simulated.len(), real.len(), "{name}, seed {seed}");
        }
    }
}
