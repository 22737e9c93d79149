//! Several evidences, one verdict.

use super::EvidenceError;
use super::input::within;
use super::logs::{cap, log_sum};

/// Weights may miss a sum of one by this much.
const WEIGHTS_SLACK: f64 = 1e-9;

/// The log of the weighted mean of evidences, given as `(weight, log evidence)`. The mean of
/// e-processes is one under any dependence, for the null hypothesis that all their nulls hold. Never
/// weaker than Bonferroni: the sum is at least its largest term.
///
/// Minus infinity is welcome as log evidence: it is an evidence of zero.
///
/// # Errors
/// When a weight is not in 0 to 1, weights do not sum to one, or log evidence is not a number or
/// plus infinity.
pub fn weighted_mean(evidences: &[(f64, f64)]) -> Result<f64, EvidenceError> {
    let mut total = 0.0;
    for &(weight, evidence) in evidences {
        total += within("weight", weight, 0.0, 1.0)?;
        readable(evidence)?;
    }
    within("sum of weights", total, 1.0 - WEIGHTS_SLACK, 1.0 + WEIGHTS_SLACK)?;
    let terms = evidences
        .iter()
        .filter(|(weight, _)| *weight > 0.0)
        .map(|&(weight, evidence)| libm::log(weight) + cap(evidence));
    Ok(cap(log_sum(terms)))
}

fn readable(log_evidence: f64) -> Result<(), EvidenceError> {
    if log_evidence.is_nan() || log_evidence == f64::INFINITY {
        return Err(EvidenceError::NotFinite { what: "log evidence", value: log_evidence });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_at_least_its_largest_term() {
        let mean = weighted_mean(&[(0.25, 8.0), (0.75, f64::NEG_INFINITY)]).unwrap();
        assert!((mean - (8.0 - 4.0_f64.ln())).abs() < 1e-12);
    }

    #[test]
    fn weights_that_do_not_sum_to_one_and_evidence_that_is_no_number_are_refused() {
        assert!(weighted_mean(&[]).is_err());
        assert!(weighted_mean(&[(0.5, 0.0)]).is_err());
        assert!(weighted_mean(&[(-0.5, 0.0), (1.5, 0.0)]).is_err());
        assert!(weighted_mean(&[(1.0, f64::NAN)]).is_err());
        assert!(weighted_mean(&[(1.0, f64::INFINITY)]).is_err());
    }
}
