//! A simulated fleet with faults, ports over it, proptest strategies and conformance suites for
//! Tidegate adapters.
//!
//! - [`WorldSpec`] describes a world: a file on disk, or a value that a strategy generates.
//! - [`Fleet`] is that world with a virtual clock: a plain value, driven by hand or by a simulator.
//!   Everything random in it comes from one `u64` seed.
//! - [`faults`] is what goes wrong, as data.
//! - [`SimWorld`] is every port of the engine over one fleet, on tokio's clock or one moved by hand.
//! - [`KeptWorld`] (feature `kept`) is the same over a file, for processes that are killed, and for
//!   several that share a world.
//! - [`MemoryJournal`] is the whole journal contract in memory, with faults.
//! - [`sim`] runs whole rollouts of the real core over a fleet in virtual time, without tokio.
//! - `strategies` (feature `proptest`) generates worlds, faults, command scripts, plans and looks.
//! - `laws` (feature `proptest`) has the laws of judges; [`judge_laws!`] makes tests of them.
//! - `Said` (feature `said`) is what a program's log would get, for tests that look for secrets in it.
//! - [`conformance`] has the laws of each port, to be run against any implementation.
//!
//! Nothing here knows the engine; everything here may be used to test one.
//!
//! ```
//! use tidegate_core::{Revisions, Span, Window};
//! use tidegate_mock::{Fleet, Signal, WorldSpec};
//!
//! let mut fleet = Fleet::new(WorldSpec::bad(), 42);
//! let began = fleet.now();
//! fleet.advance(Span::minutes(5));
//! let window = Window { from: began, to: began.after(Span::minutes(1)) };
//! let both = Revisions { stable: Some("v1".into()), candidate: "v2".into() };
//! let look = fleet.measure(&both, Signal::ErrorRate, window).expect("no fault refuses");
//! assert!(look.complete && look.stable.is_some() && look.candidate.is_none());
//! ```

mod clock;
pub mod conformance;
pub mod faults;
mod fleet;
mod journal;
#[cfg(feature = "kept")]
mod kept;
#[cfg(feature = "proptest")]
pub mod laws;
mod ports;
#[cfg(feature = "said")]
mod said;
pub mod sim;
mod spec;
#[cfg(feature = "proptest")]
pub mod strategies;

pub use clock::{Clock, ManualClock, TokioClock};
pub use faults::{CrashPoint, Fault, Happening, Happens, Op, Wrong};
pub use fleet::{Fate, Fleet, Logged, Reply, Request};
pub use journal::{Backup, JournalFault, MemoryJournal};
#[cfg(feature = "kept")]
pub use kept::{KeptError, KeptWorld};
pub use ports::SimWorld;
#[cfg(feature = "said")]
pub use said::{Listening, Said};
pub use spec::*;
