//! Latencies: histograms, and means alone.

use tidegate_core::health::Compare;

use super::{LEVELS, Session, markdown};
use crate::{
    contest::Contestant,
    figures::{Delays, ended},
    goals::Goals,
    telemetry::{Kept, Latency},
};

const RUNS: (u32, u32) = (5_000, 1_000);

/// A service with 100 requests per second, a tenth of which go to the candidate.
const USUAL: Latency = Latency {
    requests: 6_000.0,
    share: 0.1,
    median_ms: 100.0,
    sigma: 0.6,
    slower: 1.0,
    tail: (0.0, 0.0),
    wobble: 0.0,
    kept: Kept::Histogram,
};

/// A regression, with the goal of median and 95th percentile at alpha 0.05, where there is one, and
/// that of false aborts.
struct Case {
    name: &'static str,
    latency: Latency,
    looks: Option<(u16, u16)>,
    false_aborts: f64,
}

fn cases() -> [Case; 6] {
    let case = |name, latency, looks| Case { name, latency, looks, false_aborts: 0.055 };
    let slow = Latency { slower: 1.2, ..USUAL };
    let wobbling = Latency { wobble: 0.05, ..slow };
    let model = Latency { requests: 300.0, median_ms: 2_000.0, slower: 1.3, ..USUAL };
    [
        case("+10 %", Latency { slower: 1.1, ..USUAL }, None),
        case("+20 %", slow, Some((1, 2))),
        case("1 % of requests +400 ms", Latency { tail: (0.01, 400.0), ..USUAL }, Some((6, 12))),
        case("2 % of requests +1 s", Latency { tail: (0.02, 1_000.0), ..USUAL }, None),
        Case {
            false_aborts: 0.02,
            ..case("+20 %, each arm wobbles by 5 %", wobbling, Some((5, 8)))
        },
        case("language model: 5 rps, median 2 s, +30 %", model, None),
    ]
}

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    let field = [Contestant::levels("", Compare::default(), &LEVELS)];
    let rows = cases().map(|Case { name, latency, looks, false_aborts }| {
        let both = session.both(name, RUNS, &latency, &field);
        let means = Latency { kept: Kept::Mean, ..latency };
        let mean = session.both(name, RUNS, &means, &field);
        let delays = Delays::of(&both.regressed[0][0], 0);
        let what = |figure| format!("latency {name}, {figure}");
        // One look more than the median aimed at is still within it.
        let found = looks.map(|(median, late)| {
            let median = goals.looks(&what("median"), &delays, 0.5, median + 1);
            format!("{median}; 95th {}", goals.looks(&what("95th"), &delays, 0.95, late))
        });
        let rate = ended(&both.healthy[0][0]);
        [
            name.to_owned(),
            goals.rate(&what("false aborts"), rate, false_aborts),
            found.unwrap_or_else(|| delays.show()),
            ended(&both.healthy[0][1]).show(),
            Delays::of(&both.regressed[0][1], 0).show(),
            goals.rate(&what("means alone, false aborts"), ended(&mean.healthy[0][0]), 0.055),
            Delays::of(&mean.regressed[0][0], 0).show(),
        ]
    });
    let head = [
        "regression",
        "histogram, 0.05: false aborts %",
        "median / 95th",
        "0.01: false aborts %",
        "median / 95th",
        "mean alone, 0.05: false aborts %",
        "median / 95th",
    ];
    String::from(
        "## Latency\n\nLognormal, median 100 ms, sigma 0.6, in OpenTelemetry's default buckets; 100 \
         requests per second, 10 % to the candidate.\n\n",
    ) + &markdown(head, rows)
}
