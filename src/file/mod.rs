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
mod error;
mod json;
mod toml;
mod tree;
mod yaml;

use std::{fs::File, io::Read, path::Path};

use serde::de::DeserializeOwned;
use tidegate_core::{Capabilities, KeyPath, Plan, PlanErrors, PlanSpec};

pub use error::{FileError, FileErrorKind, FileErrors};
pub use tree::Position;

use tree::{Broken, Node};

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
    let (text, format) = read(path)?;
    parse_plan(&text, format, &path.display().to_string(), caps)
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
    let (text, format) = read(path)?;
    parse_as(&text, format, &path.display().to_string())
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
    Document::read(text, format, name)?.to()
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
    let (text, format) = read(path)?;
    parse_with(&text, format, &path.display().to_string(), compile)
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
    let document = Document::read(text, format, name)?;
    compile(document.to()?).map_err(|problems| document.locate(problems))
}

/// The bytes of a file, never more than [`MAX_BYTES`] and one.
fn read(path: &Path) -> Result<(Vec<u8>, Format), FileErrors> {
    let name = path.display().to_string();
    let format =
        Format::of(path).ok_or_else(|| FileErrors::whole(&name, FileErrorKind::UnknownFormat))?;
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text))
        .map_err(|error| FileErrors::whole(&name, FileErrorKind::Unreadable(error)))?;
    Ok((text, format))
}

/// A text that could be parsed, with the place of everything in it.
struct Document<'a> {
    name: &'a str,
    lines: Vec<&'a str>,
    root: Node,
}

impl<'a> Document<'a> {
    fn read(bytes: &'a [u8], format: Format, name: &'a str) -> Result<Self, FileErrors> {
        if bytes.len() as u64 > MAX_BYTES {
            return Err(FileErrors::whole(name, FileErrorKind::TooLarge));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error, name))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(FileErrors::whole(name, FileErrorKind::Empty));
        }
        let root = match format {
            Format::Yaml => yaml::parse(text),
            Format::Toml => toml::parse(text),
            Format::Json => json::parse(text),
        };
        let lines: Vec<_> = text.lines().collect();
        let root = root.map_err(|Broken { at, why }| {
            let kind = FileErrorKind::Syntax(expecting(why, format));
            FileErrors(vec![FileError::at(name, &lines, at, KeyPath::default(), kind)])
        })?;
        let root = if format == Format::Json { root.without_schema() } else { root };
        Ok(Self { name, lines, root })
    }

    fn to<T: DeserializeOwned>(&self) -> Result<T, FileErrors> {
        de::from_tree(&self.root).map_err(|misfit| {
            let (at, path, kind) = (misfit.at(), misfit.path(), FileErrorKind::Shape(misfit.what));
            FileErrors(vec![FileError::at(self.name, &self.lines, at, path, kind)])
        })
    }

    /// Turns the places of problems into lines and columns, in the order of the file.
    fn locate(&self, PlanErrors(problems): PlanErrors) -> FileErrors {
        let mut errors: Vec<_> = problems
            .into_iter()
            .map(|problem| {
                let (at, kind) = (self.root.find(&problem.path), FileErrorKind::Plan(problem.what));
                FileError::at(self.name, &self.lines, at, problem.path, kind)
            })
            .collect();
        errors.sort_by_key(|error| error.at);
        FileErrors(errors)
    }
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error, name: &str) -> FileErrors {
    let good = bytes.get(..error.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok());
    let good = good.unwrap_or_default();
    let at = Position::of_offset(good, good.len());
    let (kind, lines) = (FileErrorKind::NotUtf8, good.lines().collect::<Vec<_>>());
    FileErrors(vec![FileError::at(name, &lines, at, KeyPath::default(), kind)])
}

/// Parsers say what they found; what was expected is at least text of that format.
fn expecting(why: String, format: Format) -> String {
    if why.replace("unexpected", "").contains("expected") {
        why
    } else {
        format!("{why}; expected {format}")
    }
}
