//! What people write: the plan file, as types. Every key is known; an unknown one is an error.
//!
//! This file must not decide anything: what a written plan *means* is decided in `compile`.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{CheckRef, stage::OnDeadline};
use crate::{
    Span, Weight,
    health::{
        Method, Worse,
        kayenta::{Direction, Measure, NanStrategy},
    },
};

/// A plan as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlanSpec {
    /// The service to be released.
    pub target: String,
    /// Who is asked when a person is needed: a name, a rota, a channel.
    pub owner: String,
    /// Canary, blue/green or rolling: exactly one.
    pub strategy: StrategySpec,
    /// Checks by name; stages and guards refer to them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckSpec>,
    /// Hooks by name; stages refer to them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hooks: BTreeMap<String, HookSpec>,
    /// Checks that are judged all the time while the candidate has traffic. Those that a gate asks
    /// for and that gather evidence are guards without being named here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<CheckRef>,
    /// How sure to be, and what traffic to expect.
    #[serde(default, skip_serializing_if = "EvidenceSpec::is_default")]
    pub evidence: EvidenceSpec,
    /// What happens beside the stages.
    #[serde(default)]
    pub policy: PolicySpec,
    /// Freeze windows and allowed hours.
    #[serde(default)]
    pub calendar: CalendarSpec,
}

/// One of the three strategies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StrategySpec {
    /// Traffic moves to the candidate weight by weight.
    Canary(CanarySpec),
    /// A second side is brought up, checked, and switched to.
    BlueGreen(BlueGreenSpec),
    /// Replicas are replaced batch by batch.
    Rolling(RollingSpec),
}

/// A canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CanarySpec {
    /// The steps, weights rising. 100 % is added at the end when the last one is lower.
    pub steps: Vec<CanaryStepSpec>,
    /// Units the candidate has at least, from the first step on.
    #[serde(default = "one")]
    pub minimum_replicas: u32,
    /// Whether stable is shrunk as traffic leaves it.
    #[serde(default)]
    pub shrink_stable: bool,
    /// A platform that walks the steps by itself (CodeDeploy, the ECS scheduler), and the gates at
    /// its wait points. The steps then only say what it is expected to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformSpec>,
}

const fn one() -> u32 {
    1
}

/// One step of a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CanaryStepSpec {
    /// The candidate's share of traffic.
    pub weight: Weight,
    /// Capacity of the candidate apart from its weight; never less than the weight needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Weight>,
    /// Share of requests copied to the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Weight>,
    /// What must be true to leave the step.
    #[serde(default, skip_serializing_if = "GateSpec::is_default")]
    pub gate: GateSpec,
}

/// A blue/green.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BlueGreenSpec {
    /// Test traffic to the new side before the switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<PreviewSpec>,
    /// What must be true before the switch, with the new side at full size.
    #[serde(default, skip_serializing_if = "GateSpec::is_default")]
    pub before: GateSpec,
    /// Weights on the way to 100 %; empty switches at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<SwitchStepSpec>,
    /// What must be true after the switch, before the old side's keep-warm time begins.
    #[serde(default, skip_serializing_if = "GateSpec::is_default")]
    pub after: GateSpec,
}

/// The preview of a blue/green.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PreviewSpec {
    /// Size of the new side during the preview, as a share of the full size.
    #[serde(default = "all")]
    pub capacity: Weight,
    /// What must be true to leave the preview.
    #[serde(default, skip_serializing_if = "GateSpec::is_default")]
    pub gate: GateSpec,
}

const fn all() -> Weight {
    Weight::FULL
}

/// One step of a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SwitchStepSpec {
    /// The new side's share of traffic.
    pub weight: Weight,
    /// What must be true to leave the step.
    #[serde(default, skip_serializing_if = "GateSpec::is_default")]
    pub gate: GateSpec,
}

/// A rolling replacement. Either surge and unavailable, or minimum healthy hosts, not both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RollingSpec {
    /// Units above the full size that are allowed: a count, or a share that rounds up. Default 25%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<AmountSpec>,
    /// Units below the full size that are allowed: a count, or a share that rounds down. Default 25%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<AmountSpec>,
    /// Units that must stay healthy, as CodeDeploy counts them: a count (`HOST_COUNT`), or a share
    /// that rounds up (`FLEET_PERCENT`). Nothing is added to the fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_healthy: Option<AmountSpec>,
    /// Whether zones are taken one after another.
    #[serde(default)]
    pub zones_one_by_one: bool,
    /// After each batch, or where the new revision has reached a share of the full size.
    #[serde(default)]
    pub gates: RollingGatesSpec,
}

