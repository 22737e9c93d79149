//! Files of looks: one JSON object a line, oldest first. Must not know judges.
//!
//! A line is a look as it is stored, or its short form: counts of both arms as `[events, exposures]`,
//! for data that comes from elsewhere.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::IgnoredAny};
use tidegate_core::{Look, Measurement, Span, Timestamp, Weight, Window};

/// How long the window of a look in its short form is.
const MINUTE: Span = Span::minutes(1);

/// The keys of a look as it is stored; those of the short form are among them.
const KEYS: [&str; 6] = ["window", "complete", "stable", "candidate", "failed", "share"];

/// What a line should be.
const EXPECTED: &str = "expected a look, such as {\"stable\": [5, 1200], \"candidate\": [1, 130]}";

/// What is wrong with a file of looks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LooksError {
    /// It can not be read at all.
    #[error("{}: can not be read: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A line of it is no look.
    #[error("{}:{line}:{}: {}", file.display(), what.column, what.text)]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        what: Wrong,
    },
    /// There is no look in it.
    #[error("{}: there is no look in it; {EXPECTED}", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

/// What is wrong with a line, and what was expected.
#[derive(Debug)]
pub(crate) struct Wrong {
    column: usize,
    text: String,
}

impl Wrong {
    const fn line(text: String) -> Self {
        Self { column: 1, text }
    }
}

impl From<serde_json::Error> for Wrong {
    /// What serde found, without the line that it counts within this one.
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let found = text.split(" at line 1 column").next().unwrap_or_default();
        Self { column: error.column().max(1), text: format!("{found}; {EXPECTED}") }
    }
}

/// Counts of both arms in one minute.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Short {
    stable: Option<[f64; 2]>,
    candidate: Option<[f64; 2]>,
    share: Option<Weight>,
}

impl Short {
    fn look(self, from: Timestamp) -> Look {
        let count = |[events, exposures]: [f64; 2]| Measurement::Count { events, exposures };
        let window = Window { from, to: from.after(MINUTE) };
        let look = Look::complete(window, self.stable.map(count), self.candidate.map(count));
        Look { share: self.share, ..look }
    }
}

/// Reads a file of looks. Empty lines are skipped. `apart` is whether no two windows may overlap.
///
/// # Errors
/// The first line that is no look, or out of order, with its number.
pub(crate) fn read(file: &Path, apart: bool) -> Result<Vec<Look>, LooksError> {
    let unreadable = |why| LooksError::Unreadable { file: file.to_owned(), why };
    let text = fs::read_to_string(file).map_err(unreadable)?;
    let mut looks: Vec<Look> = Vec::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let end = looks.last().map_or(Timestamp::default(), |look| look.window.to);
        let look = look(text, end).and_then(|look| in_order(look, end, apart));
        looks.push(look.map_err(|what| LooksError::Line { file: file.to_owned(), line, what })?);
    }
    if looks.is_empty() {
        return Err(LooksError::Empty { file: file.to_owned() });
    }
    Ok(looks)
}

/// One line. A short one begins where the line before it ended.
fn look(text: &str, end: Timestamp) -> Result<Look, Wrong> {
    let keys: BTreeMap<String, IgnoredAny> = serde_json::from_str(text)?;
    if let Some(unknown) = keys.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let keys = KEYS.join(", ");
        return Err(Wrong::line(format!("unknown key {unknown:?}; expected one of {keys}")));
    }
    if keys.is_empty() {
        return Err(Wrong::line(format!("it says nothing; {EXPECTED}")));
    }
    if keys.contains_key("window") {
        return Ok(serde_json::from_str(text)?);
    }
    let short: Short = serde_json::from_str(text)?;
    Ok(short.look(end))
}

/// A window that ends before it begins, or before the last one did, is a mistake of whoever made the
/// file. Windows overlap where a check looks more often than a window lasts, which only some judges
/// may.
fn in_order(look: Look, end: Timestamp, apart: bool) -> Result<Look, Wrong> {
    let Window { from, to } = look.window;
    if from > to {
        let text = format!("the window ends at {to}; expected an end after its beginning, {from}");
        return Err(Wrong::line(text));
    }
    if to < end {
        let text =
            format!("the window ends at {to}; expected the end of the last one, {end}, or later");
        return Err(Wrong::line(text));
    }
    if apart && from < end {
        let text = format!(
            "the window begins at {from}, before the last one ended, and this judge would count what \
             they share twice; expected {end} or later"
        );
        return Err(Wrong::line(text));
    }
    Ok(look)
}
