//! The rank sum of two sorted samples, one of them shifted.

/// How the ranks of one sample lie among those of both. Ranks of equal values are averaged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ranks {
    /// Pairs in which the shifted value is the larger; a pair of equals counts half. Mann and
    /// Whitney's U.
    pub(super) larger: f64,
    /// The sum of `t³ - t` over groups of `t` equal values.
    ties: f64,
    size: (f64, f64),
}

impl Ranks {
    /// Of `xs - shift` among `ys`. Both are sorted, without NaN.
    #[expect(clippy::cast_precision_loss, reason = "no series has 2^52 points")]
    pub(super) fn of(xs: &[f64], shift: f64, ys: &[f64]) -> Self {
        let (mut i, mut j) = (0, 0);
        let (mut larger, mut ties) = (0.0, 0.0);
        loop {
            let x = xs.get(i).map(|x| x - shift);
            let value = match (x, ys.get(j).copied()) {
                (Some(x), Some(y)) => x.min(y),
                (Some(x), None) => x,
                (None, Some(y)) => y,
                (None, None) => break,
            };
            let equal_x = run(&xs[i..], |x| x - shift == value);
            let equal_y = run(&ys[j..], |y| y == value);
            if equal_x + equal_y == 0 {
                break;
            }
            larger += equal_x as f64 * (j as f64 + 0.5 * equal_y as f64);
            let tied = (equal_x + equal_y) as f64;
            ties += tied * tied * tied - tied;
            i += equal_x;
            j += equal_y;
        }
        Self { larger, ties, size: (xs.len() as f64, ys.len() as f64) }
    }

    /// The standard deviation of U by the normal approximation, corrected for ties. Zero when all
    /// values are one.
    pub(super) fn deviation(&self) -> f64 {
        deviation(self.size, self.ties)
    }

    /// U, centred, drawn half a unit towards zero for continuity, over its standard deviation;
    /// absent when that is zero.
    pub(super) fn standardised(&self) -> Option<f64> {
        let centred = self.larger - self.size.0 * self.size.1 / 2.0;
        let continuity = if centred == 0.0 { 0.0 } else { 0.5_f64.copysign(centred) };
        let deviation = self.deviation();
        (deviation > 0.0).then(|| (centred - continuity) / deviation)
    }
}

/// The standard deviation of U at any shift that makes no value of one sample equal one of the
/// other: ties within each sample are all there is.
pub(super) fn deviation_between(xs: &[f64], ys: &[f64]) -> f64 {
    let alone = |values: &[f64]| Ranks::of(values, 0.0, &[]);
    let (x, y) = (alone(xs), alone(ys));
    deviation((x.size.0, y.size.0), x.ties + y.ties)
}

fn deviation((m, n): (f64, f64), ties: f64) -> f64 {
    let both = m + n;
    ((m * n / 12.0) * (both + 1.0 - ties / (both * (both - 1.0)))).max(0.0).sqrt()
}

/// How many values from the first on are so.
fn run(values: &[f64], so: impl Fn(f64) -> bool) -> usize {
    values.iter().take_while(|value| so(**value)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_ranks() {
        let ranks = Ranks::of(&[1.0, 2.0, 2.0], 0.0, &[0.5, 2.0, 3.0]);
        // 1 beats one; each 2 beats one and draws with one.
        assert_eq!(ranks.larger, 4.0);
        assert_eq!(ranks.ties, 24.0);
    }

    #[test]
    fn a_shift_moves_the_first_sample_down() {
        assert_eq!(Ranks::of(&[11.0, 12.0], 10.0, &[1.5]).larger, 1.0);
    }

    #[test]
    fn one_value_throughout_has_no_deviation() {
        assert_eq!(Ranks::of(&[1.0], 0.0, &[1.0]).standardised(), None);
    }

    #[test]
    fn what_is_not_a_number_ends_the_ranking_and_nothing_else() {
        assert!(Ranks::of(&[f64::NAN], 0.0, &[f64::NAN]).larger.is_finite());
    }
}
