//! Where a function of one variable crosses a level, and where it is smallest.

/// Halvings after which an interval of doubles can not shrink any more, unless it straddles zero.
const HALVINGS: usize = 200;

/// The point in `[low, high]` from which on `is_above` holds, to the precision of a double.
///
/// `is_above` has to be false below some point and true above it; `low` or `high` comes back when it is not both.
pub(super) fn crossing(low: f64, high: f64, is_above: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if is_above(middle) { high = middle } else { low = middle }
    }
    f64::midpoint(low, high)
}

/// Where `f`, which falls and then rises, is smallest in `[low, high]`, and how small it is there.
///
/// Golden section search (Kiefer 1953). The place is good to half the digits of a double, because `f` is flat there;
/// the value is good to nearly all of them.
pub(super) fn minimum(low: f64, high: f64, f: impl Fn(f64) -> f64) -> (f64, f64) {
    /// A hundred sections shrink the interval by `0.618^100`, below the resolution of a double.
    const SECTIONS: usize = 100;
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (low, high);
    let mut left = high - ratio * (high - low);
    let mut right = low + ratio * (high - low);
    let (mut at_left, mut at_right) = (f(left), f(right));
    for _ in 0..SECTIONS {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = f(right);
        }
    }
    if at_left < at_right { (left, at_left) } else { (right, at_right) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_square_root_of_two_is_where_the_square_crosses_two() {
        assert!((crossing(0.0, 2.0, |x| x * x > 2.0) - 2.0_f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn a_parabola_is_smallest_at_its_vertex() {
        let (place, value) = minimum(-1.0, 5.0, |x| (x - 0.3).powi(2) + 7.0);
        assert!((place - 0.3).abs() < 1e-6, "{place}");
        assert!((value - 7.0).abs() < 1e-12, "{value}");
    }
}
