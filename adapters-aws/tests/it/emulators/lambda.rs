//! Lambda on ministack, which compares revision ids as AWS does.

use std::time::Duration;

use tidegate_aws::{
    Class,
    lambda::LambdaAlias,
    sdk::lambda::{
        Client,
        client::Waiters,
        primitives::Blob,
        types::{FunctionCode, Runtime},
    },
};
use tidegate_core::{FailureKind, TrafficShifter, Version, Weight};

use tidegate_aws::client_at;

use super::{account, ministack};
use crate::support::{both, call, class, percent};

const FUNCTION: &str = "checkout";

/// An archive without a file in it: the end of a central directory, as "APPNOTE" 4.3.16 has it.
fn empty_archive() -> Blob {
    let mut bytes = b"PK\x05\x06".to_vec();
    bytes.resize(22, 0);
    Blob::new(bytes)
}

async fn publish(client: &Client, description: &str) {
    let request = client.publish_version().function_name(FUNCTION).description(description);
    request.send().await.unwrap();
}

/// Versions 1 and 2, and an alias on the first.
async fn function() -> Client {
    let client = client_at!(lambda, ministack());
    let code = FunctionCode::builder().zip_file(empty_archive()).build();
    let request = client.create_function().function_name(FUNCTION).runtime(Runtime::Python312);
    let request = request.handler("main.handle").code(code);
    request.role("arn:aws:iam::123456789012:role/checkout").send().await.unwrap();
    publish(&client, "the first").await;
    // A version is published only where something has changed since the last.
    let change = client.update_function_configuration().function_name(FUNCTION);
    change.description("changed").send().await.unwrap();
    publish(&client, "the second").await;
    // New versions are pending for a moment, as they are on AWS.
    let active = client.wait_until_published_version_active().function_name(FUNCTION);
    active.qualifier("2").wait(Duration::from_secs(60)).await.unwrap();
    let alias = client.create_alias().function_name(FUNCTION).name("live").function_version("1");
    alias.send().await.unwrap();
    client
}

#[tokio::test]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn an_alias_is_shifted_with_its_revision_id_and_never_without() {
    let client = function().await;
    let alias = LambdaAlias::new(&client, &account(), FUNCTION, "live");
    let read = async || {
        let reading = TrafficShifter::observe(&alias, &"checkout".into(), &both()).await.unwrap();
        let route = reading.routes[0].clone();
        (route.split.of_arms(), route.version.unwrap())
    };
    let (share, first) = read().await;
    assert_eq!(share, Weight::ZERO);
    alias.shift(&call(1, 0), percent(10), Some(&first)).await.unwrap();
    let (share, second) = read().await;
    assert_eq!(share, Weight::percent(10));
    for old in [&first, &Version::from("never")] {
        let error = alias.shift(&call(2, 0), percent(20), Some(old)).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Conflict);
    }
    // Past the adapter's own comparison: the service refuses it as well.
    let stale = client.update_alias().function_name(FUNCTION).name("live").function_version("2");
    let stale = stale.revision_id(first.as_str()).send().await.unwrap_err();
    assert_eq!(stale.raw_response().map(|raw| raw.status().as_u16()), Some(412));
    alias.shift(&call(3, 0), percent(100), Some(&second)).await.unwrap();
    assert_eq!(read().await.0, Weight::FULL);
    let missing = LambdaAlias::new(&client, &account(), FUNCTION, "nowhere");
    let missing = TrafficShifter::observe(&missing, &"checkout".into(), &both()).await.unwrap_err();
    assert_eq!(class(&missing), Some(Class::Refused));
}
