//! JSON to the located tree. The parser checks the text; what is left to do here is to walk it.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;

use super::{
    MAX_DEPTH,
    tree::{Broken, Entry, Node, Position, Value},
};

pub(super) fn parse(text: &str) -> Result<Node, Broken> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| syntax(text, &error))?;
    Walk { rest: text, at: Position::START }.node(0)
}

fn syntax(text: &str, error: &serde_json::Error) -> Broken {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).max(1);
    // The parser counts bytes, a person counts characters.
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let bytes = error.column().saturating_sub(1);
    let column = 1 + line.char_indices().take_while(|(index, _)| *index < bytes).count();
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or_default().to_owned();
    Broken { at: Position { line: number(error.line()), column: number(column) }, why }
}

/// A walk over a text that is known to be JSON. Where it is not after all, the walk says so.
struct Walk<'a> {
    rest: &'a str,
    at: Position,
}

impl<'a> Walk<'a> {
    fn node(&mut self, depth: usize) -> Result<Node, Broken> {
        self.space();
        let at = self.at;
        if depth > MAX_DEPTH {
            return Err(Broken::too_deep(at));
        }
        let value = match self.rest.chars().next() {
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.text()?),
            _ => self.word()?,
        };
        Ok(Node { at, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, Broken> {
        let (mut entries, mut keys) = (Vec::new(), BTreeSet::new());
        self.take(1);
        while !self.ends('}') {
            let at = self.at;
            let key = self.text()?;
            if !keys.insert(key.clone()) {
                return Err(Broken { at, why: format!("duplicate key {key:?}; expected it once") });
            }
            self.ends(':');
            entries.push(Entry { key, at, node: self.node(depth + 1)? });
            self.ends(',');
        }
        Ok(Value::Map(entries))
    }

    fn list(&mut self, depth: usize) -> Result<Value, Broken> {
        let mut items = Vec::new();
        self.take(1);
        while !self.ends(']') {
            items.push(self.node(depth + 1)?);
            self.ends(',');
        }
        Ok(Value::List(items))
    }

    fn text(&mut self) -> Result<String, Broken> {
        let at = self.at;
        let mut escaped = true;
        let end = self.rest.char_indices().find(|(_, c)| {
            let ends = *c == '"' && !escaped;
            // The opening quote counts as escaped, so that it does not end the text.
            escaped = *c == '\\' && !escaped;
            ends
        });
        let length = end.map_or(self.rest.len(), |(index, _)| index + 1);
        let token = self.take(length);
        serde_json::from_str(token).map_err(|error| Broken { at, ..syntax(token, &error) })
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Value, Broken> {
        let at = self.at;
        let ends = |c: char| matches!(c, ',' | ']' | '}' | ':' | '"') || c.is_ascii_whitespace();
        let length = self.rest.find(ends).unwrap_or(self.rest.len()).max(1);
        let token = self.take(length);
        match serde_json::from_str(token) {
            Ok(serde_json::Value::Null) => Ok(Value::Null),
            Ok(serde_json::Value::Bool(value)) => Ok(Value::Bool(value)),
            Ok(serde_json::Value::Number(number)) => Ok(number_value(&number)),
            Ok(_) => Err(Broken { at, why: format!("{token:?} is no value") }),
            Err(error) => Err(Broken { at, ..syntax(token, &error) }),
        }
    }

    /// Whether the next thing after white space is `mark`, which is then taken.
    fn ends(&mut self, mark: char) -> bool {
        self.space();
        let found = self.rest.starts_with(mark);
        if found {
            self.take(mark.len_utf8());
        }
        // At the end of the text everything ends, so that no walk is endless.
        let over = self.rest.is_empty();
        self.space();
        found || over
    }

    fn space(&mut self) {
        let length = self.rest.len() - self.rest.trim_ascii_start().len();
        self.take(length);
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (token, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.at = token.chars().fold(self.at, Position::past);
        self.rest = rest;
        token
    }
}

fn number_value(number: &serde_json::Number) -> Value {
    if let Some(value) = number.as_u64() {
        return Value::Unsigned(value);
    }
    number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(f64::NAN)), Value::Signed)
}
