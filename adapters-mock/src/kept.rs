//! A simulated world that outlives its process, and that several processes may share.
//!
//! A fleet is a function of what it was made from and of the calls it got. So a file of these calls
//! is a world: whoever opens it makes the fleet anew and lets it have them again. A call is in the
//! file before it is carried out; a process that is killed in between has sent a call whose answer
//! nobody heard. Must not decide what a call does: the fleet does.

mod calls;
mod ports;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use tidegate_core::{Capabilities, FailureKind, PortError, Span, Target, Timestamp};

use self::calls::{Asked, Calls};
use crate::{
    clock::{Clock, TokioClock},
    fleet::Fleet,
    spec::WorldSpec,
};

/// Why a file is not the world it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// It can not be read or written.
    #[error("{}: can not be read or written: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of it is not what was written.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong.
        why: serde_json::Error,
    },
    /// It is the state of another world.
    #[error("{}: keeps another world: its {what} differs; name another file for this one", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
}

/// What a world was made from: the first line of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Origin {
    target: Target,
    seed: u64,
    /// Seconds of the world in a second.
    speed: u32,
    /// When it began, by the host's clock; the world's clock said the same.
    began: Timestamp,
    spec: WorldSpec,
}

/// A handle on a world in a file. It is every port of one target at once; clones share the world,
/// and so do all processes of one host that open the same file.
#[derive(Clone, Debug)]
pub struct KeptWorld(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    target: Target,
    spec: WorldSpec,
    clock: TokioClock,
    calls: Mutex<Calls>,
}

impl KeptWorld {
    /// Opens the world at `path`; where there is no file one begins now, at rest. Its time passes
    /// `speed` times as fast as the host's, also while no process has it open. Call it inside a
    /// runtime, whose own time has to pass as fast.
    ///
    /// # Errors
    /// [`KeptError::Other`] when the file was begun with another target, spec, seed or speed.
    pub fn open(
        path: &Path,
        target: &Target,
        spec: WorldSpec,
        seed: u64,
        speed: u32,
    ) -> Result<Self, KeptError> {
        let now = host_time();
        let origin = Origin { target: target.clone(), seed, speed, began: now, spec };
        let (calls, began) = Calls::open(path, &origin)?;
        let passed = now.since(began).0.saturating_mul(u64::from(speed));
        let clock = TokioClock::starting_at(began.after(Span(passed)));
        let Origin { target, spec, .. } = origin;
        Ok(Self(Arc::new(Kept { target, spec, clock, calls: Mutex::new(calls) })))
    }

    /// What the adapters can do together.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.0.spec.capabilities()
    }

    /// The world's time: what the clocks of its engines have to say too.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Looks at the fleet as it is now, with every call that any process has sent.
    ///
    /// # Errors
    /// When the file can not be read.
    pub fn with_fleet<T>(&self, look: impl FnOnce(&mut Fleet) -> T) -> Result<T, KeptError> {
        self.calls().look(self.now(), look)
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: kept, then carried out.
    fn call<T>(
        &self,
        asked: Asked,
        carry_out: impl FnOnce(&mut Fleet) -> T,
    ) -> Result<T, PortError> {
        let action = || format!("reach the world of {}", self.0.target);
        let called = self.calls().call(self.now(), asked, carry_out);
        called.map_err(|why| PortError::new(FailureKind::Retryable, action()).because(why))
    }

    /// Refuses to take another target's calls for this one's.
    fn check(&self, target: &Target) -> Result<(), PortError> {
        if *target == self.0.target {
            return Ok(());
        }
        let why = format!("this is the world of {}", self.0.target);
        Err(PortError::new(FailureKind::Permanent, format!("reach {target}")).because(why))
    }

    /// A read, which takes too long where its outcome is unknown.
    async fn read<T: Send>(
        &self,
        asked: Asked,
        read: impl FnOnce(&mut Fleet) -> Result<T, PortError> + Send,
    ) -> Result<T, PortError> {
        let result = self.call(asked, read)?;
        let unknown = result.as_ref().is_err_and(|error| error.kind == FailureKind::Ambiguous);
        let after = self.calls().answer_time(unknown);
        self.0.clock.sleep(after).await;
        result
    }
}

/// The host's clock. One before 1970 is wrong, and 1970 is as good a guess.
fn host_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
