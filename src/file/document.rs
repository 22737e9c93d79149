//! A text that could be parsed, with the place of everything in it.
//!
//! A file may hold more than a plan: who reads the rest takes it out by its key, and what is left is
//! read as strictly as ever. This file must not know what any key means.

use std::{fs::File, io::Read, path::Path};

use serde::de::DeserializeOwned;
use tidegate_core::{KeyPath, PlanErrors};

use super::{
    FileError, FileErrorKind, FileErrors, Format, MAX_BYTES, de, json, toml,
    tree::{Broken, Entry, Node, Position},
    yaml,
};

/// A file that is read in parts.
///
/// ```
/// use tidegate::{file::{Document, Format}, machine::{Capabilities, Plan}};
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Pager { rota: String }
///
/// # const TEXT: &[u8] = b"
/// # target: checkout
/// # owner: payments-oncall
/// # strategy: { canary: { steps: [{ weight: 10%, gate: { bake: 5m } }] } }
/// # pager: { rota: nights }
/// # ";
/// let mut document = Document::parse(TEXT, Format::Yaml, "canary.yaml")?;
/// let pager: Option<Pager> = document.take("pager")?;
/// let plan = document.compile(|spec| Plan::compile(spec, &Capabilities::routed()))?;
/// assert_eq!((pager.unwrap().rota.as_str(), plan.target().as_str()), ("nights", "checkout"));
/// # Ok::<(), tidegate::file::FileErrors>(())
/// ```
#[derive(Debug)]
pub struct Document {
    name: String,
    lines: Vec<String>,
    root: Node,
    /// What was taken out; errors may still be about it.
    taken: Vec<Entry>,
}

impl Document {
    /// Reads a file.
    ///
    /// # Errors
    /// When it can not be read, is too large, or is not well-formed.
    pub fn load(path: &Path) -> Result<Self, FileErrors> {
        let name = path.display().to_string();
        let format = Format::of(path)
            .ok_or_else(|| FileErrors::whole(&name, FileErrorKind::UnknownFormat))?;
        let mut text = Vec::new();
        // Never more than the limit and one.
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut text))
            .map_err(|error| FileErrors::whole(&name, FileErrorKind::Unreadable(error)))?;
        Self::parse(&text, format, &name)
    }

    /// Reads a text. `name` stands in errors where a file's name would.
    ///
    /// # Errors
    /// When it is too large, or not well-formed.
    pub fn parse(text: &[u8], format: Format, name: &str) -> Result<Self, FileErrors> {
        if text.len() as u64 > MAX_BYTES {
            return Err(FileErrors::whole(name, FileErrorKind::TooLarge));
        }
        let text = std::str::from_utf8(text).map_err(|error| not_utf8(text, error, name))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(FileErrors::whole(name, FileErrorKind::Empty));
        }
        let root = match format {
            Format::Yaml => yaml::parse(text),
            Format::Toml => toml::parse(text),
            Format::Json => json::parse(text),
        };
        let lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
        let root = root.map_err(|Broken { at, why }| {
            let kind = FileErrorKind::Syntax(expecting(why, format));
            FileErrors(vec![FileError::at(name, &lines, at, KeyPath::default(), kind)])
        })?;
        let root = if format == Format::Json { root.without_schema() } else { root };
        Ok(Self { name: name.to_owned(), lines, root, taken: Vec::new() })
    }

    /// Reads the value of a top-level key and takes it out, so that what is left does not have it.
    /// `None` where there is no such key.
    ///
    /// # Errors
    /// When the value is not what was expected.
    pub fn take<T: DeserializeOwned>(&mut self, key: &str) -> Result<Option<T>, FileErrors> {
        let Some(entry) = self.root.take(key) else { return Ok(None) };
        let read = de::from_entry(&entry).map_err(|misfit| self.misfit(misfit));
        self.taken.push(entry);
        read.map(Some)
    }

    /// Reads all that is left.
    ///
    /// # Errors
    /// When it is not what was expected.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, FileErrors> {
        de::from_tree(&self.root).map_err(|misfit| self.misfit(misfit))
    }

    /// Reads all that is left, and compiles what it says. Problems that `compile` finds are told with the
    /// lines and columns of their paths.
    ///
    /// # Errors
    /// When it is not what was expected, and all problems of `compile` at once.
    pub fn compile<T: DeserializeOwned, C>(
        &self,
        compile: impl FnOnce(T) -> Result<C, PlanErrors>,
    ) -> Result<C, FileErrors> {
        compile(self.to()?).map_err(|PlanErrors(problems)| {
            let problems = problems.into_iter();
            self.locate(problems.map(|one| (one.path, FileErrorKind::Plan(one.what))))
        })
    }

    /// Errors of the caller's about what stands at these paths, also where that was taken out.
    pub fn errors(&self, found: impl IntoIterator<Item = (KeyPath, String)>) -> FileErrors {
        self.locate(found.into_iter().map(|(path, what)| (path, FileErrorKind::Shape(what))))
    }

    fn misfit(&self, misfit: de::Misfit) -> FileErrors {
        let (at, path, kind) = (misfit.at(), misfit.path(), FileErrorKind::Shape(misfit.what));
        FileErrors(vec![FileError::at(&self.name, &self.lines, at, path, kind)])
    }

    /// Turns the places of problems into lines and columns, in the order of the file.
    fn locate(&self, found: impl Iterator<Item = (KeyPath, FileErrorKind)>) -> FileErrors {
        let mut errors: Vec<_> = found
            .map(|(path, kind)| {
                let at = self.find(&path);
                FileError::at(&self.name, &self.lines, at, path, kind)
            })
            .collect();
        errors.sort_by_key(|error| error.at);
        FileErrors(errors)
    }

    fn find(&self, path: &KeyPath) -> Position {
        let taken = self.taken.iter().find_map(|entry| entry.find(path));
        taken.unwrap_or_else(|| self.root.find(path))
    }
}

fn not_utf8(bytes: &[u8], error: std::str::Utf8Error, name: &str) -> FileErrors {
    let good = bytes.get(..error.valid_up_to()).and_then(|good| std::str::from_utf8(good).ok());
    let good = good.unwrap_or_default();
    let at = Position::of_offset(good, good.len());
    let lines: Vec<_> = good.lines().map(ToOwned::to_owned).collect();
    FileErrors(vec![FileError::at(name, &lines, at, KeyPath::default(), FileErrorKind::NotUtf8)])
}

/// Parsers say what they found; what was expected is at least text of that format.
fn expecting(why: String, format: Format) -> String {
    if why.replace("unexpected", "").contains("expected") {
        why
    } else {
        format!("{why}; expected {format}")
    }
}
