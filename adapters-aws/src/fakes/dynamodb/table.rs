//! One table and its indexes: what each request does to it, as DynamoDB's own would.

use std::{cmp::Ordering, collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    Refusal,
    expression::{Edit, Terms, Test, apply, edits, holds, projected, tests},
    invalid,
    value::{self, Item},
};

/// DynamoDB's limit of an item.
const LARGEST_ITEM: usize = 400 * 1_024;
/// DynamoDB's limit of a page.
const LARGEST_PAGE: usize = 1_024 * 1_024;

type Items = BTreeMap<(String, String), Item>;

/// The names of two keys.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Keys {
    hash: String,
    range: String,
}

impl Keys {
    /// Both of its names have to be there: this fake knows no table and no index with one key.
    fn of(schema: &Value) -> Result<Self, Refusal> {
        let name = |kind: &str| {
            let found = schema.as_array().into_iter().flatten().find(|key| key["KeyType"] == kind);
            found.and_then(|key| key["AttributeName"].as_str()).map(str::to_owned)
        };
        let keys = name("HASH").zip(name("RANGE")).map(|(hash, range)| Self { hash, range });
        keys.ok_or_else(|| invalid(format!("{schema} is not two keys, HASH and RANGE")))
    }
}

#[derive(Clone, Debug)]
struct Index {
    keys: Keys,
    /// What it has beside keys.
    included: Vec<String>,
}

/// A table.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) id: String,
    /// As it was asked for.
    definition: Value,
    keys: Keys,
    kinds: BTreeMap<String, String>,
    indexes: BTreeMap<String, Index>,
    items: Items,
    /// What it held before each write, and when that was.
    past: Vec<(Duration, Items)>,
}

/// A write that was checked and waits for the others of its transaction.
pub(super) struct Prepared {
    pub(super) key: (String, String),
    /// What the item becomes; absent where it goes.
    becomes: Option<Item>,
}

impl Table {
    pub(super) fn new(id: String, request: &Value) -> Result<Self, Refusal> {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let mut indexes = BTreeMap::new();
        for index in list(&request["GlobalSecondaryIndexes"]) {
            let included = list(&index["Projection"]["NonKeyAttributes"]);
            let included = included.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let name = index["IndexName"].as_str().unwrap_or_default().to_owned();
            indexes.insert(name, Index { keys: Keys::of(&index["KeySchema"])?, included });
        }
        let kind = |attribute: Value| {
            let name = attribute["AttributeName"].as_str()?.to_owned();
            Some((name, attribute["AttributeType"].as_str()?.to_owned()))
        };
        Ok(Self {
            id,
            definition: request.clone(),
            keys: Keys::of(&request["KeySchema"])?,
            kinds: list(&request["AttributeDefinitions"]).into_iter().filter_map(kind).collect(),
            indexes,
            items: Items::new(),
            past: Vec::new(),
        })
    }

    /// A copy that a restore makes: another table, and no older time.
    pub(super) fn restored(&self, id: String) -> Self {
        Self { id, past: Vec::new(), ..self.clone() }
    }

    pub(super) fn description(&self, name: &str) -> Value {
        let indexes = self.definition["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        let indexes: Vec<Value> = indexes
            .map(|index| {
                json!({
                    "IndexName": index["IndexName"],
                    "KeySchema": index["KeySchema"],
                    "Projection": index["Projection"],
                    "IndexStatus": "ACTIVE",
                })
            })
            .collect();
        json!({
            "TableName": name,
            "TableId": self.id,
            "TableStatus": "ACTIVE",
            "KeySchema": self.definition["KeySchema"],
            "AttributeDefinitions": self.definition["AttributeDefinitions"],
            "GlobalSecondaryIndexes": indexes,
            "ItemCount": self.items.len(),
        })
    }

    /// What it holds, for a test that spoils it.
    pub(super) fn items_mut(&mut self) -> impl Iterator<Item = &mut Item> {
        self.items.values_mut()
    }

    pub(super) fn remove(&mut self, partition: &str, sort: &str) -> bool {
        self.items.remove(&(partition.to_owned(), sort.to_owned())).is_some()
    }

    /// What it held at a time, for readers who do not ask for more.
    fn at(&self, at: Duration) -> &Items {
        self.past.iter().find(|(until, _)| *until > at).map_or(&self.items, |(_, items)| items)
    }

    fn key_of(&self, item: &Item) -> Result<(String, String), Refusal> {
        let part = |name: &str| {
            let text = item.get(name).and_then(value::text).filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| invalid(format!("key {name} is no text")))
        };
        Ok((part(&self.keys.hash)?, part(&self.keys.range)?))
    }

