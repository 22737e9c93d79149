//! The expressions that this fake understands: conditions joined by AND, key conditions, updates and
//! projections, with placeholders for every name and value. All else is refused, and so is a placeholder
//! that is not used, as DynamoDB does.

use std::{cmp::Ordering, collections::BTreeSet};

use serde_json::{Map, Value, json};

use super::{
    Refusal, invalid,
    value::{self, Item},
};

/// The placeholders of a request, and which of them were used.
pub(super) struct Terms<'a> {
    names: Option<&'a Map<String, Value>>,
    values: Option<&'a Map<String, Value>>,
    used: BTreeSet<String>,
}

impl<'a> Terms<'a> {
    pub(super) fn of(request: &'a Value) -> Self {
        Self {
            names: request["ExpressionAttributeNames"].as_object(),
            values: request["ExpressionAttributeValues"].as_object(),
            used: BTreeSet::new(),
        }
    }

    fn name(&mut self, word: &str) -> Result<String, Refusal> {
        let name = self.names.and_then(|names| names.get(word)).and_then(Value::as_str);
        let name = name.ok_or_else(|| invalid(format!("{word:?} is no placeholder of a name")))?;
        self.used.insert(word.to_owned());
        Ok(name.to_owned())
    }

    fn value(&mut self, word: &str) -> Result<&'a Value, Refusal> {
        let value = self.values.and_then(|values| values.get(word));
        let value =
            value.ok_or_else(|| invalid(format!("{word:?} is no placeholder of a value")))?;
        if !value::is_known(value) {
            return Err(invalid(format!("{word} is {value}, which this fake does not know")));
        }
        self.used.insert(word.to_owned());
        Ok(value)
    }

    /// # Errors
    /// When a placeholder is given that no expression has.
    pub(super) fn all_used(&self) -> Result<(), Refusal> {
        for given in [self.names, self.values].into_iter().flatten() {
            if given.is_empty() {
                return Err(invalid("placeholders must not be empty".to_owned()));
            }
            if let Some(unused) = given.keys().find(|word| !self.used.contains(*word)) {
                return Err(invalid(format!("placeholder {unused} is not used")));
            }
        }
        Ok(())
    }
}

/// Words, placeholders and signs.
fn words(expression: &str) -> Vec<String> {
    let mut spaced = expression.to_owned();
    for sign in ["(", ")", ","] {
        spaced = spaced.replace(sign, &format!(" {sign} "));
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// One thing that has to be so.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Compare { name: String, allowed: &'static [Ordering], with: Value },
    Between { name: String, first: Value, last: Value },
    BeginsWith { name: String, start: Value },
    Exists { name: String, wanted: bool },
}

impl Test {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Compare { name, .. }
            | Self::Between { name, .. }
            | Self::BeginsWith { name, .. }
            | Self::Exists { name, .. } => name,
        }
    }

    fn is_so_of(&self, item: &Item) -> bool {
        let found = item.get(self.name());
        let order = |with: &Value| found.and_then(|found| value::compare(found, with));
        match self {
            Self::Compare { allowed, with, .. } => {
                order(with).is_some_and(|order| allowed.contains(&order))
            }
            Self::Between { first, last, .. } => {
                order(first).is_some_and(Ordering::is_ge)
                    && order(last).is_some_and(Ordering::is_le)
            }
            Self::BeginsWith { start, .. } => {
                let found = found.and_then(value::text);
                found.zip(value::text(start)).is_some_and(|(text, start)| text.starts_with(start))
            }
            Self::Exists { wanted, .. } => found.is_some() == *wanted,
        }
    }
}

/// Whether all of these are so.
pub(super) fn holds(tests: &[Test], item: &Item) -> bool {
    tests.iter().all(|test| test.is_so_of(item))
}

/// The tests of an expression, joined by AND.
pub(super) fn tests(expression: &str, terms: &mut Terms<'_>) -> Result<Vec<Test>, Refusal> {
    let words = words(expression);
    let mut words: &[String] = &words;
    let mut tests = Vec::new();
    loop {
        let (test, rest) = test(words, terms)?;
        tests.push(test);
        words = match rest.split_first() {
            None => return Ok(tests),
            Some((and, rest)) if and == "AND" => rest,
            Some(_) => {
                return Err(invalid(format!("{expression:?} has more than this fake knows")));
            }
        };
    }
}