/// Where gates stand in a rolling replacement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RollingGatesSpec {
    /// A gate after each batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each_batch: Option<GateSpec>,
    /// Gates where a share of the full size is reached, rising.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<RollingGateSpec>,
}

/// A gate at a share of the full size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RollingGateSpec {
    /// The share replaced.
    pub share: Weight,
    /// What must be true to go on.
    pub gate: GateSpec,
}

/// A count such as `1`, or a share such as `25%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountSpec {
    /// So many units.
    Count(u32),
    /// A share of the full size.
    Share(Weight),
}

impl Serialize for AmountSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(n) => serializer.serialize_u32(*n),
            Self::Share(share) => share.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AmountSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AmountVisitor)
    }
}

struct AmountVisitor;

impl de::Visitor<'_> for AmountVisitor {
    type Value = AmountSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a count such as 1, or a share such as 25%")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<AmountSpec, E> {
        u32::try_from(number)
            .map(AmountSpec::Count)
            .map_err(|_| E::custom(format!("{number} units are more than any fleet has")))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<AmountSpec, E> {
        u64::try_from(number)
            .map_err(|_| E::custom(format!("{number} units are below zero")))
            .and_then(|number| self.visit_u64(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AmountSpec, E> {
        match text.trim().parse::<u32>() {
            Ok(count) => Ok(AmountSpec::Count(count)),
            Err(_) => text.parse().map(AmountSpec::Share).map_err(E::custom),
        }
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for AmountSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "oneOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$"},
            ],
            "description": "A count such as 1, or a share of the full size such as 25%.",
        })
    }
}

/// A platform that sets the pace, and the gates at its wait points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PlatformSpec {
    /// Before any production traffic.
    #[serde(default, skip_serializing_if = "GateSpec::is_default")]
    pub ready: GateSpec,
    /// Between two steps.
    #[serde(default, skip_serializing_if = "GateSpec::is_default")]
    pub step: GateSpec,
    /// Before the old side is terminated.
    #[serde(default, skip_serializing_if = "GateSpec::is_default")]
    pub termination: GateSpec,
}

/// What must be true to leave a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GateSpec {
    /// Time during which the world must be seen as wanted.
    #[serde(default, skip_serializing_if = "Span::is_zero_ref")]
    pub bake: Span,
    /// The checks that must pass, by name or written out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckRef>,
    /// Whether a person must approve.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
    /// Names of the hooks that must approve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<String>,
    /// Whether the gate opens only in the calendar's allowed hours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allowed_hours: bool,
    /// How long it may stay shut after its bake time, and what then. Default: 1 h, or 8 days with
    /// `allowed_hours`, then ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<DeadlineSpec>,
}

impl GateSpec {
    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Span {
    /// For serde: whether this is no time at all.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) const fn is_zero_ref(&self) -> bool {
        self.is_zero()
    }
}

/// How long a wait may last, and what then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeadlineSpec {
    /// How long; more than zero.
    pub within: Span,
    /// What then.
    pub then: OnDeadline,
}

/// A check: one metric, one judge, one baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CheckSpec {
    /// The metric that the health adapter is asked for.
    pub metric: String,
    /// The rule that turns looks into verdicts. Default: compare with stable, as long as it takes.
    #[serde(default)]
    pub judge: JudgeSpec,
    /// What the candidate is compared with. Default: a number for a threshold, stable at the same
    /// time for everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// Length of one look.
    #[serde(default = "a_minute")]
    pub window: Span,
    /// Time from one look to the next; the window's length when absent. Less only for a threshold and
    /// for judges of the embedding program: the others add looks up, and would count a request once for
    /// each look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// What a failure does.
    #[serde(default)]
    pub on_fail: OnFail,
    /// As a guard: how long its verdict may be missing, and what then. Default: 15 m, then ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lack: Option<DeadlineSpec>,
    /// The check that takes over from this guard at 100 %, where there is no stable arm to compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
    /// Its weight among the checks that gather evidence. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// The rate it usually has, above 0 and below 1: for saying beforehand what a step can see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<f64>,
}

impl CheckSpec {
    /// A check with every default.
    #[must_use]
    pub fn new(metric: impl Into<String>, judge: JudgeSpec) -> Self {
        Self {
            metric: metric.into(),
            judge,
            baseline: None,
            window: a_minute(),
            every: None,
            on_fail: OnFail::default(),
            lack: None,
            twin: None,
            weight: None,
            usual: None,
        }
    }
}