    /// A `Key` member: the two keys and nothing else.
    fn key(&self, request: &Value) -> Result<(String, String), Refusal> {
        let key = request["Key"].as_object();
        let key = key.filter(|key| key.len() == 2);
        self.key_of(key.ok_or_else(|| invalid("a key has two parts".to_owned()))?)
    }

    pub(super) fn get(&self, request: &Value, lagging: Duration) -> Result<Value, Refusal> {
        let key = self.key(request)?;
        let consistent = request["ConsistentRead"] == true;
        let items = if consistent { &self.items } else { self.at(lagging) };
        Ok(items.get(&key).map_or_else(|| json!({}), |item| json!({ "Item": item })))
    }

    /// Checks one write: its form, its conditions, and what would come of it.
    pub(super) fn prepare(&self, kind: &str, request: &Value) -> Result<Prepared, Refusal> {
        let mut terms = Terms::of(request);
        let condition = expression(request, "ConditionExpression", &mut terms, tests)?;
        let update = expression(request, "UpdateExpression", &mut terms, edits)?;
        terms.all_used()?;
        let put = request["Item"].as_object().filter(|_| kind == "Put");
        let key = put.map_or_else(|| self.key(request), |item| self.key_of(item))?;
        let found = self.items.get(&key);
        if !holds(&condition, found.unwrap_or(&Item::new())) {
            return Err(Refusal::Unmet);
        }
        let becomes = match kind {
            "Put" => put.cloned(),
            "Update" => Some(self.updated(found, request, &update)?),
            "Delete" => None,
            _ => found.cloned(),
        };
        becomes.as_ref().map_or(Ok(()), |item| self.check(item))?;
        Ok(Prepared { key, becomes })
    }

    fn updated(
        &self,
        found: Option<&Item>,
        request: &Value,
        update: &[Edit],
    ) -> Result<Item, Refusal> {
        let keys = [&self.keys.hash, &self.keys.range];
        if update.iter().any(|edit| keys.iter().any(|key| edit.name() == key.as_str())) {
            return Err(invalid("a key can not be updated".to_owned()));
        }
        let mut item = found.or_else(|| request["Key"].as_object()).cloned().unwrap_or_default();
        apply(update, &mut item)?;
        Ok(item)
    }

    /// What every item has to be.
    fn check(&self, item: &Item) -> Result<(), Refusal> {
        if let Some((name, value)) = item.iter().find(|(_, value)| !value::is_known(value)) {
            return Err(invalid(format!(
                "attribute {name} is {value}, which this fake does not know"
            )));
        }
        for (name, wanted) in &self.kinds {
            let kind = item.get(name).and_then(value::kind);
            if kind.is_some_and(|kind| kind != wanted) {
                return Err(invalid(format!("type mismatch for key {name}: expected {wanted}")));
            }
        }
        if value::size(item) > LARGEST_ITEM {
            let text = "Item size has exceeded the maximum allowed size";
            return Err(Refusal::Error("ValidationException", text.to_owned()));
        }
        Ok(())
    }

    /// What was before is kept as long as readers may still see it.
    pub(super) fn write(&mut self, prepared: Vec<Prepared>, at: Duration, lag: Duration) {
        self.past.retain(|(until, _)| *until + lag > at);
        if !lag.is_zero() {
            self.past.push((at, self.items.clone()));
        }
        for Prepared { key, becomes } in prepared {
            match becomes {
                Some(item) => self.items.insert(key, item),
                None => self.items.remove(&key),
            };
        }
    }

    pub(super) fn item(&self, key: &(String, String)) -> Option<&Item> {
        self.items.get(key)
    }

