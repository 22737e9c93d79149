//! What is different about a new revision, as data.
//!
//! This file must not know the fleet's state: an effect is a function of time, weight and zone.

use serde::{Deserialize, Serialize};
use tidegate_core::{Span, Weight};

/// How a new revision differs from the one before it. The default is: not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EffectSpec {
    /// Added to the probability that a request fails, 0 to 1.
    pub errors: f64,
    /// Multiplies the base probability that a request fails.
    pub error_ratio: f64,
    /// Multiplies every latency.
    pub latency_ratio: f64,
    /// The shares of the classes that its answers fall into; as the world's when empty.
    pub classes: Vec<f64>,
    /// When and where the difference shows.
    pub shape: Shape,
}

impl Default for EffectSpec {
    fn default() -> Self {
        Self {
            errors: 0.0,
            error_ratio: 1.0,
            latency_ratio: 1.0,
            classes: Vec::new(),
            shape: Shape::Always,
        }
    }
}

/// When and where an effect shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// From the first request on.
    #[default]
    Always,
    /// All at once, so long after the first replica was ready.
    After(Span),
    /// Grows from nothing, evenly, to its full strength over this time.
    Leak(Span),
    /// Only while the revision has more than this share of traffic.
    AboveWeight(Weight),
    /// Only on the replicas of the zone named.
    InZone(String),
}

/// The state of one revision at an instant, as far as an effect depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// Time since its first replica was ready.
    pub(crate) age: Span,
    /// Its share of production traffic.
    pub(crate) share: f64,
    /// The part of its replicas that is in the zone of [`Shape::InZone`].
    pub(crate) in_zone: f64,
}

impl EffectSpec {
    /// How much of the effect shows, 0 to 1.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a rollout fit 52 bits")]
    pub(crate) fn strength(&self, now: Circumstances) -> f64 {
        match self.shape {
            Shape::Always => 1.0,
            Shape::After(delay) => f64::from(u8::from(now.age >= delay)),
            Shape::Leak(full) if full.is_zero() => 1.0,
            Shape::Leak(full) => (now.age.0 as f64 / full.0 as f64).min(1.0),
            Shape::AboveWeight(line) => {
                f64::from(u8::from(now.share > f64::from(line.bp()) / 10_000.0 + 1e-9))
            }
            Shape::InZone(_) => now.in_zone,
        }
    }

    /// The probability that a request fails, where it is `base` without the effect.
    pub(crate) fn error_rate(&self, base: f64, strength: f64) -> f64 {
        let worst = base * self.error_ratio + self.errors;
        (base + (worst - base) * strength).clamp(0.0, 1.0)
    }

    /// The shares of the classes, where they are `base` without the effect.
    pub(crate) fn classes(&self, base: &[f64], strength: f64) -> Vec<f64> {
        if self.classes.len() != base.len() {
            return base.to_vec();
        }
        let mixed = |(base, own): (&f64, &f64)| (base + (own - base) * strength).max(0.0);
        base.iter().zip(&self.classes).map(mixed).collect()
    }

    /// The factor on latencies.
    pub(crate) fn latency_factor(&self, strength: f64) -> f64 {
        (1.0 + (self.latency_ratio - 1.0) * strength).max(0.0)
    }
}
