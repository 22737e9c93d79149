//! Errors of files: where, what, what was expected, and the line itself with a caret under it.

use std::fmt;

use tidegate_core::{KeyPath, ProblemKind};

use super::{MAX_BYTES, tree::Position};

/// Characters of the excerpt to either side of the place.
const EXCERPT_CHARS: usize = 60;

/// Everything that is wrong with a file. Never empty.
#[derive(Debug)]
pub struct FileErrors(pub Vec<FileError>);

/// One thing that is wrong with a file.
#[derive(Debug)]
#[non_exhaustive]
pub struct FileError {
    /// The file, as it was named.
    pub file: String,
    /// Where in it.
    pub at: Position,
    /// The keys that lead there; empty where the text could not be parsed.
    pub path: KeyPath,
    /// What is wrong, and what was expected.
    pub kind: FileErrorKind,
    /// The line, cut to what fits a screen, and the column of the place in it.
    excerpt: Option<(String, usize)>,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// It could not be read at all.
    #[error("can not be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// Its name does not say what it is.
    #[error("unknown format; expected a name that ends with .yaml, .yml, .toml or .json")]
    UnknownFormat,
    /// It is larger than any plan.
    #[error("the file is too large; expected at most {} KiB", MAX_BYTES / 1024)]
    TooLarge,
    /// It is not text.
    #[error("the file is not UTF-8 from here on; expected text in UTF-8")]
    NotUtf8,
    /// It says nothing.
    #[error("the file is empty; expected a plan")]
    Empty,
    /// It is not well-formed, in the words of the format's parser.
    #[error("{0}")]
    Syntax(String),
    /// It is well-formed but says something else than was expected.
    #[error("{0}")]
    Shape(String),
    /// It is a plan, but not one that could be carried out.
    #[error(transparent)]
    Plan(ProblemKind),
}

impl FileErrors {
    /// An error of the file as a whole.
    pub(super) fn whole(name: &str, kind: FileErrorKind) -> Self {
        Self(vec![FileError::at(name, &[], Position::START, KeyPath::default(), kind)])
    }
}

impl FileError {
    pub(super) fn at(
        name: &str,
        lines: &[String],
        at: Position,
        path: KeyPath,
        kind: FileErrorKind,
    ) -> Self {
        let line = lines.get(at.line.saturating_sub(1) as usize);
        let excerpt = line.filter(|line| !line.trim().is_empty()).map(|line| cut(line, at));
        Self { file: name.to_owned(), at, path, kind, excerpt }
    }
}

/// The part of a line around a place, and the column of the place in that part.
fn cut(line: &str, at: Position) -> (String, usize) {
    let column = (at.column as usize).saturating_sub(1).min(line.chars().count());
    let skipped = column.saturating_sub(EXCERPT_CHARS);
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let part = line.chars().skip(skipped).take(2 * EXCERPT_CHARS).map(visible).collect();
    (part, column - skipped)
}

impl std::error::Error for FileErrors {}

impl fmt::Display for FileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        for error in &self.0 {
            write!(f, "{gap}{error}")?;
            gap = "\n";
        }
        Ok(())
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.at;
        write!(f, "{}:{line}:{column}: ", self.file)?;
        if !self.path.0.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.kind)?;
        let Some((excerpt, before)) = &self.excerpt else { return Ok(()) };
        let width = line.to_string().len();
        write!(f, "\n{:width$} |\n{line} | {excerpt}\n{:width$} | {:before$}^", "", "", "")
    }
}