const fn a_minute() -> Span {
    Span::minutes(1)
}

/// What the candidate is compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// A number written in the plan.
    #[default]
    Fixed,
    /// The stable arm in the same window.
    Concurrent,
    /// The stable arm before the rollout.
    History,
}

/// What a failed check does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// Go back.
    #[default]
    RollBack,
    /// Go no further: the check speaks of the evidence (a sample ratio, say), not of the candidate.
    Hold,
}

/// How sure to be, and what traffic to expect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EvidenceSpec {
    /// The probability with which a good release may be rolled back by evidence, over the whole
    /// rollout and all its checks. Above 0 and below 1. Default 0.01.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The probability with which a gate may pass a release that is worse by its margin. Above 0 and
    /// below 1. Default 0.05.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// Windows before the rollout that are measured, to learn how much the numbers scatter by
    /// themselves. Default 240, at most 1440; 0 for none. Fewer than 30 that can be measured say nothing:
    /// ten events then count as one. A verdict says when they were fewer by more than a tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<u32>,
    /// Requests a minute that the service gets, both arms together: for saying beforehand what a
    /// step can see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<f64>,
}

impl EvidenceSpec {
    /// Whether nothing is written.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A judge by name, with its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JudgeSpec {
    /// Gathers evidence that the candidate is worse, and that it is not, for as long as it takes.
    Compare(CompareSpec),
    /// Whether the arms get the share of traffic that was asked for. Holds, and never rolls back.
    Share(ShareSpec),
    /// A line, and how often it may be crossed.
    Threshold(ThresholdSpec),
    /// Kayenta's rank test, for those who come from it.
    Kayenta(KayentaSpec),
    /// A judge of the embedding program, by the name it was registered under.
    Custom(String),
}

impl Default for JudgeSpec {
    fn default() -> Self {
        Self::Compare(CompareSpec::default())
    }
}

/// How arms are compared. Everything has a default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CompareSpec {
    /// How evidence is gathered. Default `recommended`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// Which way is worse: `more` (errors, latency; the default) or `less` (successes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse: Option<Worse>,
    /// The candidate counts as no worse up to this many times the baseline. 1 or more; default 1, and
    /// 1.5 against history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerate: Option<f64>,
    /// With `absolute`: the candidate counts as no worse up to the baseline and this much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerate_points: Option<f64>,
    /// A gate passes once the candidate was shown to be below this many times the baseline. More than
    /// `tolerate`. Default 2 for rates, 1.25 for latencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// A gate also passes once the candidate's rate was shown to be below this, whatever the
    /// baseline's. Default 0.001; 0 for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negligible: Option<f64>,
    /// With the baseline `fixed`: what to compare with, more than 0; of a rate, less than 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Looks that the rollout is expected to take; evidence stays valid beyond them. Default 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_looks: Option<u32>,
    /// For percentiles: which one, such as 99. Looks with fewer than ten samples beyond it are not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentile: Option<f64>,
    /// For classes: the population stability index from which a drift matters. Default 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<f64>,
    /// Looks without data tolerated in a row. Default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_data_limit: Option<u32>,
    /// Errors in a row tolerated. Default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_error_limit: Option<u32>,
}

/// Whether the arms get the share of traffic that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShareSpec {
    /// How far the odds may be off, as a ratio above 0. Default 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// The probability of a false alarm. Above 0 and below 1. Default 0.01.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
}

/// A line, and how often it may be crossed. Exactly one of the four bounds is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ThresholdSpec {
    /// The candidate's value is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The candidate's value is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The candidate's value is at most this many times the baseline's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ratio: Option<f64>,
    /// The candidate's value is at least this many times the baseline's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ratio: Option<f64>,
    /// Usable looks before a pass. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks: Option<u32>,
    /// Failing looks tolerated. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_limit: Option<u32>,
    /// Inconclusive looks tolerated. Default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inconclusive_limit: Option<u32>,
    /// Looks without data tolerated. Default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_data_limit: Option<u32>,
    /// Errors in a row tolerated. Default 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_error_limit: Option<u32>,
    /// Samples of the candidate that make a look usable. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_samples: Option<u64>,
    /// A stricter line of the same kind: between the two a look is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success: Option<f64>,
    /// Successes in a row that pass before `looks` are taken. Default: none do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consecutive_success_limit: Option<u32>,
    /// Whose way of counting is used. `argo`: `looks` is its count, and `failure_limit` failures are
    /// tolerated; `flagger`: the `failure_limit`-th failed check fails. Default: neither's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counting: Option<CountingSpec>,
    /// Only reports: nothing fails, and no gate may wait for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// Whose way of counting is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CountingSpec {
    /// Argo Rollouts'.
    Argo,
    /// Flagger's.
    Flagger,
}

