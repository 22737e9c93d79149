//! Whole rollouts through the real core and the simulator, on one thread: a three-step canary, ten
//! looks a step, a threshold judge. Beside it the same thirty windows measured once more in a bare
//! loop: the same random draws, and nothing else.

mod cases;

use std::{collections::BTreeMap, hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput};
use tidegate_core::{Revisions, Rule, Span, Window};
use tidegate_mock::{
    Fleet, Signal, WorldSpec,
    sim::{Run, Sim},
};

const LOOKS: u64 = 10;
const MINUTE: Span = Span::minutes(1);

/// The windows of a run, as its gates asked for them.
fn windows(run: &Run) -> Vec<Window> {
    let gates = run.decisions.iter().filter(|decision| decision.rule == Rule::StageReached);
    let of_gate = |since: tidegate_core::Timestamp| {
        (0..LOOKS).map(move |n| {
            let from = since.after(Span::minutes(n));
            Window { from, to: from.after(MINUTE) }
        })
    };
    gates.take(3).flat_map(|decision| of_gate(decision.at)).collect()
}

fn simulation(world: &Arc<WorldSpec>, guarded: bool) -> Sim {
    let plan = Arc::new(cases::canary(world, u8::from(guarded)));
    let sim = Sim::new(plan, Arc::clone(world), &BTreeMap::new());
    sim.expect("the world has the plan's metric")
}

fn main() {
    let world = Arc::new(WorldSpec::good());
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("simulate");
    group.throughput(Throughput::Elements(1));
    let mut seed = 0;
    for (name, guarded) in [("whole rollout", false), ("whole rollout, guarded", true)] {
        let sim = simulation(&world, guarded).unrecorded();
        let run = sim.run(1);
        println!("{name}: {} in {} transitions, {}", run.phase(), run.steps, run.took);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                seed += 1;
                sim.run(black_box(seed))
            });
        });
    }
    let revisions = Revisions { stable: Some("v1".into()), candidate: "v2".into() };
    let run = |seed| simulation(&world, false).run(seed);
    let mut ended: Vec<(Fleet, Vec<Window>)> =
        (0..64).map(run).map(|run| (windows(&run), run)).map(|(w, run)| (run.fleet, w)).collect();
    let mut nth = 0;
    group.bench_function("its thirty looks alone", |bencher| {
        bencher.iter(|| {
            nth = (nth + 1) % ended.len();
            let (fleet, windows) = &mut ended[nth];
            for window in windows {
                let look = fleet.measure(&revisions, Signal::ErrorRate, *window);
                let _ = black_box(look);
            }
        });
    });
    group.finish();
    criterion.final_summary();
}
