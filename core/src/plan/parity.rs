//! Judges of other tools, by their words: how Argo and Flagger count, and Kayenta.

use super::{
    CountingSpec, KayentaSpec, KeyPath, ThresholdSpec,
    problem::{ProblemKind, Problems},
};
use crate::health::{
    ArgoLimits, Bound, Counting, Threshold,
    kayenta::{Config, ConfigError, Effect, Kayenta, Outliers, Roots},
};

/// A line with what other tools add to it.
pub(super) fn counted(
    line: Threshold,
    spec: &ThresholdSpec,
    bound: Bound,
    at: &KeyPath,
    problems: &mut Problems,
) -> Threshold {
    let mut line = line.passing_after(spec.consecutive_success_limit.unwrap_or(0));
    let counting = match spec.counting {
        None => Counting::Limits,
        Some(CountingSpec::Argo) => Counting::Argo(ArgoLimits {
            count: spec.looks,
            failure_limit: Some(spec.failure_limit.unwrap_or(0)),
            inconclusive_limit: spec.inconclusive_limit.unwrap_or(0),
            consecutive_error_limit: spec.consecutive_error_limit.unwrap_or(4),
            consecutive_success_limit: spec.consecutive_success_limit.unwrap_or(0),
        }),
        Some(CountingSpec::Flagger) => {
            Counting::Flagger { threshold: spec.failure_limit.unwrap_or(1) }
        }
    };
    match line.counting(counting) {
        Ok(counted) => line = counted,
        Err(error) => problems.add(&at.key("counting"), error),
    }
    if let Some(success) = spec.success {
        let within = match bound {
            Bound::Max(_) => Bound::Max(success),
            Bound::Min(_) => Bound::Min(success),
            Bound::MaxRatio(_) => Bound::MaxRatio(success),
            Bound::MinRatio(_) => Bound::MinRatio(success),
        };
        match line.succeeding_within(within) {
            Ok(both) => line = both,
            Err(error) => problems.add(&at.key("success"), error),
        }
    }
    if spec.dry_run { line.dry_run() } else { line }
}

/// Kayenta's judge as written, over its own defaults.
pub(super) fn kayenta(spec: &KayentaSpec, at: &KeyPath, problems: &mut Problems) -> Kayenta {
    match built(spec) {
        Ok(kayenta) => kayenta,
        Err(error) => {
            problems.add(at, ProblemKind::Kayenta(error));
            Kayenta::default()
        }
    }
}

fn built(spec: &KayentaSpec) -> Result<Kayenta, ConfigError> {
    let usual = Config::default();
    let every_shift = Effect::by(spec.effect_size.unwrap_or_default());
    let effect = Effect {
        allowed_increase: spec.allowed_increase.unwrap_or(every_shift.allowed_increase),
        allowed_decrease: spec.allowed_decrease.unwrap_or(every_shift.allowed_decrease),
        ..every_shift
    };
    let kayenta = Kayenta::new(Config {
        direction: spec.direction.unwrap_or_default(),
        nan: spec.nan.unwrap_or_default(),
        outliers: spec.outlier_factor.map_or(Outliers::Keep, |factor| Outliers::Remove { factor }),
        effect,
        tolerance: spec.tolerance.unwrap_or(usual.tolerance),
        confidence: spec.confidence.unwrap_or(usual.confidence),
        roots: if spec.root_tolerance { Roots::Brent } else { Roots::Exact },
        ..usual
    })?;
    let usual = Kayenta::default();
    let every = spec.judged_every.unwrap_or(usual.every());
    let kayenta = kayenta.over_looks(spec.looks.unwrap_or(usual.looks()), every)?;
    let kayenta = spec.lookback.map_or(Ok(kayenta), |points| kayenta.looking_back(points))?;
    Ok(if spec.dry_run { kayenta.dry_run() } else { kayenta })
}
