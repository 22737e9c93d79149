//! Several hypotheses, and which of them to reject (Wang and Ramdas, "False discovery rate control with e-values",
//! Journal of the Royal Statistical Society B 84, 2022). A rollout names the check that weighs most instead.

/// The e-BH procedure: which hypotheses are rejected when the share of true ones among the rejected may be `alpha` on
/// average, whatever the dependence. With `k` the largest number such that `k` e-values are at least `n / (alpha k)`,
/// the `k` largest.
pub fn e_benjamini_hochberg(log_e: &[f64], alpha: f64) -> Vec<bool> {
    let mut falling = log_e.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let needed = (log_e.len() as f64 / alpha).ln();
    let ranked = falling.iter().zip(1_u32..);
    let enough = ranked.filter(|(log_e, rank)| *log_e + f64::from(*rank).ln() >= needed);
    let line = enough.map(|(log_e, _)| *log_e).last();
    log_e.iter().map(|log_e| line.is_some_and(|line| *log_e >= line)).collect()
}

#[cfg(test)]
mod tests {
    use super::e_benjamini_hochberg;

    #[test]
    fn the_largest_are_rejected_when_enough_of_them_are_large() {
        let rejected = |e: [f64; 3]| e_benjamini_hochberg(&e.map(f64::ln), 0.05);
        // Two of three need 3 / (0.05 * 2) = 30 each; one alone would need 60.
        assert_eq!(rejected([31.0, 0.1, 40.0]), [true, false, true]);
        assert_eq!(rejected([29.0, 0.1, 40.0]), [false, false, false]);
        assert!(e_benjamini_hochberg(&[], 0.05).is_empty());
    }
}
