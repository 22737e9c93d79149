//! A fake of DynamoDB: tables with conditions that are evaluated, transactions with tokens, and indexes
//! that may lag.
//!
//! Its grammar is small, and what is not in it is refused: names and values are placeholders, conditions
//! are joined by AND, attributes are texts, whole numbers and truths.

mod expression;
mod table;
mod value;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use self::table::{Prepared, Table};
use super::{Protocol, Reply, Request, Service, client_of};

/// DynamoDB's limit of a transaction.
const MOST_WRITES: usize = 100;
/// DynamoDB's limit of a batch.
const MOST_BATCHED: usize = 25;
/// For so long DynamoDB knows the token of a transaction.
const TOKEN_LIFE: Duration = Duration::from_secs(600);

/// Why a request is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    /// Its condition is not met.
    Unmet,
    /// A code and a text.
    Error(&'static str, String),
    /// A transaction was cancelled: what spoke against each write.
    Cancelled(Vec<&'static str>),
}

fn invalid(text: String) -> Refusal {
    Refusal::Error("ValidationException", text)
}

/// Tables as they were at one time: what a backup holds.
#[derive(Clone, Debug)]
pub struct Backup(Table);

/// All of DynamoDB in one region.
#[derive(Clone, Debug, Default)]
pub struct Dynamo {
    tables: BTreeMap<String, Table>,
    made: u32,
    /// What each token stood for, and when it was first carried out.
    tokens: BTreeMap<String, (Value, Duration)>,
    /// How old may be what is read from an index, or without asking for consistency.
    lag: Duration,
    /// Writes that meet another of the same item: so many of the next.
    meetings: u32,
    /// Transactions that the service is still busy with when they arrive again: so many of the next.
    in_progress: u32,
}

client_of!(aws_sdk_dynamodb, Dynamo);

impl Dynamo {
    /// From now on indexes, and reads that are not consistent, show what was so long ago.
    pub fn lag_by(&mut self, lag: Duration) {
        self.lag = lag;
    }

    /// The next so many writes find another transaction at work on their items.
    pub fn meet(&mut self, writes: u32) {
        self.meetings = writes;
    }

    /// The next so many transactions are answered as still in progress, and not carried out.
    pub fn say_in_progress(&mut self, transactions: u32) {
        self.in_progress = transactions;
    }

    /// What a table holds now.
    ///
    /// # Panics
    /// When there is no such table.
    #[must_use]
    pub fn backup(&self, table: &str) -> Backup {
        Backup(self.tables.get(table).expect("the table is there").clone())
    }

    /// Puts a table in the place of one of this name, as a restore under the old name does: another table
    /// with the items of the backup.
    pub fn restore(&mut self, table: &str, backup: &Backup) {
        let id = self.fresh_id();
        self.tables.insert(table.to_owned(), backup.0.restored(id));
    }

    /// Removes a table.
    pub fn delete_table(&mut self, table: &str) {
        self.tables.remove(table);
    }

    /// Removes an item, as nobody should. Whether it was there.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn remove_item(&mut self, table: &str, partition: &str, sort: &str) -> bool {
        self.tables.get_mut(table).expect("the table is there").remove(partition, sort)
    }

    /// Sets an attribute of every item that has it to another text, as nobody should.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn spoil(&mut self, table: &str, attribute: &str, text: &str) {
        self.overwrite(table, attribute, &json!({ "S": text }));
    }

    /// Sets an attribute of every item that has it to a number, as nobody should.
    ///
    /// # Panics
    /// When there is no such table.
    pub fn spoil_number(&mut self, table: &str, attribute: &str, number: u64) {
        self.overwrite(table, attribute, &json!({ "N": number.to_string() }));
    }

    fn overwrite(&mut self, table: &str, attribute: &str, with: &Value) {
        for item in self.tables.get_mut(table).expect("the table is there").items_mut() {
            if let Some(value) = item.get_mut(attribute) {
                *value = with.clone();
            }
        }
    }

    fn fresh_id(&mut self) -> String {
        self.made += 1;
        format!("{:08x}-0000-4000-8000-000000000000", self.made)
    }

    fn table(&self, request: &Value) -> Result<&Table, Refusal> {
        let name = request["TableName"].as_str().unwrap_or_default();
        let missing = || {
            let text = format!("Requested resource not found: Table: {name} not found");
            Refusal::Error("ResourceNotFoundException", text)
        };
        self.tables.get(name).ok_or_else(missing)
    }

    fn carry_out(&mut self, operation: &str, request: &Request) -> Result<Value, Refusal> {
        let body = request.json();
        let lagging = request.at.saturating_sub(self.lag);
        match operation {
            "CreateTable" => self.create(&body),
            "DescribeTable" => {
                let name = body["TableName"].as_str().unwrap_or_default();
                Ok(json!({ "Table": self.table(&body)?.description(name) }))
            }
            "GetItem" => self.table(&body)?.get(&body, lagging),
            "Query" => self.table(&body)?.query(&body, lagging, request.page),
            "PutItem" | "UpdateItem" | "DeleteItem" => {
                self.write(operation.trim_end_matches("Item"), &body, request.at)
            }
            "TransactWriteItems" => self.transact(&body, request.at),
            "BatchWriteItem" => self.batch(&body, request),
            _ => Err(Refusal::Error("UnknownOperationException", operation.to_owned())),
        }
    }

    fn create(&mut self, body: &Value) -> Result<Value, Refusal> {
        let name = body["TableName"].as_str().unwrap_or_default().to_owned();
        if self.tables.contains_key(&name) {
            let text = format!("Table already exists: {name}");
            return Err(Refusal::Error("ResourceInUseException", text));
        }
        let table = Table::new(self.fresh_id(), body)?;
        let description = table.description(&name);
        self.tables.insert(name, table);
        Ok(json!({ "TableDescription": description }))
    }

    fn write(&mut self, kind: &str, body: &Value, at: Duration) -> Result<Value, Refusal> {
        let prepared = self.table(body)?.prepare(kind, body)?;
        if self.takes_a_meeting() {
            let text = "Transaction is ongoing for the item".to_owned();
            return Err(Refusal::Error("TransactionConflictException", text));
        }
        let (name, key) = (body["TableName"].clone(), prepared.key.clone());
        self.put(&name, vec![prepared], at);
        let item = self.table(body)?.item(&key).filter(|_| body["ReturnValues"] == "ALL_NEW");
        Ok(item.map_or_else(|| json!({}), |item| json!({ "Attributes": item })))
    }

    fn takes_a_meeting(&mut self) -> bool {
        let meets = self.meetings > 0;
        self.meetings = self.meetings.saturating_sub(1);
        meets
    }

    fn put(&mut self, name: &Value, prepared: Vec<Prepared>, at: Duration) {
        let lag = self.lag;
        if let Some(table) = self.tables.get_mut(name.as_str().unwrap_or_default()) {
            table.write(prepared, at, lag);
        }
    }

    fn transact(&mut self, body: &Value, at: Duration) -> Result<Value, Refusal> {
        if self.in_progress > 0 {
            self.in_progress -= 1;
            let text = "The transaction with the given request token is already in progress";
            return Err(Refusal::Error("TransactionInProgressException", text.to_owned()));
        }
        let token = body["ClientRequestToken"].as_str().unwrap_or_default().to_owned();
        if token.is_empty() || token.len() > 36 {
            return Err(invalid(format!("token {token:?} has not 1 to 36 characters")));
        }
        self.tokens.retain(|_, (_, first)| at < *first + TOKEN_LIFE);
        match self.tokens.get(&token) {
            Some((known, _)) if known == body => return Ok(json!({})),
            Some(_) => {
                let text = format!("token {token} was used with other parameters");
                return Err(Refusal::Error("IdempotentParameterMismatchException", text));
            }
            None => {}
        }
        let (table, prepared) = self.prepare(body)?;
        self.put(&table, prepared, at);
        self.tokens.insert(token, (body.clone(), at));
        Ok(json!({}))
    }

    /// All writes of a transaction, checked. This fake has them in one table.
    fn prepare(&mut self, body: &Value) -> Result<(Value, Vec<Prepared>), Refusal> {
        let items = body["TransactItems"].as_array().cloned().unwrap_or_default();
        if items.is_empty() || items.len() > MOST_WRITES {
            return Err(invalid(format!("a transaction has 1 to 100 writes, not {}", items.len())));
        }
        let (mut name, mut prepared, mut codes) = (Value::Null, Vec::new(), Vec::new());
        for item in &items {
            let one = item.as_object().filter(|kinds| kinds.len() == 1);
            let (kind, write) = one
                .and_then(|kinds| kinds.iter().next())
                .ok_or_else(|| invalid("each part of a transaction is one write".to_owned()))?;
            if !name.is_null() && name != write["TableName"] {
                return Err(invalid("this fake has one table a transaction".to_owned()));
            }
            name = write["TableName"].clone();
            codes.push(match self.table(write)?.prepare(kind, write) {
                Ok(one) => {
                    prepared.push(one);
                    "None"
                }
                Err(Refusal::Unmet) => "ConditionalCheckFailed",
                Err(refusal) => return Err(refusal),
            });
        }
        let mut keys: Vec<_> = prepared.iter().map(|one| &one.key).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.len() < prepared.len() {
            let text = "Transaction request cannot include multiple operations on one item";
            return Err(invalid(text.to_owned()));
        }
        if codes.iter().any(|code| *code != "None") {
            return Err(Refusal::Cancelled(codes));
        }
        if self.takes_a_meeting() {
            codes[0] = "TransactionConflict";
            return Err(Refusal::Cancelled(codes));
        }
        Ok((name, prepared))
    }

    /// A batch of deletions; a fault leaves all but so many undone.
    fn batch(&mut self, body: &Value, request: &Request) -> Result<Value, Refusal> {
        let tables = body["RequestItems"].as_object().cloned().unwrap_or_default();
        let mut undone = serde_json::Map::new();
        for (name, writes) in &tables {
            let writes = writes.as_array().cloned().unwrap_or_default();
            if writes.is_empty() || writes.len() > MOST_BATCHED {
                return Err(invalid(format!("a batch has 1 to 25 writes, not {}", writes.len())));
            }
            let (now, later) =
                writes.split_at(request.page.unwrap_or(writes.len()).min(writes.len()));
            for write in now {
                let delete = &write["DeleteRequest"];
                if delete.is_null() {
                    return Err(invalid("this fake deletes in batches, and no more".to_owned()));
                }
                let delete = json!({ "TableName": name, "Key": delete["Key"] });
                let prepared = self.table(&delete)?.prepare("Delete", &delete)?;
                self.put(&json!(name), vec![prepared], request.at);
            }
            if !later.is_empty() {
                undone.insert(name.clone(), json!(later));
            }
        }
        Ok(json!({ "UnprocessedItems": undone }))
    }
}

impl Service for Dynamo {
    const MODEL: &'static str = "dynamodb";
    const PROTOCOL: Protocol = Protocol::Json10;

    fn writes(operation: &str) -> bool {
        !matches!(operation, "GetItem" | "Query" | "DescribeTable")
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        match self.carry_out(operation, request) {
            Ok(reply) => Reply::rpc_json(Self::PROTOCOL, &reply),
            Err(Refusal::Unmet) => {
                let text = "The conditional request failed";
                Self::PROTOCOL.error(400, "ConditionalCheckFailedException", text)
            }
            Err(Refusal::Error(code, text)) => Self::PROTOCOL.error(400, code, &text),
            Err(Refusal::Cancelled(codes)) => cancelled(&codes),
        }
    }
}

fn cancelled(codes: &[&str]) -> Reply {
    let reasons: Vec<Value> = codes.iter().map(|code| json!({ "Code": code })).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", "),
    );
    let members = json!({
        "__type": "TransactionCanceledException",
        "Message": message,
        "CancellationReasons": reasons,
    });
    Dynamo::PROTOCOL.error_with(400, "TransactionCanceledException", &members)
}
