//! What is done to a series before it is compared: missing points, outliers, order.

use super::{NanStrategy, Outliers};

/// The points of one arm, sorted, none of them NaN.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series(Vec<f64>);

impl Series {
    /// From raw points, NaN standing for a missing one. A series of nothing but missing points is
    /// empty, also where missing points are replaced: zeros nobody measured are not data.
    pub(super) fn of(points: &[f64], nan: NanStrategy, outliers: Outliers) -> Self {
        let measured = |point: &f64| !point.is_nan();
        if !points.iter().any(measured) {
            return Self(Vec::new());
        }
        // Adding zero turns -0 into 0, which `total_cmp` would tell apart.
        let mut values: Vec<f64> = match nan {
            NanStrategy::Remove => points.iter().filter(|p| measured(p)).map(|p| p + 0.0).collect(),
            NanStrategy::Replace => {
                points.iter().map(|p| if measured(p) { p + 0.0 } else { 0.0 }).collect()
            }
        };
        values.sort_unstable_by(f64::total_cmp);
        let mut series = Self(values);
        if let Outliers::Remove { factor } = outliers {
            series.trim(factor);
        }
        series
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.0
    }

    pub(super) fn is_finite(&self) -> bool {
        self.0.first().is_none_or(|v| v.is_finite()) && self.0.last().is_none_or(|v| v.is_finite())
    }

    /// The one value there is, if there is but one.
    pub(super) fn constant(&self) -> Option<f64> {
        self.0.first().copied().filter(|first| self.0.last() == Some(first))
    }

    /// The mean in two passes, as Kayenta's library works it out; absent for no points, and where it
    /// is not finite.
    #[expect(clippy::cast_precision_loss, reason = "no series has 2^52 points")]
    pub(super) fn mean(&self) -> Option<f64> {
        if self.0.is_empty() {
            return None;
        }
        let count = self.0.len() as f64;
        let rough = self.0.iter().sum::<f64>() / count;
        let rest = self.0.iter().map(|value| value - rough).sum::<f64>() / count;
        Some(rough + rest).filter(|mean| mean.is_finite())
    }

    /// Drops what is outside Tukey's fences, widened to the first and the 99th percentile.
    ///
    /// After the widening only points beyond those percentiles can go, on each side by itself.
    fn trim(&mut self, factor: f64) {
        let percentile = |share| percentile(&self.0, share);
        let quartiles = percentile(0.25).zip(percentile(0.75));
        let ends = percentile(0.01).zip(percentile(0.99));
        let (Some((q1, q3)), Some((p01, p99))) = (quartiles, ends) else { return };
        let reach = factor * (q3 - q1);
        let (low, high) = (p01.min(q1 - reach), p99.max(q3 + reach));
        // A fence of infinite values is NaN, and then keeps everything.
        self.0.retain(|value| !(*value > high || *value < low));
    }
}

/// The value below which this share of sorted values lies, interpolated between neighbours: Hyndman
/// and Fan's definition 7, R's default. Absent for no values.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a slice: small, whole after the floor, and not negative"
)]
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let below = place.floor();
    let low = sorted.get(below as usize)?;
    let high = sorted.get(below as usize + 1).unwrap_or(low);
    Some(low + (place - below) * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(points: &[f64], outliers: Outliers) -> Vec<f64> {
        Series::of(points, NanStrategy::Remove, outliers).0
    }

    #[test]
    fn missing_points_go_or_become_zero() {
        let points = [3.0, f64::NAN, 1.0];
        assert_eq!(kept(&points, Outliers::Keep), [1.0, 3.0]);
        let replaced = Series::of(&points, NanStrategy::Replace, Outliers::Keep);
        assert_eq!(replaced.0, [0.0, 1.0, 3.0]);
    }

    #[test]
    fn nothing_but_missing_points_is_empty_either_way() {
        for nan in [NanStrategy::Remove, NanStrategy::Replace] {
            assert_eq!(Series::of(&[f64::NAN; 3], nan, Outliers::Keep).0, [0.0; 0]);
        }
    }

    #[test]
    fn percentiles_are_interpolated() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(percentile(&sorted, 0.5), Some(3.0));
        assert_eq!(percentile(&sorted, 0.25), Some(1.75));
        assert_eq!(percentile(&sorted, 1.0), Some(8.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn only_points_beyond_the_outer_percentiles_are_outliers() {
        let mut points: Vec<f64> = (0..200).map(|n| f64::from(n % 10)).collect();
        points[7] = 1_000.0;
        assert_eq!(kept(&points, Outliers::remove()).len(), 199);
        // Five in two hundred are more than one in a hundred, and stay.
        points[..5].fill(1_000.0);
        assert_eq!(kept(&points, Outliers::remove()).len(), 200);
    }

    #[test]
    fn the_mean_does_not_depend_on_the_scale_of_its_first_guess() {
        let mean = Series(vec![1e15, 1e15 + 2.0, 1e15 + 4.0]).mean();
        assert_eq!(mean, Some(1e15 + 2.0));
        assert_eq!(Series(Vec::new()).mean(), None);
    }
}
