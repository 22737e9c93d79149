//! How far two distributions over classes are apart.

use std::f64::consts::LN_2;

/// The Jensen-Shannon divergence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// In nats: 0 for equal shares, `ln 2` for disjoint ones.
    pub nats: f64,
}

impl Divergence {
    /// In bits: 0 to 1.
    #[must_use]
    pub fn bits(self) -> f64 {
        self.nats / LN_2
    }

    /// Its square root, which is a metric.
    #[must_use]
    pub fn distance(self) -> f64 {
        libm::sqrt(self.nats)
    }
}

/// The Jensen-Shannon divergence of two samples' counts per class. None when they differ in length,
/// one is empty, or a count is negative or not finite.
#[must_use]
pub fn jensen_shannon(first: &[f64], second: &[f64]) -> Option<Divergence> {
    let usable = |counts: &[f64]| {
        let sum: f64 = counts.iter().sum();
        (counts.iter().all(|count| *count >= 0.0) && sum > 0.0 && sum.is_finite()).then_some(sum)
    };
    let (total1, total0) = (usable(first)?, usable(second)?);
    if first.len() != second.len() {
        return None;
    }
    let part = |share: f64, middle: f64| {
        if share > 0.0 { share * libm::log(share / middle) } else { 0.0 }
    };
    let nats = first.iter().zip(second).map(|(one, zero)| {
        let (p, q) = (one / total1, zero / total0);
        let middle = f64::midpoint(p, q);
        f64::midpoint(part(p, middle), part(q, middle))
    });
    Some(Divergence { nats: nats.sum::<f64>().max(0.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shares_are_at_zero_and_disjoint_ones_at_one_bit() {
        let same = jensen_shannon(&[1.0, 2.0], &[10.0, 20.0]).unwrap();
        assert!(same.nats.abs() < 1e-15);
        let disjoint = jensen_shannon(&[5.0, 0.0], &[0.0, 9.0]).unwrap();
        assert!((disjoint.bits() - 1.0).abs() < 1e-15);
        for bad in [&[0.0, 0.0][..], &[1.0], &[1.0, -1.0], &[1.0, f64::NAN]] {
            assert_eq!(jensen_shannon(&[1.0, 1.0], bad), None);
        }
    }
}
