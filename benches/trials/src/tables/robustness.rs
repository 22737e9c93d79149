//! Healthy rollouts in which the textbook is wrong: bursts, surges, ramps, drift.

use tidegate_core::health::{Bound, Compare, Method, Threshold};

use super::{LEVELS, Session, markdown};
use crate::{
    contest::Contestant,
    figures::{Delays, ended},
    goals::Goals,
    scenario::{A, C, Scenario},
    telemetry::{Errors, Shares, Surges},
};

const RUNS: (u32, u32) = (10_000, 1_000);

/// False aborts at alpha 0.05 under every condition.
const FALSE_ABORTS: f64 = 0.055;

/// As strong as makes a rule of twice the live baseline fail in most healthy hours of scenario A,
/// where it fails in 6 % of the others.
const SURGES: Surges = Surges { spread: 0.9, correlation: 0.8 };

/// A condition: its name, the telemetry, and what is said of regressed runs.
type Condition = (String, Errors);

/// Ten times and twice as bad: much traffic and little.
fn conditions() -> Vec<Condition> {
    let mut all = Vec::new();
    for scenario in [A, C] {
        let usual = Errors::of(&scenario);
        let mut add =
            |what: String, errors| all.push((format!("{}, {what}", scenario.name), errors));
        for burst in [1.0, 2.0, 3.0, 10.0] {
            add(format!("bursts of {burst}"), Errors { burst, ..usual });
        }
        add("surges in both arms".to_owned(), Errors { surges: Some(SURGES), ..usual });
        add("ramp".to_owned(), Errors { shares: Shares::Ramp, ..usual });
        let drifting = Errors { shares: Shares::Ramp, drift: 4.0, ..usual };
        add("ramp, base rate drifts to 4 times".to_owned(), drifting);
        let bursting = Errors { burst: 3.0, ..drifting };
        add("the same with bursts of 3".to_owned(), bursting);
    }
    all
}

fn field() -> Vec<Contestant> {
    let by =
        |name, method| Contestant::levels(name, Compare { method, ..Compare::default() }, &LEVELS);
    let recommended = by("recommended", Method::Recommended);
    let events = by("events, dispersion learnt", Method::Events);
    let single = Contestant::single_events("events, taken for single", &LEVELS);
    let spending = Compare { method: Method::Spending, alpha: 0.05, ..Compare::default() };
    let spending = Contestant::failing("exact spending", spending);
    let line = Threshold::new(Bound::MaxRatio(2.0)).ok();
    let line = line.map(|line| Contestant::failing("twice the baseline", line.tolerating(3)));
    [recommended, events, single, spending].into_iter().chain(line).collect()
}

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    let field = field();
    let rows = conditions().into_iter().map(|(name, errors)| {
        let both = session.both(&name, RUNS, &errors, &field);
        let percent = |judge: usize| ended(&both.healthy[judge][0]).show();
        let found = |level: usize| Delays::of(&both.regressed[0][level], 0).show();
        [
            name.clone(),
            goals.rate(&name, ended(&both.healthy[0][0]), FALSE_ABORTS),
            ended(&both.healthy[0][1]).show(),
            format!("{}; {}", found(0), found(1)),
            percent(1),
            percent(2),
            percent(3),
            percent(4),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let head = [
        "scenario, condition",
        "recommended, 0.05: false aborts %",
        "0.01: false aborts %",
        "looks to find it, 0.05; 0.01",
        "events, dispersion learnt, 0.05",
        "events taken for single, 0.05",
        "exact spending, 0.05",
        "twice the live baseline, limit 3",
    ];
    let intro = "## When the textbook model is wrong\n\nFalse aborts in a healthy hour, and, of the \
                 recommended judge, median and 95th percentile of looks to find the scenario's \
                 regression. Bursts: every error is a cluster of geometric size, so many on average, that \
                 hits one arm. Surges: a lognormal factor on both arms' rates, its logarithm an \
                 autoregressive process (spread 0.9, correlation 0.8 from look to look). Ramp: 1, 5, 10, \
                 25 and 50 %, twelve minutes each.\n\n";
    intro.to_owned() + &markdown(head, rows) + &mirrored(session, &field)
}

/// The mirror image of the drift: base rate falls while the candidate is truly worse.
fn mirrored(session: Session, field: &[Contestant]) -> String {
    let scenario = Scenario { worse: A.base * 1.5, ..A };
    let errors = Errors { shares: Shares::Ramp, drift: 0.25, ..Errors::of(&scenario) };
    let both = session.both("falling base rate", (1, RUNS.1), &errors, field);
    let found = ended(&both.regressed[0][0]).share();
    format!(
        "\nThe mirror image, a base rate that falls to a quarter during the ramp while the candidate has \
         1.5 times as many errors: the recommended judge finds it in {:.1} % of the hours.\n",
        found * 100.0
    )
}