    /// One page of a query; `most` is the most items that a fault lets it have.
    pub(super) fn query(
        &self,
        request: &Value,
        lagging: Duration,
        most: Option<usize>,
    ) -> Result<Value, Refusal> {
        let index = request["IndexName"].as_str();
        let consistent = request["ConsistentRead"] == true;
        if index.is_some() && consistent {
            return Err(invalid("an index can not be read consistently".to_owned()));
        }
        let index = match index {
            Some(name) => {
                let found = self.indexes.get(name);
                Some(found.ok_or_else(|| invalid(format!("there is no index {name}")))?)
            }
            None => None,
        };
        let keys = index.map_or(&self.keys, |index| &index.keys);
        let mut terms = Terms::of(request);
        let wanted = expression(request, "KeyConditionExpression", &mut terms, tests)?;
        check_key_condition(&wanted, keys)?;
        let only = expression(request, "ProjectionExpression", &mut terms, projected)?;
        terms.all_used()?;
        let items = if consistent { &self.items } else { self.at(lagging) };
        let mut found: Vec<&Item> = items.values().filter(|item| holds(&wanted, item)).collect();
        let order = |one: &Item, other: &Item| self.order(keys, one, other);
        let backwards = request["ScanIndexForward"] == false;
        found.sort_by(|one, other| order(one, other));
        if backwards {
            found.reverse();
        }
        if let Some(start) = request["ExclusiveStartKey"].as_object() {
            let after = if backwards { Ordering::Less } else { Ordering::Greater };
            found.retain(|item| order(item, start) == after);
        }
        let limit = request["Limit"].as_u64().and_then(|limit| usize::try_from(limit).ok());
        let page = fitting(&found, limit.into_iter().chain(most).min());
        let last = page.last().filter(|_| page.len() < found.len() || Some(page.len()) == limit);
        let next = last.map(|item| self.position(item, keys));
        let view = |item: &&Item| self.view(item, index, &only);
        let items: Vec<Item> = page.iter().map(view).collect();
        let mut reply =
            json!({ "Count": items.len(), "ScannedCount": items.len(), "Items": items });
        if let Some(next) = next {
            reply["LastEvaluatedKey"] = Value::Object(next);
        }
        Ok(reply)
    }

    /// By the range key asked for, and by the table's keys where that is the same.
    fn order(&self, keys: &Keys, one: &Item, other: &Item) -> Ordering {
        let by = |name: &String| {
            let order = one.get(name).zip(other.get(name));
            order.and_then(|(one, other)| value::compare(one, other)).unwrap_or(Ordering::Equal)
        };
        by(&keys.range).then_with(|| by(&self.keys.hash)).then_with(|| by(&self.keys.range))
    }

    /// Where a page ended: the keys of its last item, those of the table too.
    fn position(&self, item: &Item, keys: &Keys) -> Item {
        let names = [&keys.hash, &keys.range, &self.keys.hash, &self.keys.range];
        names.iter().map(|name| ((*name).clone(), item[*name].clone())).collect()
    }

    fn view(&self, item: &Item, index: Option<&Index>, only: &[String]) -> Item {
        let keys = |keys: &Keys, name: &String| *name == keys.hash || *name == keys.range;
        let seen = |name: &String| {
            let of_index = |index: &Index| keys(&index.keys, name) || index.included.contains(name);
            let there = index.is_none_or(|index| keys(&self.keys, name) || of_index(index));
            there && (only.is_empty() || only.contains(name))
        };
        let seen = item.iter().filter(|(name, _)| seen(name));
        seen.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// An expression of a request, parsed; nothing where it has none.
fn expression<T>(
    request: &Value,
    member: &str,
    terms: &mut Terms<'_>,
    parse: impl FnOnce(&str, &mut Terms<'_>) -> Result<Vec<T>, Refusal>,
) -> Result<Vec<T>, Refusal> {
    request[member].as_str().map_or_else(|| Ok(Vec::new()), |text| parse(text, terms))
}

/// The hash key equals something, and the range key is tested at most once.
fn check_key_condition(wanted: &[Test], keys: &Keys) -> Result<(), Refusal> {
    let hash = wanted.first().is_some_and(|test| {
        test.name() == keys.hash && matches!(test, Test::Compare { allowed: [_], .. })
    });
    let range = wanted
        .get(1)
        .is_none_or(|test| test.name() == keys.range && !matches!(test, Test::Exists { .. }));
    if hash && range && wanted.len() <= 2 {
        return Ok(());
    }
    Err(invalid(format!("{wanted:?} is no condition on the keys {keys:?}")))
}

/// As many items as a page takes.
fn fitting<'a>(found: &'a [&'a Item], most: Option<usize>) -> &'a [&'a Item] {
    let mut bytes = 0;
    let fits = found.iter().take(most.unwrap_or(usize::MAX)).take_while(|item| {
        let first = bytes == 0;
        bytes += value::size(item);
        first || bytes <= LARGEST_PAGE
    });
    &found[..fits.count()]
}
