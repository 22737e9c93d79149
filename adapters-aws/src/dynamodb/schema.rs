//! The table itself: what it has to be, and how to make one.

use aws_sdk_dynamodb::{
    Client,
    error::BuildError,
    operation::create_table::builders::CreateTableFluentBuilder,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
        Projection, ProjectionType, ScalarAttributeType, TableDescription, TableStatus,
    },
};
use tidegate_core::Span;

use super::{
    ConnectError,
    failed::Failed,
    item::{PARTITION, SORT},
    keys::{LANE, TARGET, WAKE, WORK},
    table::{MISSING, Table},
};
use crate::{account::Account, error::code_of, pause::jittered, port::refused};

/// How often a new table is asked whether it is there.
const POLL: Span = Span::seconds(2);
/// It is there within a minute, mostly in seconds.
const POLLS: u32 = 60;

/// Makes a table for a journal, paid by request, and waits until it can be used.
///
/// Turn point-in-time recovery and deletion protection on besides: neither is done here, and without a
/// backup there is nothing to restore.
///
/// # Errors
/// When there is a table of this name, or the account may not make one.
pub async fn create_table(
    client: &Client,
    account: &Account,
    name: impl Into<String>,
) -> Result<(), ConnectError> {
    let table = Table::new(client, account, name.into());
    let action = format!("describe the table {} that is to be made", table.name);
    let request = definition(table.create())
        .map_err(|error| Failed::Before(refused(&action, error.to_string())).of_all())?;
    table.creating(request).await.map_err(Failed::of_all)?;
    for _ in 0..POLLS {
        match description(&table).await {
            Ok(table) if table.table_status == Some(TableStatus::Active) => return Ok(()),
            // What was just made may not be listed yet.
            Ok(_) | Err(ConnectError::Missing(_)) => tokio::time::sleep(jittered(POLL)).await,
            Err(error) => return Err(error),
        }
    }
    let why = "it is not active yet".to_owned();
    Err(ConnectError::Unsuitable { table: table.name, why })
}

fn definition(create: CreateTableFluentBuilder) -> Result<CreateTableFluentBuilder, BuildError> {
    use ScalarAttributeType::{N, S};
    let attribute = |name: &str, kind: ScalarAttributeType| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
    };
    let key =
        |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let projection = Projection::builder().projection_type(ProjectionType::Include);
    let work = GlobalSecondaryIndex::builder()
        .index_name(WORK)
        .key_schema(key(LANE, KeyType::Hash)?)
        .key_schema(key(WAKE, KeyType::Range)?)
        .projection(projection.non_key_attributes(TARGET).build());
    Ok(create
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(PARTITION, S)?)
        .attribute_definitions(attribute(SORT, S)?)
        .attribute_definitions(attribute(LANE, S)?)
        .attribute_definitions(attribute(WAKE, N)?)
        .key_schema(key(PARTITION, KeyType::Hash)?)
        .key_schema(key(SORT, KeyType::Range)?)
        .global_secondary_indexes(work.build()?))
}

async fn description(table: &Table) -> Result<TableDescription, ConnectError> {
    let missing = || ConnectError::Missing(table.name.clone());
    match table.describe().await {
        Ok(found) => found.ok_or_else(missing),
        Err(Failed::Before(error)) if code_of(&error) == Some(MISSING) => Err(missing()),
        Err(failed) => Err(failed.of_all().into()),
    }
}

/// The id of a table that a journal can be in: a restore makes another.
pub(super) async fn table_id(table: &Table) -> Result<String, ConnectError> {
    let found = description(table).await?;
    let unsuitable =
        |why: &str| ConnectError::Unsuitable { table: table.name.clone(), why: why.to_owned() };
    if !has_keys(found.key_schema(), PARTITION, SORT) {
        return Err(unsuitable("its keys are not `pk` and `sk`"));
    }
    let work = found.global_secondary_indexes().iter();
    let mut work = work.filter(|index| index.index_name() == Some(WORK));
    if !work.any(|index| has_keys(index.key_schema(), LANE, WAKE)) {
        return Err(unsuitable("it has no index `work` with keys `lane` and `wake`"));
    }
    if !found.replicas().is_empty() {
        return Err(unsuitable("it is a global table, whose replicas overwrite each other"));
    }
    found.table_id.ok_or_else(|| unsuitable("it has no id, so a restore would not be noticed"))
}

fn has_keys(schema: &[KeySchemaElement], hash: &str, range: &str) -> bool {
    let is = |at: usize, name: &str, kind: &KeyType| {
        schema.get(at).is_some_and(|key| key.attribute_name == name && key.key_type == *kind)
    };
    schema.len() == 2 && is(0, hash, &KeyType::Hash) && is(1, range, &KeyType::Range)
}
