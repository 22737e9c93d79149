//! When a difference may begin: capital that is held back for late regressions.

/// How a process spends its capital over looks.
///
/// A process that has watched thirty healthy minutes has lost most of what it bet. With part of the
/// capital kept for later looks, a regression that starts then is found in half the time, at a cost
/// of about a tenth more delay for those that are there from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartMass {
    /// All of it at the first look.
    AtOnce,
    /// Half at the first look, the rest in equal parts over the other planned looks.
    /// One planned look or none is [`StartMass::AtOnce`].
    Planned {
        /// Planned looks.
        looks: u32,
    },
    /// Half at the first look, `1 / (2 t (t - 1))` at look `t`: for when nobody knows how many come.
    #[default]
    Unplanned,
}

impl StartMass {
    /// What enters at look `t`, counted from 1, as a share of the whole.
    #[must_use]
    pub fn at(self, t: u32) -> f64 {
        match (self, t) {
            (_, 0) => 0.0,
            (Self::AtOnce | Self::Planned { looks: 0 | 1 }, 1) => 1.0,
            (Self::AtOnce, _) => 0.0,
            (Self::Planned { .. } | Self::Unplanned, 1) => 0.5,
            (Self::Planned { looks }, t) if t > looks => 0.0,
            (Self::Planned { looks }, _) => 0.5 / f64::from(looks.saturating_sub(1)),
            (Self::Unplanned, t) => 0.5 / (f64::from(t) * (f64::from(t) - 1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_enters_sums_to_the_whole_and_never_to_more() {
        let schedules = [StartMass::AtOnce, StartMass::Unplanned]
            .into_iter()
            .chain((0..80).map(|looks| StartMass::Planned { looks }));
        for schedule in schedules {
            let spent: f64 = (0..100_000).map(|t| schedule.at(t)).sum();
            assert!((0.999..1.0 + 1e-9).contains(&spent), "{schedule:?} spends {spent}");
        }
    }
}