fn test<'w>(words: &'w [String], terms: &mut Terms<'_>) -> Result<(Test, &'w [String]), Refusal> {
    let texts: Vec<&str> = words.iter().map(String::as_str).collect();
    let (test, taken) = match texts.as_slice() {
        ["attribute_exists", "(", name, ")", ..] => {
            (Test::Exists { name: terms.name(name)?, wanted: true }, 4)
        }
        ["attribute_not_exists", "(", name, ")", ..] => {
            (Test::Exists { name: terms.name(name)?, wanted: false }, 4)
        }
        ["begins_with", "(", name, ",", start, ")", ..] => {
            let (name, start) = (terms.name(name)?, terms.value(start)?.clone());
            (Test::BeginsWith { name, start }, 6)
        }
        [name, "BETWEEN", first, "AND", last, ..] => {
            let name = terms.name(name)?;
            let (first, last) = (terms.value(first)?.clone(), terms.value(last)?.clone());
            (Test::Between { name, first, last }, 5)
        }
        [name, sign, with, ..] => {
            let allowed = orders(sign)?;
            let (name, with) = (terms.name(name)?, terms.value(with)?.clone());
            (Test::Compare { name, allowed, with }, 3)
        }
        _ => return Err(invalid(format!("{words:?} is not in the grammar of this fake"))),
    };
    Ok((test, &words[taken..]))
}

fn orders(sign: &str) -> Result<&'static [Ordering], Refusal> {
    use Ordering::{Equal, Less};
    match sign {
        "=" => Ok(&[Equal]),
        "<" => Ok(&[Less]),
        "<=" => Ok(&[Less, Equal]),
        _ => Err(invalid(format!("comparison {sign:?} is not in the grammar of this fake"))),
    }
}

/// One change of one attribute.
#[derive(Clone, Debug)]
pub(super) enum Edit {
    Set(String, Value),
    Add(String, i128),
    Remove(String),
}

impl Edit {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Set(name, _) | Self::Add(name, _) | Self::Remove(name) => name,
        }
    }

    fn apply(&self, item: &mut Item) -> Result<(), Refusal> {
        match self {
            Self::Set(name, value) => {
                item.insert(name.clone(), value.clone());
            }
            Self::Remove(name) => {
                item.remove(name);
            }
            Self::Add(name, by) => {
                let zero = json!({ "N": "0" });
                let old = value::whole(item.get(name).unwrap_or(&zero));
                let old =
                    old.ok_or_else(|| invalid(format!("ADD to {name}, which is no number")))?;
                item.insert(name.clone(), json!({ "N": (old + by).to_string() }));
            }
        }
        Ok(())
    }
}

/// What an update does. Each attribute is named once.
pub(super) fn edits(expression: &str, terms: &mut Terms<'_>) -> Result<Vec<Edit>, Refusal> {
    let words = words(expression);
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (mut edits, mut clause) = (Vec::new(), "");
    while let Some(word) = words.first().copied() {
        if matches!(word, "SET" | "ADD" | "REMOVE" | ",") {
            clause = if word == "," { clause } else { word };
            words.remove(0);
        }
        let (edit, taken) = match (clause, words.as_slice()) {
            ("SET", [name, "=", value, ..]) => {
                (Edit::Set(terms.name(name)?, terms.value(value)?.clone()), 3)
            }
            ("ADD", [name, by, ..]) => {
                let by = value::whole(terms.value(by)?);
                let by = by.ok_or_else(|| invalid("ADD of what is no number".to_owned()))?;
                (Edit::Add(terms.name(name)?, by), 2)
            }
            ("REMOVE", [name, ..]) => (Edit::Remove(terms.name(name)?), 1),
            _ => return Err(invalid(format!("{expression:?} is not in the grammar of this fake"))),
        };
        edits.push(edit);
        words.drain(..taken);
    }
    let names: BTreeSet<&str> = edits.iter().map(Edit::name).collect();
    if names.len() < edits.len() {
        return Err(invalid(format!("two parts of {expression:?} overlap")));
    }
    Ok(edits)
}

pub(super) fn apply(edits: &[Edit], item: &mut Item) -> Result<(), Refusal> {
    edits.iter().try_for_each(|edit| edit.apply(item))
}

/// The attributes that a projection names.
pub(super) fn projected(expression: &str, terms: &mut Terms<'_>) -> Result<Vec<String>, Refusal> {
    words(expression).iter().filter(|word| *word != ",").map(|word| terms.name(word)).collect()
}
