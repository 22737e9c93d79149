//! Which items of a partition a query gives, and in which order.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    expression::Terms,
    item::{PARTITION, SORT, text},
};

/// What a sort key has to be.
#[derive(Clone, Debug)]
enum Sort {
    Is(AttributeValue),
    BeginsWith(String),
    Within(String, String),
    Before(String),
}

/// Items of one partition, of the table or of an index.
#[derive(Clone, Debug)]
pub(super) struct Select {
    pub(super) index: Option<&'static str>,
    partition: (&'static str, String),
    sort: (&'static str, Option<Sort>),
    pub(super) backwards: bool,
    /// The most items of a page.
    pub(super) page: Option<i32>,
    /// Only these attributes.
    only: Option<&'static [&'static str]>,
}

impl Select {
    /// A partition of the table. It is read consistently.
    pub(super) fn partition(partition: impl Into<String>) -> Self {
        let (partition, sort) = ((PARTITION, partition.into()), (SORT, None));
        Self { index: None, partition, sort, backwards: false, page: None, only: None }
    }

    /// A partition of an index, by the names of its keys. What it gives may be a little old.
    pub(super) fn index(
        index: &'static str,
        keys: (&'static str, &'static str),
        partition: impl Into<String>,
    ) -> Self {
        let (partition, sort) = ((keys.0, partition.into()), (keys.1, None));
        Self { index: Some(index), partition, sort, backwards: false, page: None, only: None }
    }

    pub(super) fn is(mut self, sort: AttributeValue) -> Self {
        self.sort.1 = Some(Sort::Is(sort));
        self
    }

    pub(super) fn begins_with(mut self, start: impl Into<String>) -> Self {
        self.sort.1 = Some(Sort::BeginsWith(start.into()));
        self
    }

    pub(super) fn within(mut self, first: impl Into<String>, last: impl Into<String>) -> Self {
        self.sort.1 = Some(Sort::Within(first.into(), last.into()));
        self
    }

    pub(super) fn before(mut self, end: impl Into<String>) -> Self {
        self.sort.1 = Some(Sort::Before(end.into()));
        self
    }

    pub(super) fn backwards(mut self) -> Self {
        self.backwards = true;
        self
    }

    /// Pages of so many items; at least one.
    pub(super) fn page(mut self, items: usize) -> Self {
        self.page = Some(i32::try_from(items.max(1)).unwrap_or(i32::MAX));
        self
    }

    pub(super) fn only(mut self, names: &'static [&'static str]) -> Self {
        self.only = Some(names);
        self
    }

    pub(super) fn condition(&self, terms: &mut Terms) -> String {
        let partition = terms.name(self.partition.0);
        let partition = format!("{partition} = {}", terms.value(text(&self.partition.1)));
        let Some(wanted) = &self.sort.1 else { return partition };
        let sort = terms.name(self.sort.0);
        let sort = match wanted {
            Sort::Is(value) => format!("{sort} = {}", terms.value(value.clone())),
            Sort::Before(end) => format!("{sort} < {}", terms.value(text(end))),
            Sort::BeginsWith(start) => format!("begins_with({sort}, {})", terms.value(text(start))),
            Sort::Within(first, last) => {
                let (first, last) = (terms.value(text(first)), terms.value(text(last)));
                format!("{sort} BETWEEN {first} AND {last}")
            }
        };
        format!("{partition} AND {sort}")
    }

    pub(super) fn projection(&self, terms: &mut Terms) -> Option<String> {
        let names = self.only?.iter().map(|name| terms.name(name)).collect::<Vec<_>>();
        Some(names.join(", "))
    }
}
