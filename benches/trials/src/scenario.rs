//! The ten scenarios: traffic, the candidate's share of it, and how much worse it is.

use tidegate_core::health::sequential::Traffic;

/// One of the published scenarios, A to J.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scenario {
    /// Its letter.
    pub name: &'static str,
    /// Requests per second, both arms together.
    pub rps: f64,
    /// The candidate's share of them, 0 to 1.
    pub share: f64,
    /// Errors per request of a good release.
    pub base: f64,
    /// Errors per request of a bad one.
    pub worse: f64,
    /// Healthy looks before a bad release goes bad.
    pub onset: u32,
}

const fn scenario(name: &'static str, rps: f64, share: f64, base: f64, worse: f64) -> Scenario {
    Scenario { name, rps, share, base, worse, onset: 0 }
}

/// All of them, A to J.
pub const SCENARIOS: [Scenario; 10] = [
    A,
    scenario("B", 1000.0, 0.1, 0.001, 0.002),
    C,
    scenario("D", 100.0, 0.1, 0.001, 0.002),
    scenario("E", 20.0, 0.1, 0.005, 0.02),
    scenario("F", 20.0, 0.1, 0.01, 0.05),
    scenario("G", 1000.0, 0.01, 0.001, 0.005),
    scenario("H", 20.0, 0.1, 0.005, 0.5),
    Scenario { name: "I", onset: 30, ..C },
    scenario("J", 100.0, 0.5, 0.001, 0.002),
];

/// Much traffic, five times as many errors.
pub const A: Scenario = scenario("A", 1000.0, 0.1, 0.001, 0.005);

/// A tenth of that traffic.
pub const C: Scenario = scenario("C", 100.0, 0.1, 0.001, 0.005);

impl Scenario {
    /// What a look of one minute is expected to see.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.rps * 60.0,
            candidate_share: self.share,
            base_rate: self.base,
            dispersion: 1.0,
        }
    }

    /// For a heading: requests per second, share, and rates.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { name, rps, share, base, worse, onset } = self;
        let late = if *onset > 0 { format!(", from minute {onset} on") } else { String::new() };
        let percent = |share: f64| crate::figures::trimmed(share * 100.0);
        let (share, base, worse) = (percent(*share), percent(*base), percent(*worse));
        format!("**{name}** {rps} rps, {share} %, {base} → {worse} %{late}")
    }
}
