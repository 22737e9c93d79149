//! One write of one item, by itself or in a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::BuildError,
    types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update},
};

use super::{
    expression::{Change, Condition, Terms},
    item::{Item, Key, PARTITION, SORT, size, text},
};

/// A write, and what it is conditional on.
#[derive(Clone, Debug)]
pub(super) enum Write {
    Put(Item, Condition),
    Update(Key, Change, Condition),
    Delete(Key, Condition),
    /// Nothing is written.
    Check(Key, Condition),
}

impl Write {
    /// Puts an item where there is none.
    pub(super) fn first(item: Item) -> Self {
        Self::Put(item, Condition::new().absent(PARTITION))
    }

    /// What it takes at most of a limit in bytes. What is updated stays far from any.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Put(item, _) => size(item),
            Self::Update(..) | Self::Delete(..) | Self::Check(..) => 0,
        }
    }

    /// As a transaction takes it.
    pub(super) fn in_transaction(self, table: &str) -> Result<TransactWriteItem, BuildError> {
        let mut terms = Terms::default();
        let item = TransactWriteItem::builder();
        Ok(match self {
            Self::Put(put, condition) => {
                let put = Put::builder().table_name(table).set_item(Some(put));
                let put = put.set_condition_expression(condition.expression(&mut terms));
                let put = put.set_expression_attribute_names(terms.names());
                item.put(put.set_expression_attribute_values(terms.values()).build()?)
            }
            Self::Update(key, change, condition) => {
                let update = Update::builder().table_name(table).set_key(Some(keys(key)));
                let update = update.update_expression(change.expression(&mut terms));
                let update = update.set_condition_expression(condition.expression(&mut terms));
                let update = update.set_expression_attribute_names(terms.names());
                item.update(update.set_expression_attribute_values(terms.values()).build()?)
            }
            Self::Delete(key, condition) => {
                let delete = Delete::builder().table_name(table).set_key(Some(keys(key)));
                let delete = delete.set_condition_expression(condition.expression(&mut terms));
                let delete = delete.set_expression_attribute_names(terms.names());
                item.delete(delete.set_expression_attribute_values(terms.values()).build()?)
            }
            Self::Check(key, condition) => {
                let check = ConditionCheck::builder().table_name(table).set_key(Some(keys(key)));
                let check = check.set_condition_expression(condition.expression(&mut terms));
                let check = check.set_expression_attribute_names(terms.names());
                let check = check.set_expression_attribute_values(terms.values());
                item.condition_check(check.build()?)
            }
        }
        .build())
    }
}

/// A key, as requests take it.
pub(super) fn keys(key: Key) -> HashMap<String, AttributeValue> {
    let Key { partition, sort } = key;
    [(PARTITION, partition), (SORT, sort)]
        .map(|(name, value)| (name.to_owned(), text(value)))
        .into()
}
