//! Sums of numbers that are kept as logarithms.

/// Log evidence is kept between minus and plus this, in nats.
///
/// Far past any verdict (`1 / alpha` is 7 nats at 0.001), and far from where sums of logs lose
/// their last digit. Raising a log from below to the lower cap adds `exp(-1e6)` to an expectation of
/// one, which is nothing.
pub const LOG_EVIDENCE_CAP: f64 = 1e6;

/// Terms this far below the largest, in nats, do not change a sum: `exp(-40)` is 4e-18.
const NEGLIGIBLE: f64 = 40.0;

/// Keeps log evidence within its cap.
pub(super) const fn cap(log_evidence: f64) -> f64 {
    log_evidence.clamp(-LOG_EVIDENCE_CAP, LOG_EVIDENCE_CAP)
}

/// `ln(sum of exp(term))`, the largest taken out first, summed in the order given. Minus infinity
/// for no terms.
pub(super) fn log_sum(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return top;
    }
    let sum: f64 = terms
        .map(|term| term - top)
        .filter(|below| *below >= -NEGLIGIBLE)
        .map(|below| if below == 0.0 { 1.0 } else { libm::exp(below) })
        .sum();
    top + libm::log(sum)
}

/// `ln(mean of exp(term))`, capped. Zero for no terms: no evidence.
pub(super) fn log_mean(terms: &[f64]) -> f64 {
    if terms.is_empty() {
        return 0.0;
    }
    cap(log_sum(terms.iter().copied()) - libm::log(terms.len() as f64))
}
