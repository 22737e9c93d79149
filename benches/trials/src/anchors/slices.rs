//! Dispersion from slices of the stable arm that are counted at the same time (pods, zones).
//!
//! Surges that all slices share cancel, which they do not in one series. No port of the product tells slices apart, so
//! its judges measure one series.

/// The Pearson chi-square of each look's split over its degrees of freedom, averaged over looks: how many events come
/// at once. A row is a look, with one count for each of two or more equal slices. Looks without events say nothing;
/// none when no look says anything.
pub fn dispersion_of_slices(looks: &[Vec<f64>]) -> Option<f64> {
    let said: Vec<f64> = looks.iter().filter_map(|look| chi_square_per_degree(look)).collect();
    (!said.is_empty()).then(|| said.iter().sum::<f64>() / said.len() as f64)
}

fn chi_square_per_degree(look: &[f64]) -> Option<f64> {
    let slices = look.len() as f64;
    let mean = look.iter().sum::<f64>() / slices;
    let squares: f64 = look.iter().map(|count| (count - mean).powi(2)).sum();
    (mean > 0.0).then(|| squares / mean / (slices - 1.0))
}

#[cfg(test)]
mod tests {
    use super::dispersion_of_slices;

    #[test]
    fn a_surge_that_all_slices_share_is_no_burst() {
        let surge = [vec![3.0, 3.0], vec![90.0, 90.0], vec![0.0, 0.0]];
        assert_eq!(dispersion_of_slices(&surge), Some(0.0));
        assert_eq!(dispersion_of_slices(&[vec![4.0, 0.0]]), Some(4.0));
        assert_eq!(dispersion_of_slices(&[vec![0.0, 0.0]]), None);
    }
}
