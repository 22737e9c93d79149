//! The rule that `docs/rules-of-your-own.md` shows, under all its tests, and a careless twin of it that
//! each of them finds out.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};
use tidegate::{
    file::{Format, parse_plan},
    machine::{Judge, Judgement, Judging, Look, Measurement, Plan, Reading, Span, Verdict, Weight},
};
use tidegate_mock::{
    Fault, Op, WorldSpec, Wrong, judge_laws, laws,
    sim::{Run, Sim},
    strategies::bad_worlds,
};

/// Fails when the candidate has failed more than twice as often as stable, and more than one
/// request in a hundred, in two minutes in a row. Passes after five minutes without that.
#[derive(Clone, Copy, Debug)]
struct TwiceAsOften {
    /// What it says of a minute in which nothing was measured.
    silence: Verdict,
}

impl Judge for TwiceAsOften {
    fn begin(&self) -> Box<dyn Judging> {
        Box::new(Minutes { rule: *self, bad_in_a_row: 0, reading: Reading::default() })
    }
}

/// The minutes so far.
#[derive(Debug)]
struct Minutes {
    rule: TwiceAsOften,
    bad_in_a_row: u32,
    reading: Reading,
}

impl Judging for Minutes {
    fn look(&mut self, look: &Look) -> Judgement {
        let verdict = match rates(look) {
            _ if self.bad_in_a_row >= 2 => Verdict::Fail,
            None => self.rule.silence,
            Some((ours, theirs)) => self.minute(ours, (2.0 * theirs).max(0.01)),
        };
        Judgement::plain(verdict, self.reading)
    }
}

impl Minutes {
    fn minute(&mut self, ours: f64, limit: f64) -> Verdict {
        let bad = ours > limit;
        self.bad_in_a_row = if bad { self.bad_in_a_row + 1 } else { 0 };
        // What a person reads when it has decided.
        (self.reading.candidate, self.reading.limit) = (Some(ours), Some(limit));
        self.reading.looks += 1;
        match self.bad_in_a_row {
            0 if self.reading.looks >= 5 => Verdict::Pass,
            0 | 1 => Verdict::Inconclusive,
            _ => Verdict::Fail,
        }
    }
}

/// Both arms' rates, where the look can be believed. A rate is at most one.
fn rates(look: &Look) -> Option<(f64, f64)> {
    let rate = |arm: &Option<Measurement>| arm.as_ref().filter(|arm| !arm.is_absurd())?.value();
    let usable = look.complete && !look.failed;
    let rates = rate(&look.candidate).zip(rate(&look.stable));
    rates.filter(|(ours, theirs)| usable && ours.max(*theirs) <= 1.0)
}

const RULE: TwiceAsOften = TwiceAsOften { silence: Verdict::NoData };

judge_laws!(twice_as_often, RULE, monotone);

const PLAN: &[u8] = b"
target: checkout
owner: payments-oncall
strategy:
  canary:
    steps:
      - { weight: 5%, gate: { bake: 10m, checks: [errors] } }
      - { weight: 50%, gate: { bake: 10m, checks: [errors] } }
checks:
  errors: { metric: error_rate, judge: { custom: twice_as_often }, baseline: concurrent }
guards: [errors]
";

/// One whole rollout of the real machine in a simulated world, with a rule as its judge.
fn release(rule: TwiceAsOften, world: WorldSpec, seed: u64) -> (Plan, Run) {
    let judges = BTreeMap::from([("twice_as_often".to_owned(), Arc::new(rule) as Arc<dyn Judge>)]);
    let plan = parse_plan(PLAN, Format::Yaml, "plan.yaml", &world.capabilities()).unwrap();
    let sim = Sim::new(plan.clone(), world, &judges).unwrap();
    (plan, sim.run(seed))
}

/// From some minute on nothing is measured, for up to half an hour.
fn gaps() -> impl Strategy<Value = Fault> {
    (0_u64..=10, 1_u64..=30).prop_map(|(from, lasts)| {
        Fault::between(Op::Look, Span::minutes(from), Span::minutes(from + lasts), Wrong::Gap)
    })
}

proptest! {
    #[test]
    fn a_release_that_fails_one_request_in_ten_stays_at_the_first_step(
        world in bad_worlds(10), gap in gaps(), seed in any::<u64>(),
    ) {
        let (plan, run) = release(RULE, world.with_fault(gap), seed);
        prop_assert!(!run.completed(), "{}", run.lines(&plan).join("\n"));
        prop_assert!(run.peak <= Weight::percent(5), "{}", run.lines(&plan).join("\n"));
    }
}

/// Takes silence for health.
const CARELESS: TwiceAsOften = TwiceAsOften { silence: Verdict::Pass };

#[test]
fn the_careless_twin_breaks_a_law_and_is_told_which() {
    let broken = laws::no_data_is_never_a_pass(&CARELESS).unwrap_err();
    assert!(shown().contains(&broken.to_string()), "the page does not show this:\n{broken}");
}

#[test]
fn the_careless_twin_breaks_the_property_and_the_case_is_printed_shrunk() {
    let config = Config { failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let cases = (bad_worlds(10), gaps(), any::<u64>());
    let property = |(world, gap, seed): (WorldSpec, Fault, u64)| {
        let (plan, run) = release(CARELESS, world.with_fault(gap), seed);
        prop_assert!(run.peak <= Weight::percent(5), "{}", run.lines(&plan).join("\n"));
        Ok(())
    };
    let failed = TestRunner::new_with_rng(config, rng).run(&cases, property).unwrap_err();
    let printed = failed.to_string();
    assert!(printed.contains("minimal failing input: "), "{printed}");
    let TestError::Fail(_, (world, gap, seed)) = failed else { panic!("{printed}") };
    // As small as it can be: one replica, one request in ten, and silence for as long as the gate bakes;
    // one minute less, and the guard would see two bad ones.
    assert_eq!((world.size, world.effect.errors, seed), (1, 0.1, 0));
    assert_eq!((gap.from, gap.to), (Span::ZERO, Some(Span::minutes(10))));
    let page = shown();
    let decisions = page.rsplit("```text\n").next().unwrap().split("```").next().unwrap();
    assert!(printed.contains(decisions.trim_end()), "the page does not show this:\n{printed}");
}

/// What the page shows.
fn shown() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules-of-your-own.md"))
        .unwrap()
}
