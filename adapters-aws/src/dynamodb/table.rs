//! The table as the journal uses it: one call is one request, sent once.
//!
//! It must not know what items stand for, nor what a condition that is not met means.

use std::{
    error::Error as StdError,
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
};

use aws_sdk_dynamodb::{
    Client,
    error::BuildError,
    operation::create_table::builders::CreateTableFluentBuilder,
    types::{DeleteRequest, ReturnValue, TableDescription, WriteRequest},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tidegate_core::{PortError, Span};

use super::{
    expression::Terms,
    failed::{Failed, TRIES},
    item::{Item, Key},
    select::Select,
    write::{Write, keys},
};
use crate::{
    account::{Account, Bounded, Channel, bounded_client},
    error::{
        Class::{self, Conflict, Later, Refused, Throttled},
        Effect, Operation, code_of,
    },
    limiter::Quota,
    pause::jittered,
    port::refused,
};

/// DynamoDB's limit of one item, 400 KB, less room for what [`super::item::size`] does not count.
const LARGEST_ITEM: usize = 396 * 1_024;
/// DynamoDB's limit of one transaction, 4 MB, less the same.
const LARGEST_TRANSACTION: usize = 3_600 * 1_024;
/// DynamoDB's limit of one transaction, in items.
pub(super) const MOST_WRITES: usize = 100;
/// DynamoDB's limit of one batch, in items.
const MOST_DELETES: usize = 25;

/// The first pause after a meeting: another transaction takes some ten milliseconds.
const PAUSE_MS: u64 = 20;

/// A table on demand takes 4 000 writes a second at first, and a partition of it 1 000; what is written in a
/// transaction counts twice.
const READS: Quota = Quota { family: "journal reads", burst: 1_000, per_second: 1_000 };
const WRITES: Quota = Quota { family: "journal writes", burst: 500, per_second: 500 };
/// By itself, so that no heartbeat waits behind commits that were throttled.
pub(super) const LEASES: Quota = Quota { family: "journal leases", burst: 20, per_second: 20 };
/// Requests that are about the table and not about what is in it.
const ABOUT: Quota = Quota { family: "table", burst: 5, per_second: 1 };

const REFUSALS: &[(&str, Class)] = &[
    ("ConditionalCheckFailedException", Conflict),
    ("IdempotentParameterMismatchException", Refused),
    ("ItemCollectionSizeLimitExceededException", Refused),
    ("LimitExceededException", Later),
    ("ProvisionedThroughputExceededException", Throttled),
    ("ResourceInUseException", Later),
    (MISSING, Refused),
    ("TransactionCanceledException", Conflict),
    ("TransactionConflictException", Later),
];

/// What DynamoDB answers about a table that is not there.
pub(super) const MISSING: &str = "ResourceNotFoundException";

const fn operation(name: &'static str, effect: Effect) -> Operation {
    Operation { service: "dynamodb", name, effect, refusals: REFUSALS }
}

const GET: Operation = operation("GetItem", Effect::Reads);
const QUERY: Operation = operation("Query", Effect::Reads);
const DESCRIBE: Operation = operation("DescribeTable", Effect::Reads);
const CREATE: Operation = operation("CreateTable", Effect::Writes);
const PUT: Operation = operation("PutItem", Effect::Writes);
const UPDATE: Operation = operation("UpdateItem", Effect::Writes);
const DELETE: Operation = operation("DeleteItem", Effect::Writes);
const DELETE_ALL: Operation = operation("BatchWriteItem", Effect::Writes);
const TRANSACT: Operation = operation("TransactWriteItems", Effect::Writes);

/// Items, and where the next page begins.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    pub(super) next: Option<Item>,
}

/// One table of one account and region.
#[derive(Debug)]
pub(super) struct Table {
    client: Bounded<Client>,
    channel: Channel,
    pub(super) name: String,
    /// Whether it was gone: what stands in its place since may be another, restored from a backup.
    was_missing: AtomicBool,
}

impl Table {
    pub(super) fn new(client: &Client, account: &Account, name: String) -> Self {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let client = bounded_client!(Client, client, account);
        Self { client, channel, name, was_missing: AtomicBool::new(false) }
    }

