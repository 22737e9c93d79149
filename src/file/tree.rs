//! What all formats are read into: a tree of values, each with its place in the text.
//!
//! This file must not know formats, nor what the tree is to say.

use tidegate_core::{KeyPath, Segment};

/// A place in a text: line and column from one, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from one.
    pub line: u32,
    /// Character in the line, from one.
    pub column: u32,
}

impl Position {
    /// The first character.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of a byte offset; of the nearest character before it where it falls inside one.
    pub(super) fn of_offset(text: &str, offset: usize) -> Self {
        let mut at = Self::START;
        for (index, c) in text.char_indices() {
            if index + c.len_utf8() > offset {
                break;
            }
            at = at.past(c);
        }
        at
    }

    /// The place after `c` at this place.
    pub(super) const fn past(self, c: char) -> Self {
        if c == '\n' {
            Self { line: self.line.saturating_add(1), column: 1 }
        } else {
            Self { line: self.line, column: self.column.saturating_add(1) }
        }
    }
}

/// A text that is not well-formed: where, and why.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) at: Position,
    pub(super) why: String,
}

impl Broken {
    pub(super) fn too_deep(at: Position) -> Self {
        let why = format!("nested too deeply; expected at most {} levels", super::MAX_DEPTH);
        Self { at, why }
    }
}

/// A value, and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
}

/// What a text can say.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value, and where the key begins.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) node: Node,
}

impl Entry {
    /// Where a person looks for it: a plain value itself, the key of a map or list.
    pub(super) const fn place(&self) -> Position {
        match self.node.value {
            Value::Map(_) | Value::List(_) | Value::Null => self.at,
            _ => self.node.at,
        }
    }

    /// The place of a path that begins with this key; `None` for any other.
    pub(super) fn find(&self, path: &KeyPath) -> Option<Position> {
        let (first, rest) = path.0.split_first()?;
        let is_this = matches!(first, Segment::Key(key) if *key == self.key);
        is_this.then(|| self.node.within(self.place(), rest))
    }
}

impl Node {
    /// Without the key by which a JSON file names its schema to an editor. YAML and TOML name
    /// theirs in a comment.
    pub(super) fn without_schema(mut self) -> Self {
        if let Value::Map(entries) = &mut self.value {
            entries.retain(|entry| entry.key != "$schema");
        }
        self
    }

    /// Takes a key out of a map, with its value.
    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        let Value::Map(entries) = &mut self.value else { return None };
        let at = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(at))
    }

    /// The place of a path, or of the last part of it that is written.
    pub(super) fn find(&self, path: &KeyPath) -> Position {
        self.within(self.at, &path.0)
    }

    /// The place of a path below this node, whose own place is known.
    fn within(&self, place: Position, path: &[Segment]) -> Position {
        let (mut node, mut place) = (self, place);
        for segment in path {
            let next = match (&node.value, segment) {
                (Value::Map(entries), Segment::Key(key)) => entries
                    .iter()
                    .find(|entry| entry.key == *key)
                    .map(|entry| (&entry.node, entry.place())),
                (Value::List(items), Segment::Item(index)) => {
                    items.get(*index).map(|item| (item, item.at))
                }
                _ => None,
            };
            let Some(found) = next else { break };
            (node, place) = found;
        }
        place
    }
}
