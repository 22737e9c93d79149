//! Laws that every implementation of a port must keep, as named checks against any of them.
//!
//! Each suite asks for a fresh subject for every law, runs the law, and names those that broke. A
//! suite uses tokio's time, so a simulated subject runs under paused time and a real one as it is.
//! It must not know any implementation. A law that a target has no means for is skipped.

mod deployment;
mod health;
mod hook;
mod journal;
mod observer;
mod traffic;

use std::fmt;

use tidegate_core::{
    Call, Epoch, Generation, Identity, MoveId, PortError, Revisions, RolloutId, Seq, Span, Target,
};

pub use deployment::{CountTagged, DeploymentSubject, deployment};
pub use health::{HealthSubject, health};
pub use hook::{HookSubject, hook};
pub use journal::{Fixture, journal};
pub use observer::{ObserverSubject, observer};
pub use traffic::{TrafficSubject, traffic};

/// A law that an implementation broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The law, in words.
    pub law: &'static str,
    /// What was seen instead.
    pub because: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.because)
    }
}

/// What came of a suite.
pub type Report = Result<(), Vec<Broken>>;

/// Fails the test that runs it, naming every law that broke.
///
/// # Panics
/// When a law broke: that is what it is for.
#[track_caller]
#[expect(clippy::panic, reason = "reports a failed conformance suite to a test")]
pub fn assert_conforms(report: Report) {
    if let Err(broken) = report {
        let lines: Vec<String> = broken.iter().map(ToString::to_string).collect();
        panic!("{} laws broken:\n{}", lines.len(), lines.join("\n"));
    }
}

/// What one law came to.
type Kept = Result<(), String>;

/// Collects the laws that broke.
#[derive(Debug, Default)]
struct Laws(Vec<Broken>);

impl Laws {
    fn note(&mut self, law: &'static str, kept: Kept) {
        if let Err(because) = kept {
            self.0.push(Broken { law, because });
        }
    }

    fn report(self) -> Report {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// Ends a law with what was seen instead.
macro_rules! ensure {
    ($holds:expr, $($because:tt)+) => {
        if !$holds {
            return Err(format!($($because)+));
        }
    };
}
use ensure;

/// A failed call where the law needs it to work.
fn unexpected(error: impl std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn done(result: Result<(), PortError>) -> Kept {
    result.map_err(unexpected)
}

/// The `n`-th move of one rollout.
fn call(target: &Target, revisions: &Revisions, n: u64, route: u8) -> Call {
    let of = Identity { rollout: RolloutId(1), generation: Generation(1) };
    Call {
        target: target.clone(),
        revisions: revisions.clone(),
        id: MoveId { of, seq: Seq(n) },
        attempt: 1,
        epoch: Epoch(1),
        route,
    }
}

/// Time between two looks while a suite waits for something.
const POLL: Span = Span::seconds(1);

async fn pause() {
    tokio::time::sleep(POLL.duration()).await;
}
