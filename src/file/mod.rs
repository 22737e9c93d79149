//! Plan files on disk: YAML, TOML or JSON in, a checked plan or every error with its line out.
//!
//! All three formats are read into one located tree, and everything typed is read from that tree;
//! so an error looks the same whatever the format, and no parser's types show in this interface.
//! This module must not know engines or adapters: it ends where a [`Plan`] begins.
//!
//! Input is not trusted: at most [`MAX_BYTES`] are read, nesting and repetition are bounded, and a
//! file that would have to be guessed at (two documents, a key twice, an unknown key) is refused.
//!
//! ```
//! use std::sync::Arc;
//!
//! use tidegate::{Engine, Ports, file, machine::Revisions};
//! use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
//!
//! # const PLAN: &[u8] = b"
//! # target: checkout
//! # owner: payments-oncall
//! # strategy: { canary: { steps: [{ weight: 10%, gate: { bake: 5m } }] } }
//! # ";
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Adapters for traffic, deployments and health: here a simulated world is all three.
//! let world = Arc::new(SimWorld::new(WorldSpec::good(), 42));
//! let ports = Ports::new(world.clone(), world.clone(), world);
//! // A plan is compiled for what the adapters can do, or refused with every problem at once.
//! let plan = file::parse_plan(PLAN, file::Format::Yaml, "canary.yaml", &ports.capabilities())?;
//!
//! // One journal for every engine that may touch the target; what a crash left goes on.
//! let engine = Engine::builder(Arc::new(MemoryJournal::new()), ports).build();
//! engine.recover().await?;
//!
//! let revisions = Revisions { stable: Some("v1".into()), candidate: "v2".into() };
//! let rollout = engine.start(plan, revisions, "ada").await?;
//! let mut status = rollout.watch();
//! while status.borrow_and_update().end.is_none() {
//!     println!("{}", status.borrow().sentence);
//!     status.changed().await?;
//! }
//! println!("{:?}", rollout.finished().await);
//! engine.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod de;
mod document;
mod error;
mod json;
mod toml;
mod tree;
mod yaml;

use std::path::Path;

use serde::de::DeserializeOwned;
use tidegate_core::{Capabilities, Plan, PlanErrors, PlanSpec};

pub use document::Document;
pub use error::{FileError, FileErrorKind, FileErrors};
pub use tree::Position;

/// More than this is no plan: the largest that a person wrote is a few kilobytes.
pub const MAX_BYTES: u64 = 1024 * 1024;

/// Levels of maps and lists within each other. A plan needs eight.
const MAX_DEPTH: usize = 32;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `.yaml`, `.yml`
    Yaml,
    /// `.toml`
    Toml,
    /// `.json`
    Json,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Yaml, Self::Toml, Self::Json];

    /// The format that a file's extension names.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Yaml => "well-formed YAML",
            Self::Toml => "well-formed TOML",
            Self::Json => "well-formed JSON",
        })
    }
}

/// Reads what a plan file says, without asking whether a target can do it.
///
/// # Errors
/// When the file can not be read, or does not say a plan: see [`FileErrorKind`].
pub fn load(path: &Path) -> Result<PlanSpec, FileErrors> {
    load_as(path)
}

/// Reads what a plan says. `name` stands in errors where a file's name would.
///
/// # Errors
/// When the text does not say a plan: see [`FileErrorKind`].
pub fn parse(text: &[u8], format: Format, name: &str) -> Result<PlanSpec, FileErrors> {
    parse_as(text, format, name)
}

/// Reads a plan file and compiles it for a target.
///
/// # Errors
/// As [`load`], and all problems of [`Plan::compile`] at once, each with its line and column.
pub fn load_plan(path: &Path, caps: &Capabilities) -> Result<Plan, FileErrors> {
    Document::load(path)?.compile(|spec| Plan::compile(spec, caps))
}

/// Reads a plan and compiles it for a target.
///
/// # Errors
/// As [`parse`], and all problems of [`Plan::compile`] at once, each with its line and column.
pub fn parse_plan(
    text: &[u8],
    format: Format,
    name: &str,
    caps: &Capabilities,
) -> Result<Plan, FileErrors> {
    parse_with(text, format, name, |spec| Plan::compile(spec, caps))
}

/// Reads a file of any other kind with the same care and the same errors.
///
/// # Errors
/// As [`load`].
pub fn load_as<T: DeserializeOwned>(path: &Path) -> Result<T, FileErrors> {
    Document::load(path)?.to()
}

/// Reads any other kind of text with the same care and the same errors.
///
/// # Errors
/// As [`parse`].
pub fn parse_as<T: DeserializeOwned>(
    text: &[u8],
    format: Format,
    name: &str,
) -> Result<T, FileErrors> {
    Document::parse(text, format, name)?.to()
}

/// Reads a file of any other kind, and compiles what it says. Problems that `compile` finds are told with
/// the lines and columns of their paths.
///
/// # Errors
/// As [`load`], and all problems of `compile` at once.
pub fn load_with<T: DeserializeOwned, C>(
    path: &Path,
    compile: impl FnOnce(T) -> Result<C, PlanErrors>,
) -> Result<C, FileErrors> {
    Document::load(path)?.compile(compile)
}

/// Reads any other kind of text, and compiles what it says, as [`load_with`] does.
///
/// # Errors
/// As [`parse`], and all problems of `compile` at once.
pub fn parse_with<T: DeserializeOwned, C>(
    text: &[u8],
    format: Format,
    name: &str,
    compile: impl FnOnce(T) -> Result<C, PlanErrors>,
) -> Result<C, FileErrors> {
    Document::parse(text, format, name)?.compile(compile)
}
