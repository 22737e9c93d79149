//! A rollback rule of one's own, and the property test that holds it: ten lines, any number of
//! worlds, each of which misbehaves as a real one does.
//!
//! The rule is an error budget: a release may cost its users so many failed requests, whatever
//! share of traffic it has. Its property is that no bad release is ever promoted, even when the
//! metrics fall silent for a while. A careless twin of the rule takes silence for health; proptest
//! finds the world in which that promotes a bad release, and shrinks it to one that can be read.
//!
//! ```text
//! cargo run --example own_rule
//! ```

use std::{collections::BTreeMap, error::Error, sync::Arc};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use tidegate::{
    file::{Format, parse_plan},
    machine::{Judge, Judgement, Judging, Look, Measurement, Plan, Reading, Span, Verdict},
};
use tidegate_mock::{
    Fault, Op, WorldSpec, Wrong,
    sim::{Run, Sim},
    strategies::bad_worlds,
};

/// Fails once the candidate has failed more requests than this; passes after three looks with
/// traffic that stay below it.
#[derive(Clone, Copy, Debug)]
struct Budget {
    failed_requests: f64,
    /// What it says of a look in which nothing was measured.
    silence: Verdict,
}

/// The evidence so far.
#[derive(Debug)]
struct Spending {
    budget: Budget,
    reading: Reading,
    spent: f64,
}

impl Judge for Budget {
    fn begin(&self) -> Box<dyn Judging> {
        Box::new(Spending { budget: *self, reading: Reading::default(), spent: 0.0 })
    }
}

impl Judging for Spending {
    fn look(&mut self, look: &Look) -> Judgement {
        let heard = match look.candidate {
            Some(Measurement::Count { events, exposures }) if exposures > 0.0 => {
                self.spent += events;
                self.reading.samples += exposures as u64;
                self.reading.looks += 1;
                true
            }
            _ => false,
        };
        let verdict = match heard {
            _ if self.spent > self.budget.failed_requests => Verdict::Fail,
            false => self.budget.silence,
            true if self.reading.looks < 3 => Verdict::Inconclusive,
            true => Verdict::Pass,
        };
        Judgement::plain(verdict, self.reading)
    }
}

const PLAN: &str = "
target: checkout
owner: payments-oncall
strategy:
  canary:
    steps:
      - { weight: 5%, gate: { bake: 5m, checks: [budget] } }
      - { weight: 50%, gate: { bake: 5m, checks: [budget] } }
checks:
  budget:
    metric: error_rate
    judge: { custom: budget }
guards: [budget]
";

const CAREFUL: Budget = Budget { failed_requests: 50.0, silence: Verdict::NoData };
const CARELESS: Budget = Budget { silence: Verdict::Pass, ..CAREFUL };

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    /// A world whose release fails one request in ten or more, a gap in its metrics, a seed.
    fn no_bad_release_is_promoted(world in bad_worlds(10), gap in gaps(), seed: u64) {
        let (plan, run) = release(CAREFUL, world.with_fault(gap), seed);
        prop_assert!(!run.completed(), "{}", run.lines(&plan).join("\n"));
    }
}

/// From some minute on nothing is measured, for up to half an hour, and the source says that this
/// is all there is.
fn gaps() -> impl Strategy<Value = Fault> {
    (0_u64..=10, 1_u64..=30).prop_map(|(from, lasts)| {
        Fault::between(Op::Look, Span::minutes(from), Span::minutes(from + lasts), Wrong::Gap)
    })
}

/// One whole rollout of the real machine in a simulated world, with this rule as its judge.
fn release(rule: Budget, world: WorldSpec, seed: u64) -> (Plan, Run) {
    let judges = BTreeMap::from([("budget".to_owned(), Arc::new(rule) as Arc<dyn Judge>)]);
    let plan = parse_plan(PLAN.as_bytes(), Format::Yaml, "budget.yaml", &world.capabilities());
    let plan = plan.expect("the plan suits every world");
    let sim = Sim::new(plan.clone(), world, &judges).expect("the judge is given");
    (plan, sim.run(seed))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (plan, run) = release(CAREFUL, WorldSpec::bad(), 1);
    println!("One rollout of a bad release under the rule:");
    run.lines(&plan).iter().for_each(|line| println!("{line}"));

    no_bad_release_is_promoted();
    println!("\nIn 256 worlds with gaps in their metrics no bad release was promoted.");

    let (world, gap, seed) = careless().ok_or("the careless rule was not found out")?;
    println!("\nThe rule that takes silence for health promotes this one (seed {seed}):");
    let (percent, to) = (world.effect.errors * 100.0, gap.to.unwrap_or(Span::ZERO));
    println!("{percent} of 100 requests fail; nothing is measured from {} to {to}", gap.from);
    let (plan, run) = release(CARELESS, world.with_fault(gap), seed);
    run.lines(&plan).iter().for_each(|line| println!("{line}"));
    Ok(())
}

/// The smallest case that breaks the same property of the careless rule.
fn careless() -> Option<(WorldSpec, Fault, u64)> {
    // The same cases in every run, so that the example always tells the same story.
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { failure_persistence: None, ..Config::default() };
    let cases = (bad_worlds(10), gaps(), any::<u64>());
    let held = TestRunner::new_with_rng(config, rng).run(&cases, |(world, gap, seed)| {
        let (_, run) = release(CARELESS, world.with_fault(gap), seed);
        prop_assert!(!run.completed());
        Ok(())
    });
    match held {
        Err(TestError::Fail(_, smallest)) => Some(smallest),
        _ => None,
    }
}
