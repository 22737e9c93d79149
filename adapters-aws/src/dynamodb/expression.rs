//! What a write is conditional on, and what it changes, as DynamoDB's expressions.
//!
//! Every name is given as a placeholder, so that none of them can be one of DynamoDB's reserved words.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// The placeholders of an expression.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Terms {
    pub(super) fn name(&mut self, name: &'static str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    /// A condition and a change share their placeholders, so values are numbered through.
    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// As requests take them: none instead of an empty one, which DynamoDB refuses.
    pub(super) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

/// What has to be so of one attribute.
#[derive(Clone, Debug)]
enum Must {
    Be(AttributeValue),
    BeAtMost(AttributeValue),
    Exist,
    NotExist,
}

/// What has to be so of an item for a write to happen: all of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition(Vec<(&'static str, Must)>);

impl Condition {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn and(mut self, name: &'static str, must: Must) -> Self {
        self.0.push((name, must));
        self
    }

    pub(super) fn is(self, name: &'static str, value: AttributeValue) -> Self {
        self.and(name, Must::Be(value))
    }

    /// As it was read: this value, or none.
    pub(super) fn same(self, name: &'static str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.is(name, value),
            None => self.absent(name),
        }
    }

    pub(super) fn at_most(self, name: &'static str, value: AttributeValue) -> Self {
        self.and(name, Must::BeAtMost(value))
    }

    pub(super) fn present(self, name: &'static str) -> Self {
        self.and(name, Must::Exist)
    }

    pub(super) fn absent(self, name: &'static str) -> Self {
        self.and(name, Must::NotExist)
    }

    /// The expression; `None` where nothing is asked.
    pub(super) fn expression(&self, terms: &mut Terms) -> Option<String> {
        let one = |(name, must): &(&'static str, Must)| {
            let name = terms.name(name);
            match must {
                Must::Be(value) => format!("{name} = {}", terms.value(value.clone())),
                Must::BeAtMost(value) => format!("{name} <= {}", terms.value(value.clone())),
                Must::Exist => format!("attribute_exists({name})"),
                Must::NotExist => format!("attribute_not_exists({name})"),
            }
        };
        let parts: Vec<String> = self.0.iter().map(one).collect();
        (!parts.is_empty()).then(|| parts.join(" AND "))
    }
}

/// What becomes of an item's attributes.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    set: Vec<(&'static str, AttributeValue)>,
    add: Vec<(&'static str, u64)>,
    remove: Vec<&'static str>,
}

impl Change {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn set(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.set.push((name, value));
        self
    }

    /// Raises a number, from 0 where there is none.
    pub(super) fn add(mut self, name: &'static str, by: u64) -> Self {
        self.add.push((name, by));
        self
    }

    pub(super) fn remove(mut self, name: &'static str) -> Self {
        self.remove.push(name);
        self
    }

    /// This value, or none.
    pub(super) fn put(self, name: &'static str, value: Option<AttributeValue>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self.remove(name),
        }
    }

    pub(super) fn expression(&self, terms: &mut Terms) -> String {
        let mut clauses = Vec::new();
        let mut clause = |word: &str, parts: Vec<String>| {
            if !parts.is_empty() {
                clauses.push(format!("{word} {}", parts.join(", ")));
            }
        };
        let set = self.set.iter().map(|(name, value)| {
            let name = terms.name(name);
            format!("{name} = {}", terms.value(value.clone()))
        });
        clause("SET", set.collect());
        let add = self.add.iter().map(|(name, by)| {
            let name = terms.name(name);
            format!("{name} {}", terms.value(super::item::number(*by)))
        });
        clause("ADD", add.collect());
        clause("REMOVE", self.remove.iter().map(|name| terms.name(name)).collect());
        clauses.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::item::number, *};

    #[test]
    fn every_name_and_value_of_a_write_is_a_placeholder() {
        let mut terms = Terms::default();
        let change = Change::new().set("at", number(7)).add("version", 1).remove("over");
        let change = change.expression(&mut terms);
        let condition = Condition::new().is("epoch", number(3)).absent("over");
        let condition = condition.expression(&mut terms);
        assert_eq!(change, "SET #at = :v0 ADD #version :v1 REMOVE #over");
        assert_eq!(condition.as_deref(), Some("#epoch = :v2 AND attribute_not_exists(#over)"));
        assert_eq!(terms.names().map(|names| names.len()), Some(4));
        assert_eq!(terms.values().map(|values| values.len()), Some(3));
    }

    #[test]
    fn nothing_asked_is_no_expression() {
        let mut terms = Terms::default();
        assert_eq!(Condition::new().expression(&mut terms), None);
        assert!(terms.names().is_none() && terms.values().is_none());
    }
}
