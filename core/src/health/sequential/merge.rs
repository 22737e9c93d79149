//! Several evidences, one verdict.

use super::EvidenceError;
use super::input::{level, within};
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

/// Which of these hypotheses are rejected when the share of false ones among them may be `alpha` on
/// average: the e-BH procedure (Wang and Ramdas 2022). With `k` the largest number such that `k`
/// evidences are at least `n / (alpha k)`, the `k` largest.
///
/// # Errors
/// When `alpha` is not in (0, 1], or log evidence is not a number or plus infinity.
pub fn e_benjamini_hochberg(evidences: &[f64], alpha: f64) -> Result<Vec<bool>, EvidenceError> {
    level(alpha)?;
    evidences.iter().try_for_each(|&evidence| readable(evidence))?;
    let mut falling = evidences.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let needed = libm::log(evidences.len() as f64) - libm::log(alpha);
    let line = falling
        .iter()
        .zip(1_u32..)
        .filter(|(evidence, rank)| **evidence + libm::log(f64::from(*rank)) >= needed)
        .map(|(evidence, _)| *evidence)
        .last();
    Ok(evidences.iter().map(|evidence| line.is_some_and(|line| *evidence >= line)).collect())
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

    #[test]
    fn e_bh_rejects_the_largest_when_enough_of_them_are_large() {
        let alpha = 0.05;
        // Two of three need 3 / (0.05 * 2) = 30 each; one alone would need 60.
        let log = |e: f64| e.ln();
        let both = e_benjamini_hochberg(&[log(31.0), log(0.1), log(40.0)], alpha).unwrap();
        assert_eq!(both, [true, false, true]);
        let none = e_benjamini_hochberg(&[log(29.0), log(0.1), log(40.0)], alpha).unwrap();
        assert_eq!(none, [false, false, false]);
        assert_eq!(e_benjamini_hochberg(&[], alpha), Ok(vec![]));
    }
}