    async fn send<T, E>(
        &self,
        operation: Operation,
        quota: Quota,
        action: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failed>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let reply = self.channel.send(operation, quota, action, request).await;
        reply.map_err(|error| {
            if code_of(&error) == Some(MISSING) {
                self.note_missing();
            }
            Failed::new(error)
        })
    }

    /// Remembers that the table was gone.
    pub(super) fn note_missing(&self) {
        self.was_missing.store(true, Ordering::SeqCst);
    }

    /// Whether the table was gone since this was last asked.
    pub(super) fn was_missing(&self) -> bool {
        self.was_missing.swap(false, Ordering::SeqCst)
    }

    pub(super) async fn describe(&self) -> Result<Option<TableDescription>, Failed> {
        let action = format!("describe table {}", self.name);
        let request = self.client.describe_table().table_name(&self.name).send();
        let reply = self.send(DESCRIBE, ABOUT, &action, request).await;
        Ok(reply?.table)
    }

    /// A request for this table to be made.
    pub(super) fn create(&self) -> CreateTableFluentBuilder {
        self.client.create_table().table_name(&self.name)
    }

    pub(super) async fn creating(&self, create: CreateTableFluentBuilder) -> Result<(), Failed> {
        let action = format!("create table {}", self.name);
        let reply = self.send(CREATE, ABOUT, &action, create.send()).await;
        reply.map(|_| ())
    }

    /// One item, as the last write that was answered left it.
    pub(super) async fn get(&self, key: Key) -> Result<Option<Item>, Failed> {
        let action = format!("read {}/{} of table {}", key.partition, key.sort, self.name);
        let request = self.client.get_item().table_name(&self.name).consistent_read(true);
        let request = request.set_key(Some(keys(key))).send();
        let reply = self.send(GET, READS, &action, request).await;
        Ok(reply?.item)
    }

    /// One page, from where the page before ended.
    pub(super) async fn page(&self, select: &Select, from: Option<Item>) -> Result<Page, Failed> {
        let action = format!("read from table {}", self.name);
        let mut terms = Terms::default();
        let condition = select.condition(&mut terms);
        let projection = select.projection(&mut terms);
        let request = self.client.query().table_name(&self.name);
        let request = request.set_index_name(select.index.map(ToOwned::to_owned));
        let request = request.consistent_read(select.index.is_none());
        let request = request.key_condition_expression(condition);
        let request = request.set_projection_expression(projection);
        let request = request.set_expression_attribute_names(terms.names());
        let request = request.set_expression_attribute_values(terms.values());
        let request = request.scan_index_forward(!select.backwards).set_limit(select.page);
        let request = request.set_exclusive_start_key(from).send();
        let reply = self.send(QUERY, READS, &action, request).await?;
        Ok(Page { items: reply.items.unwrap_or_default(), next: reply.last_evaluated_key })
    }

    /// All pages.
    pub(super) async fn all(&self, select: &Select) -> Result<Vec<Item>, Failed> {
        let (mut items, mut from) = (Vec::new(), None);
        loop {
            let page = self.page(select, from).await?;
            items.extend(page.items);
            from = page.next;
            if from.is_none() {
                return Ok(items);
            }
        }
    }

    /// Writes one item. What it then is, where an update changed it.
    pub(super) async fn write(&self, write: Write, quota: Quota) -> Result<Option<Item>, Failed> {
        let mut meeting = 0;
        loop {
            match self.write_once(write.clone(), quota).await {
                Err(Failed::Met(error)) => meeting = self.met(meeting, error).await?,
                done => return done,
            }
        }
    }

