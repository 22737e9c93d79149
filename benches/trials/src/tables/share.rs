//! Traffic that does not go where it was sent.

use tidegate_core::{Look, Measurement, Weight, health::Share};

use super::{Session, markdown};
use crate::{
    contest::Contestant,
    draws::Draws,
    figures::{Delays, ended},
    goals::Goals,
    telemetry::{BEFORE, Errors, Shares, Telemetry},
};

const RUNS: u32 = 5_000;

/// Requests that go elsewhere than asked.
struct Misled {
    served: f64,
}

impl Telemetry for Misled {
    fn before(&self, _: &mut Draws) -> Vec<Look> {
        Vec::with_capacity(BEFORE as usize)
    }

    fn during(&self, looks: u32, healthy: bool, draws: &mut Draws) -> Vec<Look> {
        let plain = Errors {
            requests: 1_200.0,
            shares: Shares::Constant(0.5),
            base: 0.0,
            worse: 0.0,
            onset: 0,
            burst: 1.0,
            surges: None,
            drift: 1.0,
        };
        let mut all = plain.during(looks, healthy, draws);
        for look in &mut all {
            let requests = draws.poisson(1_200.0) as u64;
            let ours = draws.binomial(requests, self.served);
            look.candidate = Some(Measurement::count(0, ours));
            look.stable = Some(Measurement::count(0, requests - ours));
            look.share = Some(Weight::percent(10));
        }
        all
    }
}

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    let field = [Contestant::failing("", Share { tolerance: 0.1, alpha: 0.05 })];
    let rows = [0.1, 0.095, 0.08, 0.05, 0.0].map(|served| {
        let name = format!("10 % asked, {} % served", crate::figures::trimmed(served * 100.0));
        let trial = session.trial(&name, true, RUNS, super::HOUR);
        let held = crate::contest::hold(trial, &Misled { served }, &field);
        let (rate, delays) = (ended(&held[0][0]), Delays::of(&held[0][0], 0));
        let silent = served > 0.09;
        [
            name.clone(),
            match silent {
                true => goals.rate(&name, rate, 0.01),
                false => rate.show(),
            },
            match served {
                0.05 | 0.0 => goals.looks(&name, &delays, 0.5, 1),
                0.08 => goals.looks(&name, &delays, 0.5, 7 + 1),
                _ => "–".to_owned(),
            },
        ]
    });
    String::from(
        "## Traffic that goes elsewhere\n\n20 requests per second, tolerance 10 %, alpha 0.05, sixty \
         looks.\n\n",
    ) + &markdown(["", "alarms %", "median looks"], rows)
}
