//! What judging costs: one look of each judge, whole rollouts with the recommended one, and Kayenta's
//! rank test beside scipy's, on the same points.
//!
//! scipy is asked in a process of its own that times itself; where there is none, that line says so.

mod cases;

use std::{collections::BTreeMap, hint::black_box, process::Command, sync::Arc};

use criterion::{Criterion, Throughput};
use tidegate_core::{
    Judge, Judging, Look, Measurement, Timestamp, Window,
    health::{
        Compare, Method,
        kayenta::{Roots, interval},
        sequential::{Side, SplitTest, StartMass},
    },
};
use tidegate_mock::{WorldSpec, sim::Sim};

/// Looks of an hour: 100 requests a second, a tenth of them on the candidate, one error in a thousand
/// to one in five hundred.
fn looks() -> Vec<Look> {
    (0..60_u64)
        .map(|minute| {
            let from = Timestamp(minute * 60_000);
            let window = Window { from, to: Timestamp(from.0 + 60_000) };
            let stable = Measurement::count(5 + minute % 4, 5_400 + 7 * (minute % 11));
            let candidate = Measurement::count(minute % 3 / 2, 600 + minute % 13);
            Look::complete(window, Some(stable), Some(candidate))
        })
        .collect()
}

/// A judge at work, which begins anew after an hour.
struct Hourly {
    compare: Compare,
    history: Vec<Look>,
    judging: Box<dyn Judging>,
    at: usize,
}

impl Hourly {
    fn new(method: Method) -> Self {
        let compare = Compare { method, ..Compare::default() };
        let history: Vec<Look> =
            looks().into_iter().map(|look| Look { candidate: None, ..look }).collect();
        let judging = compare.begin_after(&history);
        Self { compare, history, judging, at: 0 }
    }

    fn look(&mut self, looks: &[Look]) {
        if self.at == looks.len() {
            self.judging = self.compare.begin_after(&self.history);
            self.at = 0;
        }
        black_box(self.judging.look(black_box(&looks[self.at])));
        self.at += 1;
    }
}

fn one_look(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one look");
    let hour = looks();
    let test = SplitTest::new(Side::Above, 1.0).expect("a ratio of one");
    let test = test.with_start(StartMass::Planned { looks: 60 });
    let (mut process, mut nth) = (test.begin(), 0_u32);
    group.bench_function("the split process alone (K1)", |bencher| {
        bencher.iter(|| {
            if process.looks() == 60 {
                process = test.begin();
            }
            nth = nth.wrapping_add(1);
            let errors = f64::from(nth % 3 / 2);
            black_box(process.look(errors, 6.0, 600.0 + f64::from(nth % 13), 5_400.0)).is_ok()
        });
    });
    for (name, method) in [
        ("recommended", Method::Recommended),
        ("by events", Method::Events),
        ("exact spending", Method::Spending),
        ("absolute", Method::Absolute),
    ] {
        let mut hourly = Hourly::new(method);
        group.bench_function(name, |bencher| bencher.iter(|| hourly.look(&hour)));
    }
    group.finish();
}

fn rollouts(criterion: &mut Criterion) {
    let world = Arc::new(WorldSpec::good());
    let mut group = criterion.benchmark_group("whole rollout");
    group.throughput(Throughput::Elements(1));
    let plan = Arc::new(cases::canary(&world, 2));
    let sim = Sim::new(plan, Arc::clone(&world), &BTreeMap::new());
    let sim = sim.expect("the world has the plan's metric").unrecorded();
    let run = sim.run(1);
    println!("recommended judge: {} in {} transitions, {}", run.phase(), run.steps, run.took);
    let mut seed = 0;
    group.bench_function("with the recommended judge", |bencher| {
        bencher.iter(|| {
            seed += 1;
            sim.run(black_box(seed))
        });
    });
    group.finish();
}

/// Fifty points a side, a minute each: latencies that overlap.
fn points() -> (Vec<f64>, Vec<f64>) {
    let series = |factor: f64, step: u32| {
        let point =
            |n: u32| factor * (100.0 + f64::from((n * step) % 50) + f64::from(n % 7) / 10.0);
        (0..50).map(point).collect()
    };
    (series(1.0, 17), series(1.05, 23))
}

const SCIPY: &str = "
import json, sys, time
from scipy import stats
a, b = json.loads(sys.argv[1])
times = []
for _ in range(300):
    begin = time.perf_counter()
    stats.mannwhitneyu(a, b, alternative='two-sided', method='asymptotic')
    times.append(time.perf_counter() - begin)
print(f'{sorted(times)[150] * 1e6:.1f}')
";

fn rank_test(criterion: &mut Criterion) {
    let (stable, candidate) = points();
    let mut group = criterion.benchmark_group("rank test, 50 and 50 points");
    for (name, roots) in [("interval, exact", Roots::Exact), ("interval, searched", Roots::Brent)] {
        group.bench_function(name, |bencher| {
            bencher
                .iter(|| interval(black_box(&stable), black_box(&candidate), 0.98, roots).is_ok());
        });
    }
    group.finish();
    let both = format!("[{stable:?}, {candidate:?}]");
    let asked = Command::new("python3").args(["-c", SCIPY, &both]).output();
    match asked {
        Ok(output) if output.status.success() => {
            let micros = String::from_utf8_lossy(&output.stdout);
            println!("scipy.stats.mannwhitneyu, no interval: {} us (median of 300)", micros.trim());
        }
        _ => println!("scipy is not here: pip install scipy"),
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    one_look(&mut criterion);
    rollouts(&mut criterion);
    rank_test(&mut criterion);
    criterion.final_summary();
}
