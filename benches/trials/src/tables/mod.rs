//! The tables, each a function from a session to Markdown.
//!
//! A cell with a limit reads "figure, limit within" or "figure, limit **MISSED**". Rates are in
//! percent, with the upper 99 % limit of Clopper and Pearson in brackets: that is what must not
//! exceed the goal.

mod cadence;
mod correlation;
mod drift;
mod judges;
mod latency;
mod panel;
mod planning;
mod promotion;
mod robustness;
mod share;

use std::num::NonZeroUsize;

use crate::{
    contest::{self, Contestant, Ends, Trial},
    goals::Goals,
    telemetry::Telemetry,
};

/// The levels every judge of evidence is shown at: the one the goals are set at, and the default.
pub const LEVELS: [f64; 2] = [0.05, 0.01];

/// Looks of an ordinary run: an hour of minutes.
pub const HOUR: u32 = 60;

/// What all tables of one command have in common.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// The seed.
    pub seed: u64,
    /// Threads to run on.
    pub threads: NonZeroUsize,
    /// Runs are divided by this: 1 for the full tables.
    pub thinned: u32,
}

/// One table: its name on the command line, and what makes it.
pub type Table = (&'static str, fn(Session, &mut Goals) -> String);

/// All tables, in the order of the page.
pub const TABLES: [Table; 10] = [
    ("judges", judges::table),
    ("planning", planning::table),
    ("robustness", robustness::table),
    ("correlation", correlation::table),
    ("cadence", cadence::table),
    ("latency", latency::table),
    ("promotion", promotion::table),
    ("drift", drift::table),
    ("share", share::table),
    ("panel", panel::table),
];

impl Session {
    /// A trial of so many runs, fewer if the session is thinned.
    #[must_use]
    pub const fn trial<'a>(
        &self,
        scene: &'a str,
        healthy: bool,
        runs: u32,
        looks: u32,
    ) -> Trial<'a> {
        let runs = runs.div_ceil(self.thinned);
        Trial { seed: self.seed, threads: self.threads, scene, healthy, runs, looks }
    }

    /// Healthy runs and regressed ones of the same scene, an hour of minutes each.
    #[must_use]
    pub fn both(
        &self,
        scene: &str,
        (healthy, regressed): (u32, u32),
        telemetry: &dyn Telemetry,
        field: &[Contestant],
    ) -> Both {
        let held =
            |good, runs| contest::hold(self.trial(scene, good, runs, HOUR), telemetry, field);
        Both { healthy: held(true, healthy), regressed: held(false, regressed) }
    }
}

/// Outcomes, contestant by contestant and stop by stop.
#[derive(Clone, Debug)]
pub struct Both {
    /// Of healthy runs.
    pub healthy: Vec<Vec<Ends>>,
    /// Of regressed ones.
    pub regressed: Vec<Vec<Ends>>,
}

/// A table in Markdown.
fn markdown<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let line = |cells: &[String; N]| format!("| {} |\n", cells.join(" | "));
    let head = line(&head.map(str::to_owned)) + &format!("|{}\n", " --- |".repeat(N));
    rows.into_iter().fold(head, |text, row| text + &line(&row))
}
