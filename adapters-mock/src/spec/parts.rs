//! The parts of a world file: arms, requests, latency, metrics, operations, a platform.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_core::{Operation, PlatformAbility, SafetyClass, Span, Weight};

/// How the replicas of one arm behave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArmSpec {
    /// Time from a request for a replica until it is ready.
    pub starts_in: Span,
    /// Probability that a start ends in a crash; the replica then starts again. 1 never gets ready.
    pub crash_on_start: f64,
}

impl Default for ArmSpec {
    fn default() -> Self {
        Self { starts_in: Span::seconds(20), crash_on_start: 0.0 }
    }
}

/// How many requests arrive, over all arms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestSpec {
    /// Requests a second, on average.
    pub per_second: f64,
    /// How far the rate swings up and down over a day, as a share of the average: 0 to 1.
    pub daily_swing: f64,
    /// Time from one burst to the next; none when zero.
    pub burst_every: Span,
    /// How long a burst lasts.
    pub burst_for: Span,
    /// The factor on the rate during a burst.
    pub burst_factor: f64,
    /// Requests a second that test traffic sends while it is on.
    pub test_per_second: f64,
}

impl Default for RequestSpec {
    fn default() -> Self {
        Self {
            per_second: 100.0,
            daily_swing: 0.0,
            burst_every: Span::ZERO,
            burst_for: Span::ZERO,
            burst_factor: 1.0,
            test_per_second: 1.0,
        }
    }
}

/// Latencies, distributed log-normally.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LatencySpec {
    /// Half of the requests are faster, in milliseconds.
    pub p50_ms: f64,
    /// One in a hundred is slower, in milliseconds; at least `p50_ms`.
    pub p99_ms: f64,
}

impl Default for LatencySpec {
    fn default() -> Self {
        Self { p50_ms: 80.0, p99_ms: 400.0 }
    }
}

/// What can be measured of an arm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Failed requests among all requests.
    ErrorRate,
    /// Requests that did not fail among all requests.
    SuccessRate,
    /// Mean latency in milliseconds.
    LatencyMean,
    /// Median latency in milliseconds.
    LatencyP50,
    /// 95th percentile of latency in milliseconds.
    LatencyP95,
    /// 99th percentile of latency in milliseconds.
    LatencyP99,
    /// Requests a second.
    Requests,
    /// How many requests were slower than each edge, with the sum of all latencies.
    Latency,
    /// The sum of all latencies, in milliseconds.
    LatencySum,
    /// Answers by class, where the world has classes.
    Classes,
}

impl Signal {
    /// Every signal, with the name it is measured under in every world.
    pub const NAMES: [(&'static str, Self); 10] = [
        ("error_rate", Self::ErrorRate),
        ("success_rate", Self::SuccessRate),
        ("latency_mean", Self::LatencyMean),
        ("latency_p50", Self::LatencyP50),
        ("latency_p95", Self::LatencyP95),
        ("latency_p99", Self::LatencyP99),
        ("requests", Self::Requests),
        ("latency", Self::Latency),
        ("latency_sum", Self::LatencySum),
        ("classes", Self::Classes),
    ];
}

/// How measurements are made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricSpec {
    /// Time until a window is complete.
    pub lag: Span,
    /// Measurements are kept by whole periods: windows are cut to them. At least 1 ms; shorter
    /// periods cost more draws a look.
    pub period: Span,
    /// Further names for signals.
    pub names: BTreeMap<String, Signal>,
}

impl Default for MetricSpec {
    fn default() -> Self {
        Self { lag: Span::seconds(30), period: Span::seconds(10), names: BTreeMap::new() }
    }
}

/// How safe an operation is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OperationSpec {
    /// What the target offers.
    pub class: SafetyClass,
    /// By when a call has taken effect or never will, counted from its time limit.
    pub late_bound: Span,
    /// How long one call may take.
    pub time_limit: Span,
}

impl Default for OperationSpec {
    fn default() -> Self {
        Self {
            class: SafetyClass::BareSet,
            late_bound: Span::seconds(60),
            time_limit: Span::seconds(15),
        }
    }
}

impl OperationSpec {
    /// The same, of another class.
    #[must_use]
    pub fn of_class(class: SafetyClass) -> Self {
        Self { class, ..Self::default() }
    }

    /// As the core says it.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        Operation { class: self.class, late_bound: self.late_bound, time_limit: self.time_limit }
    }
}

/// A platform that sets its own pace, in the manner of CodeDeploy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlatformWorldSpec {
    /// Weights on the way to 100 %.
    pub steps: Vec<Weight>,
    /// Time from one step to the next.
    pub step_every: Span,
    /// Whether it waits before any production traffic.
    pub waits_ready: bool,
    /// Whether it waits between two steps.
    pub waits_step: bool,
    /// Whether it waits before the old side is terminated.
    pub waits_termination: bool,
    /// How long it waits at a wait point; for ever when zero.
    pub wait_for: Span,
    /// Whether it goes on by itself when a wait expires; otherwise it goes back.
    pub continues_on_expiry: bool,
    /// It goes back by itself when the candidate's requests fail more often than this.
    pub rolls_back_above: Option<f64>,
    /// Time that going back takes.
    pub rolls_back_in: Span,
    /// How safely a deployment is started.
    pub start: OperationSpec,
    /// How safely it is released and stopped.
    pub control: OperationSpec,
    /// Whether a running deployment can be held.
    pub can_hold: bool,
    /// Time after success until it terminates the old side by itself.
    pub terminates_after: Option<Span>,
}

impl Default for PlatformWorldSpec {
    fn default() -> Self {
        Self {
            steps: vec![Weight::percent(10)],
            step_every: Span::minutes(5),
            waits_ready: false,
            waits_step: false,
            waits_termination: false,
            wait_for: Span::ZERO,
            continues_on_expiry: false,
            rolls_back_above: None,
            rolls_back_in: Span::seconds(30),
            start: OperationSpec::of_class(SafetyClass::BareCreate),
            control: OperationSpec::default(),
            can_hold: false,
            terminates_after: None,
        }
    }
}

impl PlatformWorldSpec {
    /// As the core says it.
    #[must_use]
    pub const fn ability(&self) -> PlatformAbility {
        PlatformAbility {
            start: self.start.operation(),
            control: self.control.operation(),
            can_hold: self.can_hold,
            continues_on_expiry: self.continues_on_expiry,
            terminates_after: self.terminates_after,
        }
    }
}