/// Kayenta's judge of one metric, by its own names. Everything has Kayenta's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct KayentaSpec {
    /// Which way is bad: `increase`, `decrease` or `either`. Default `either`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// What a missing point is: `remove` or `replace` by zero. Default `remove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nan: Option<NanStrategy>,
    /// Interquartile ranges beyond which points are left out. Default: none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier_factor: Option<f64>,
    /// How large a shift is: `mean_ratio`, or `common_language` (the share of pairs in which the
    /// candidate's value is the larger). Default `mean_ratio`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_size: Option<Measure>,
    /// The size from which more matters. Default 1, of `common_language` 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_increase: Option<f64>,
    /// The size from which less matters. Default as that of more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_decrease: Option<f64>,
    /// The share of the estimate that the interval must be away from zero. Default 0.25.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// The level of the interval. Default 0.98.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Finds the interval as Kayenta does, to an absolute 1e-4, instead of exactly.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub root_tolerance: bool,
    /// Usable looks before a pass. Default 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looks: Option<u32>,
    /// Looks from one judgement to the next. Default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_every: Option<u32>,
    /// Looks back over this many points only. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback: Option<u32>,
    /// Only reports: nothing fails, and no gate may wait for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HookSpec {
    /// How long one answer may take. Default 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<Span>,
    /// Time from one asking to the next while it says "wait". Default 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
}

/// What happens beside the stages. Everything has a default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// Time the old revision is kept ready after all traffic has left it. Default 10m; 0s for rolling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_warm: Option<Span>,
    /// Time between an arm's last traffic and its removal; never less than the target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Span>,
    /// How long a rollout may wait to be started. Default 24h, then ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<DeadlineSpec>,
    /// How long a stage (or batch) may take to get where it wants. Default 10m, then roll back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<DeadlineSpec>,
    /// How long an acknowledged shift, copy or test may stay unseen before it is sent again, and how
    /// long the report of a rollback waits for old units. Default 1m on top of
    /// the target's propagation time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<Span>,
    /// How long going back may take before a person is asked. At least what one call may take until it is
    /// seen: the target's time limit, late bound and propagation time, and `observe_every`. Default 15m, or
    /// that where it is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Span>,
    /// Attempts of one move, the first included. On the way back, what is known not to be done is tried
    /// until `rollback` has passed. Default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u8>,
    /// Wait before the second attempt, doubled for each later one. Default 2s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_off: Option<Span>,
    /// How often somebody else's change is corrected before the rollout halts. Default 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift_corrections: Option<u8>,
    /// Time from one observation of the world to the next. At most what `progress` allows, and `confirm`
    /// with the target's propagation time. Default 10s, or the most that is allowed where that is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe_every: Option<Span>,
    /// What happens when a newer revision arrives. Default replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersede: Option<Supersede>,
    /// Both revisions must never carry traffic at once: only a switch at once can do that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incompatible: bool,
    /// After the old revision is gone, deploy it again on a failure instead of asking a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redeploy: bool,
}

/// What happens when a newer revision arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Supersede {
    /// Go back, then let the newer one begin.
    #[default]
    Replace,
    /// Finish, then let the newer one begin.
    Queue,
    /// Say no to the newer one.
    Refuse,
}

/// Freeze windows and allowed hours, in the civil time of one zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CalendarSpec {
    /// An IANA time zone such as `Europe/Berlin`. Default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Hours in which gates with `allowed_hours` may open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<HoursSpec>,
    /// Times in which nothing goes forward. A rollback always may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<FreezeSpec>,
}

/// Hours of some days of the week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HoursSpec {
    /// `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`; every day when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// Start, as `09:00`.
    pub from: String,
    /// End, as `17:00`; at or before the start it is on the next day.
    pub to: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A freeze window between two civil times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FreezeSpec {
    /// Start, as `2026-12-20` or `2026-12-20 18:00`.
    pub from: String,
    /// End (not in the window), written the same way.
    pub to: String,
}