    async fn write_once(&self, write: Write, quota: Quota) -> Result<Option<Item>, Failed> {
        check_size(write.size(), LARGEST_ITEM)?;
        let mut terms = Terms::default();
        let action = format!("write to table {}", self.name);
        match write {
            Write::Put(item, condition) => {
                let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
                let put = put.set_condition_expression(condition.expression(&mut terms));
                let put = put.set_expression_attribute_names(terms.names());
                let put = put.set_expression_attribute_values(terms.values()).send();
                let reply = self.send(PUT, quota, &action, put).await;
                reply?;
                Ok(None)
            }
            Write::Update(key, change, condition) => {
                let update = self.client.update_item().table_name(&self.name);
                let update = update.set_key(Some(keys(key)));
                let update = update.update_expression(change.expression(&mut terms));
                let update = update.set_condition_expression(condition.expression(&mut terms));
                let update = update.set_expression_attribute_names(terms.names());
                let update = update.set_expression_attribute_values(terms.values());
                let update = update.return_values(ReturnValue::AllNew).send();
                let reply = self.send(UPDATE, quota, &action, update).await;
                Ok(reply?.attributes)
            }
            Write::Delete(key, condition) => {
                let delete = self.client.delete_item().table_name(&self.name);
                let delete = delete.set_key(Some(keys(key)));
                let delete = delete.set_condition_expression(condition.expression(&mut terms));
                let delete = delete.set_expression_attribute_names(terms.names());
                let delete = delete.set_expression_attribute_values(terms.values()).send();
                let reply = self.send(DELETE, quota, &action, delete).await;
                reply?;
                Ok(None)
            }
            check @ Write::Check(..) => self.transact_once(&[check], None).await.map(|()| None),
        }
    }

    /// All of these writes or none, at most [`MOST_WRITES`].
    pub(super) async fn transact(&self, writes: &[Write]) -> Result<(), Failed> {
        let mut meeting = 0;
        loop {
            match self.transact_once(writes, None).await {
                Err(Failed::Met(error)) => meeting = self.met(meeting, error).await?,
                done => return done,
            }
        }
    }

    /// The same, sent once. DynamoDB carries out one transaction of a `token`, however often it
    /// arrives, for ten minutes.
    pub(super) async fn transact_once(
        &self,
        writes: &[Write],
        token: Option<String>,
    ) -> Result<(), Failed> {
        for write in writes {
            check_size(write.size(), LARGEST_ITEM)?;
        }
        check_size(writes.iter().map(Write::size).sum(), LARGEST_TRANSACTION)?;
        let action = format!("write {} items of table {} at once", writes.len(), self.name);
        let items = writes.iter().map(|write| write.clone().in_transaction(&self.name));
        let items = items.collect::<Result<Vec<_>, _>>();
        let items = items.map_err(|error| unbuilt(&action, error))?;
        let request = self.client.transact_write_items().set_transact_items(Some(items));
        let request = request.set_client_request_token(token).send();
        let reply = self.send(TRANSACT, WRITES, &action, request).await;
        reply.map(|_| ())
    }

    /// Another write of the same item was under way: waits, a little longer each time, or gives up.
    pub(super) async fn met(&self, meeting: u32, error: PortError) -> Result<u32, Failed> {
        if meeting + 1 >= TRIES {
            return Err(Failed::Met(error));
        }
        let pause = Span(PAUSE_MS * u64::from(meeting + 1));
        tokio::time::sleep(jittered(pause)).await;
        Ok(meeting + 1)
    }

    /// Deletes items, in any order, not all at once.
    pub(super) async fn delete_all(&self, doomed: Vec<Key>) -> Result<(), Failed> {
        let action = format!("delete items of table {}", self.name);
        let delete = |key: Key| {
            let delete = DeleteRequest::builder().set_key(Some(keys(key))).build()?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        };
        let left: Result<Vec<_>, BuildError> = doomed.into_iter().map(delete).collect();
        let mut left = left.map_err(|error| unbuilt(&action, error))?;
        while !left.is_empty() {
            let now: Vec<_> = left.drain(..left.len().min(MOST_DELETES)).collect();
            let request = self.client.batch_write_item().request_items(&self.name, now).send();
            let reply = self.send(DELETE_ALL, WRITES, &action, request).await;
            let undone = reply?.unprocessed_items.unwrap_or_default();
            left.extend(undone.into_values().flatten());
        }
        Ok(())
    }
}

fn unbuilt(action: &str, error: BuildError) -> Failed {
    Failed::Before(refused(action, error.to_string()))
}

fn check_size(bytes: usize, most: usize) -> Result<(), Failed> {
    if bytes > most { Err(Failed::TooLarge { bytes, most }) } else { Ok(()) }
}
