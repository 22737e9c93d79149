//! Pauses between polls, never twice the same, so that many pollers do not fall into step.

use std::time::Duration;

use tidegate_core::Span;

/// A pause of `about` this length: a fifth shorter to a fifth longer.
pub(crate) fn jittered(about: Span) -> Duration {
    about.duration().mul_f64(0.4_f64.mul_add(fastrand::f64(), 0.8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_differ_and_stay_within_a_fifth() {
        let pauses: Vec<_> = (0..200).map(|_| jittered(Span::seconds(10)).as_millis()).collect();
        assert!(pauses.iter().all(|pause| (8_000..=12_000).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| pause != &pauses[0]));
    }
}
