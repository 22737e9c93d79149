//! Brent's root search as R's `zeroin` and Kayenta have it: to an absolute tolerance.
//!
//! R. P. Brent, *Algorithms for Minimization without Derivatives*, 1973, chapter 4. Steps are taken
//! in the order of those two, because where a search ends depends on it.

/// How close to the root a search ends, in the metric's own unit. Kayenta's, and R's default.
const TOLERANCE: f64 = 1e-4;

/// Kayenta gives up here, and takes what it has.
const ROUNDS: u32 = 1_000;

#[derive(Clone, Copy, Debug)]
struct Point {
    at: f64,
    value: f64,
}

/// Three points: the best so far, the one before it, and one on the other side of the root.
#[derive(Clone, Copy, Debug)]
struct Search {
    best: Point,
    before: Point,
    across: Point,
}

/// A root of `function` between `low` and `high`, where it changes sign; absent as soon as `function`
/// is.
pub(super) fn root(low: f64, high: f64, function: impl Fn(f64) -> Option<f64>) -> Option<f64> {
    let point = |at| function(at).map(|value| Point { at, value });
    let (first, last) = (point(low)?, point(high)?);
    for end in [first, last] {
        if end.value == 0.0 {
            return Some(end.at);
        }
    }
    let mut search = Search { best: last, before: first, across: first };
    for _ in 0..=ROUNDS {
        let last_step = search.best.at - search.before.at;
        search.put_best_first();
        let Some(step) = search.step(last_step) else { break };
        search.before = search.best;
        search.best = point(search.best.at + step)?;
        search.keep_the_root_between();
    }
    Some(search.best.at)
}

impl Search {
    /// The point with the smaller value is the best one, whichever side it is on.
    fn put_best_first(&mut self) {
        if self.across.value.abs() < self.best.value.abs() {
            (self.before, self.best, self.across) = (self.best, self.across, self.best);
        }
    }

    /// The next step from the best point; absent when it is close enough.
    fn step(&self, last_step: f64) -> Option<f64> {
        let close = 2.0 * f64::EPSILON * self.best.at.abs() + TOLERANCE / 2.0;
        let half = (self.across.at - self.best.at) / 2.0;
        if half.abs() <= close || self.best.value == 0.0 {
            return None;
        }
        let may_interpolate =
            last_step.abs() >= close && self.before.value.abs() > self.best.value.abs();
        let interpolated = may_interpolate.then(|| self.interpolated(last_step, close)).flatten();
        let step = interpolated.unwrap_or(half);
        Some(if step.abs() < close {
            close.copysign(if step > 0.0 { 1.0 } else { -1.0 })
        } else {
            step
        })
    }

    /// A step by the secant, or by the inverse parabola where there are three points; absent when it
    /// leaves the bracket or converges more slowly than halving.
    #[expect(clippy::float_cmp, reason = "the same point, not a near one")]
    fn interpolated(&self, last_step: f64, close: f64) -> Option<f64> {
        let width = self.across.at - self.best.at;
        let to_before = self.best.value / self.before.value;
        let (p, q) = if self.before.at == self.across.at {
            (width * to_before, 1.0 - to_before)
        } else {
            let outer = self.before.value / self.across.value;
            let to_across = self.best.value / self.across.value;
            let run = self.best.at - self.before.at;
            (
                to_before * (width * outer * (outer - to_across) - run * (to_across - 1.0)),
                (outer - 1.0) * (to_across - 1.0) * (to_before - 1.0),
            )
        };
        let (p, q) = if p > 0.0 { (p, -q) } else { (-p, q) };
        let inside = p < 0.75 * width * q - (close * q).abs() / 2.0;
        (inside && p < (last_step * q / 2.0).abs()).then(|| p / q)
    }

    /// When the new point is on the side of the one across, the root is between it and the one before.
    fn keep_the_root_between(&mut self) {
        let (best, across) = (self.best.value, self.across.value);
        if (best > 0.0 && across > 0.0) || (best < 0.0 && across < 0.0) {
            self.across = self.before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_found_to_within_the_tolerance() {
        let found = root(0.0, 2.0, |x| Some(x * x - 2.0)).unwrap();
        assert!((found - core::f64::consts::SQRT_2).abs() <= TOLERANCE);
    }

    #[test]
    fn an_end_that_is_a_root_is_the_root() {
        assert_eq!(root(0.0, 1.0, Some), Some(0.0));
        assert_eq!(root(-1.0, 0.0, Some), Some(0.0));
    }

    #[test]
    fn a_function_that_ends_ends_the_search() {
        assert_eq!(root(0.0, 1.0, |_| None), None);
    }
}
