//! Minutes that resemble their neighbours.

use tidegate_core::health::Compare;

use super::{LEVELS, Session, markdown};
use crate::{
    contest::{Before, Contestant},
    figures::{Delays, ended},
    goals::Goals,
    telemetry::Wobble,
};

const RUNS: (u32, u32) = (10_000, 1_000);

/// No goal was set: these are limits of what the judge is good for.
pub(super) fn table(session: Session, _: &mut Goals) -> String {
    let learnt = Contestant::levels("learnt", Compare::default(), &LEVELS);
    let minutes = Contestant {
        before: Before::Nothing,
        ..Contestant::levels("minutes", Compare::default(), &LEVELS)
    };
    let field = [learnt, minutes];
    let rows = [0.0, 0.3, 0.5, 0.7, 0.9].map(|correlation| {
        let wobble = Wobble { spread: 0.05, correlation, slower: 1.2 };
        let name = format!("correlation {correlation}");
        let both = session.both(&name, RUNS, &wobble, &field);
        [
            format!("{correlation}"),
            ended(&both.healthy[0][0]).show(),
            ended(&both.healthy[0][1]).show(),
            Delays::of(&both.regressed[0][0], 0).show(),
            ended(&both.healthy[1][0]).show(),
        ]
    });
    let head = [
        "correlation of neighbouring minutes",
        "recommended, 0.05: false aborts %",
        "0.01: false aborts %",
        "+20 %: median / 95th, 0.05",
        "each minute taken for itself, 0.05",
    ];
    String::from(
        "## Minutes that resemble their neighbours\n\nA mean that wobbles by 5 % in each arm by itself, \
         with this correlation from minute to minute. The judge learns from the four hours before how \
         many minutes make one observation, 1, 5 or 10, and takes more where fewer were not shown to suffice. \
         No goal was set for this: it shows how far the judge's level can be trusted.\n\n",
    ) + &markdown(head, rows)
}
