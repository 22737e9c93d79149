//! TOML to the located tree. The only file that knows which library reads TOML.

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{
    MAX_DEPTH,
    tree::{Broken, Entry, Node, Position, Value},
};

pub(super) fn parse(text: &str) -> Result<Node, Broken> {
    let places = Places::of(text);
    let root = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(text.len(), |span| span.start);
        let why = error.message().replace('\n', "; ");
        let twice = why == "duplicate key";
        let why = if twice { format!("{why}; expected it once") } else { why };
        Broken { at: places.at(offset), why }
    })?;
    let mut value = table(root.get_ref(), &places, 0)?;
    if let Value::Map(entries) = &mut value {
        entries.sort_by_key(|entry| entry.at);
    }
    Ok(Node { at: Position::START, value })
}

/// Bytes between two counts of characters: a place in a long line costs no more than this.
const STRIDE: usize = 256;

/// Where byte offsets are, as lines and columns.
struct Places<'a> {
    bytes: &'a [u8],
    /// Byte offsets of the starts of lines.
    starts: Vec<usize>,
    /// Characters before each multiple of [`STRIDE`].
    counts: Vec<usize>,
}

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        let after = text.match_indices('\n').map(|(index, _)| index + 1);
        let mut before = 0;
        let counts = text.as_bytes().chunks(STRIDE).map(|chunk| {
            let count = before;
            before += characters(chunk);
            count
        });
        let counts = counts.collect();
        Self { bytes: text.as_bytes(), starts: std::iter::once(0).chain(after).collect(), counts }
    }

    fn at(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let before = self.characters_before(offset).saturating_sub(self.characters_before(start));
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: number(line), column: number(before + 1) }
    }

    fn characters_before(&self, offset: usize) -> usize {
        // At the very end of the text there may be no count; the last one is before it.
        let stride = (offset / STRIDE).min(self.counts.len().saturating_sub(1));
        let counted = self.counts.get(stride).copied().unwrap_or(0);
        counted + self.bytes.get(stride * STRIDE..offset).map_or(0, characters)
    }
}

/// Characters that begin in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count()
}

fn table(table: &DeTable<'_>, places: &Places<'_>, depth: usize) -> Result<Value, Broken> {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let at = places.at(key.span().start);
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        Ok(Entry { key: key.to_string(), at, node: node(value, places, depth + 1)? })
    };
    table.iter().map(entry).collect::<Result<_, _>>().map(Value::Map)
}

fn node(value: &Spanned<DeValue<'_>>, places: &Places<'_>, depth: usize) -> Result<Node, Broken> {
    let at = places.at(value.span().start);
    if depth > MAX_DEPTH {
        return Err(Broken::too_deep(at));
    }
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => integer(number, at)?,
        DeValue::Float(number) => {
            Value::Float(number.as_str().parse().map_err(|_| out_of_range(at))?)
        }
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(moment) => Value::Text(moment.to_string()),
        DeValue::Array(items) => {
            let items = items.iter().map(|item| node(item, places, depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(entries) => table(entries, places, depth)?,
    };
    Ok(Node { at, value })
}

fn integer(number: &DeInteger<'_>, at: Position) -> Result<Value, Broken> {
    let (digits, radix) = (number.as_str(), number.radix());
    let unsigned = u64::from_str_radix(digits, radix).map(Value::Unsigned);
    unsigned
        .or_else(|_| i64::from_str_radix(digits, radix).map(Value::Signed))
        .map_err(|_| out_of_range(at))
}

fn out_of_range(at: Position) -> Broken {
    Broken { at, why: "a number that is out of range; expected one of 64 bits".to_owned() }
}
