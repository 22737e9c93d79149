//! App Mesh routes: weights change, and nothing else of any kind of route.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_aws::{
    Class,
    appmesh::{MeshRoute, MeshRoutes, RouteProtocol},
    fakes::{
        Fake, Fault, When,
        appmesh::{AppMesh, MESH, ROUTER, http, targets},
    },
};
use tidegate_core::{FailureKind, SafetyClass, Split, TrafficShifter, Weight};
use tidegate_mock::conformance::{self, TrafficSubject, assert_conforms};

use crate::support::{
    account, both, call, class, fixed, in_paused_time, percent, settle, survivable, told,
    wanted_of_a_write,
};

fn route(protocol: RouteProtocol) -> MeshRoute {
    MeshRoute {
        mesh: MESH.to_owned(),
        mesh_owner: None,
        router: ROUTER.to_owned(),
        route: "checkout".to_owned(),
        protocol,
    }
}

fn over(fake: &Fake<AppMesh>, route: MeshRoute) -> MeshRoutes {
    MeshRoutes::new(&fake.client(), &account(), vec![route], fixed("blue", "green")).unwrap()
}

fn over_http(fake: &Fake<AppMesh>) -> MeshRoutes {
    over(fake, route(RouteProtocol::Http))
}

async fn read(shifter: &MeshRoutes) -> Split {
    shifter.observe(&"checkout".into(), &both()).await.unwrap().routes[0].split
}

fn version(fake: &Fake<AppMesh>) -> i64 {
    fake.with(|state| state.version("checkout"))
}

#[tokio::test(start_paused = true)]
async fn a_route_keeps_every_law_of_traffic() {
    let make = async || {
        let fake = Fake::new(AppMesh::blue_and_green());
        let port = over_http(&fake);
        let interfere = move |weight: Weight| {
            let percent = u32::from(weight.bp() / 100);
            let spec = http(&[("blue", 100 - percent), ("green", percent)]);
            fake.with(|state| state.set("checkout", spec));
        };
        let (target, revisions) = ("checkout".into(), both());
        TrafficSubject { port, target, revisions, interfere: Some(Box::new(interfere)) }
    };
    assert_conforms(conformance::traffic(make).await);
}

#[tokio::test(start_paused = true)]
async fn tokens_do_not_order_so_a_shift_is_a_bare_set() {
    let fake = Fake::new(AppMesh::blue_and_green());
    let shifter = over_http(&fake);
    assert_eq!(shifter.ability().shift.class, SafetyClass::BareSet);
    // 10, 20, 10: the second 10 is no repeat of the first.
    for (n, to) in [(1, 10), (2, 20), (3, 10)] {
        shifter.shift(&call(n, 0), percent(to), None).await.unwrap();
        assert_eq!(read(&shifter).await, percent(to));
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_is_removed_by_its_token_and_is_no_interference() {
    let fake = Fake::new(AppMesh::blue_and_green());
    let shifter = over_http(&fake);
    fake.fault("UpdateRoute", When::Nth(1), Fault::ReplyLost);
    let error = shifter.shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Ambiguous);
    let after_first = version(&fake);
    shifter.shift(&call(1, 0), percent(10), None).await.unwrap();
    assert_eq!(version(&fake), after_first, "the repeat changed something");
}

#[tokio::test(start_paused = true)]
async fn whatever_befalls_a_write_is_typed_by_what_is_known_and_the_next_write_sets_it_right() {
    for fault in survivable() {
        let fake = Fake::new(AppMesh::blue_and_green());
        let shifter = over_http(&fake);
        fake.fault("UpdateRoute", When::Nth(1), fault.clone());
        let outcome = shifter.shift(&call(1, 0), percent(10), None).await;
        let kind = outcome.as_ref().err().map(|error| error.kind);
        assert_eq!(kind, wanted_of_a_write(&fault), "{fault:?}");
        settle().await;
        shifter.shift(&call(2, 0), percent(20), None).await.unwrap();
        assert_eq!(read(&shifter).await, percent(20), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_move_that_is_repeated_on_a_route_that_has_changed_is_no_repeat_to_the_service() {
    let fake = Fake::new(AppMesh::blue_and_green());
    let shifter = over_http(&fake);
    shifter.shift(&call(1, 0), percent(10), None).await.unwrap();
    let mut theirs = http(&[("blue", 100), ("green", 0)]);
    theirs["priority"] = json!(7);
    fake.with(|state| state.set("checkout", theirs));
    shifter.shift(&call(1, 0), percent(10), None).await.unwrap();
    assert_eq!(read(&shifter).await, percent(10));
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_other_weights_than_were_sent_is_an_unknown_outcome() {
    let fake = Fake::new(AppMesh::blue_and_green());
    let edit = |text: &str| text.replace("\"weight\":10", "\"weight\":11");
    fake.fault("UpdateRoute", When::Nth(1), Fault::OtherAnswer(Arc::new(edit)));
    let error = over_http(&fake).shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Ambiguous);
    assert!(told(&error).contains("another specification"), "{}", told(&error));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_wrote_in_between_is_noticed_by_the_version() {
    let theirs = Arc::new(|state: &mut AppMesh| {
        state.set("checkout", http(&[("blue", 50), ("green", 50)]));
    });
    let fake = Fake::new(AppMesh::blue_and_green());
    let shifter = over_http(&fake);
    fake.fault("UpdateRoute", When::Nth(1), Fault::ForeignBefore(theirs));
    let error = shifter.shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Ambiguous);
    let told = told(&error);
    assert!(told.contains("version 1 was read and version 3 answered"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_stale_reading_before_a_write_is_noticed_by_the_version() {
    let fake = Fake::new(AppMesh::blue_and_green());
    let shifter = over_http(&fake);
    shifter.shift(&call(1, 0), percent(10), None).await.unwrap();
    fake.fault("DescribeRoute", When::Nth(2), Fault::StaleRead);
    let error = shifter.shift(&call(2, 0), percent(20), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Ambiguous, "{}", told(&error));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_gone_is_told_apart_from_a_call_that_failed() {
    let fake = Fake::new(AppMesh::blue_and_green());
    let shifter = over_http(&fake);
    fake.fault("DescribeRoute", When::Nth(1), Fault::Gone);
    let error = shifter.shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Permanent, Some(Class::Gone)));
    fake.fault("DescribeRoute", When::Nth(2), Fault::NotSent);
    let error = shifter.shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Retryable, Some(Class::Unknown)));
    fake.with(|state| state.specs.clear());
    let error = shifter.shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Permanent, Some(Class::Refused)));
    // A write is never said to be surely not done by an answer that no model names.
    let fake = Fake::new(AppMesh::blue_and_green());
    fake.fault("UpdateRoute", When::Nth(1), Fault::Gone);
    let error = over_http(&fake).shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Ambiguous);
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_not_as_declared_is_left_alone() {
    let third = http(&[("blue", 90), ("green", 0), ("other", 10)]);
    let alone = http(&[("blue", 100)]);
    let twice = http(&[("blue", 50), ("blue", 50), ("green", 0)]);
    let tcp = json!({ "tcpRoute": { "action": { "weightedTargets": targets(&[("blue", 100)]) } } });
    for (spec, why) in [
        (third, "a target other, which is neither arm's"),
        (alone, "no target green; add it with weight 0"),
        (twice, "names node blue more than once"),
        (tcp, "http was declared"),
    ] {
        let fake = Fake::new(AppMesh::blue_and_green());
        fake.with(|state| state.nodes.push("other".to_owned()));
        fake.with(|state| state.set("checkout", spec.clone()));
        let error = over_http(&fake).shift(&call(1, 0), percent(10), None).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Permanent);
        assert!(told(&error).contains(why), "{}", told(&error));
        assert_eq!(fake.with(|state| state.specs["checkout"].clone()), spec);
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_that_is_not_active_is_not_shifted() {
    for (status, wanted) in [
        ("INACTIVE", FailureKind::Retryable),
        ("novel-status", FailureKind::Retryable),
        ("DELETED", FailureKind::Permanent),
    ] {
        let fake = Fake::new(AppMesh::blue_and_green());
        fake.with(|state| state.status = status.to_owned());
        let error = over_http(&fake).shift(&call(1, 0), percent(10), None).await.unwrap_err();
        assert_eq!(error.kind, wanted, "{status}: {}", told(&error));
        assert_eq!(fake.carried_out("UpdateRoute"), 0, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_mesh_is_addressed_by_its_owner() {
    let fake = Fake::new(AppMesh::blue_and_green());
    fake.with(|state| state.owner = "210987654321".to_owned());
    let error = over_http(&fake).shift(&call(1, 0), percent(10), None).await.unwrap_err();
    assert!(told(&error).contains("NotFoundException"), "{}", told(&error));
    let owned =
        MeshRoute { mesh_owner: Some("210987654321".to_owned()), ..route(RouteProtocol::Http) };
    let shifter = over(&fake, owned);
    shifter.shift(&call(1, 0), percent(10), None).await.unwrap();
    assert_eq!(read(&shifter).await, percent(10));
}

/// A route of one protocol with whatever a person may have said beside the weights.
fn spec(protocol: RouteProtocol) -> impl Strategy<Value = Value> {
    let http_match = prop_oneof![
        Just(json!({ "prefix": "/" })),
        Just(
            json!({ "path": { "exact": "/pay" }, "method": "POST", "scheme": "https", "port": 8443 })
        ),
        Just(json!({ "path": { "regex": "/a.*" }, "headers": [
            { "name": "x-tier", "invert": true, "match": { "range": { "start": 1, "end": 5 } } },
            { "name": "x-on", "match": { "prefix": "y" } },
        ], "queryParameters": [{ "name": "q", "match": { "exact": "1" } }] })),
    ];
    let grpc_match = prop_oneof![
        Just(json!({ "serviceName": "shop.Checkout", "methodName": "Pay" })),
        Just(json!({ "serviceName": "shop.Checkout", "port": 9000, "metadata": [
            { "name": "tier", "invert": false, "match": { "suffix": "gold" } },
        ] })),
    ];
    let second = json!({ "unit": "s", "value": 1 });
    let http_retry = json!({ "perRetryTimeout": second, "maxRetries": 3,
        "httpRetryEvents": ["server-error"], "tcpRetryEvents": ["connection-error"] });
    let mut grpc_retry = http_retry.clone();
    grpc_retry["grpcRetryEvents"] = json!(["unavailable", "internal"]);
    let timeout = json!({ "idle": second, "perRequest": { "unit": "ms", "value": 250 } });
    let (name, matching, retry, timeout) = match protocol {
        RouteProtocol::Http => ("httpRoute", http_match.boxed(), Some(http_retry), timeout),
        RouteProtocol::Http2 => ("http2Route", http_match.boxed(), Some(http_retry), timeout),
        RouteProtocol::Grpc => ("grpcRoute", grpc_match.boxed(), Some(grpc_retry), timeout),
        RouteProtocol::Tcp => {
            let port = Just(json!({ "port": 5432 })).boxed();
            ("tcpRoute", port, None, json!({ "idle": { "unit": "s", "value": 30 } }))
        }
    };
    let priority = prop::option::of(0..=1_000_i32);
    let port = prop::option::of(1..=65_535_u32);
    (matching, any::<[bool; 2]>(), priority, port, 0..=100_u32).prop_map(
        move |(matching, has, priority, port, green)| {
            let mut nodes = targets(&[("blue", 100 - green), ("green", green)]);
            if let Some(port) = port {
                nodes[1]["port"] = json!(port);
            }
            let mut inner = json!({ "match": matching, "action": { "weightedTargets": nodes } });
            if let Some(retry) = retry.clone().filter(|_| has[0]) {
                inner["retryPolicy"] = retry;
            }
            if has[1] {
                inner["timeout"] = timeout.clone();
            }
            let mut spec = json!({ name: inner });
            if let Some(priority) = priority {
                spec["priority"] = json!(priority);
            }
            spec
        },
    )
}

fn any_spec() -> impl Strategy<Value = (RouteProtocol, Value)> {
    prop::sample::select(RouteProtocol::ALL.to_vec())
        .prop_flat_map(|protocol| spec(protocol).prop_map(move |spec| (protocol, spec)))
}

fn without_weights(mut spec: Value) -> Value {
    for route in spec.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
        let targets = route.pointer_mut("/action/weightedTargets").and_then(Value::as_array_mut);
        targets.into_iter().flatten().for_each(|target| target["weight"] = Value::Null);
    }
    spec
}

async fn shifted(protocol: RouteProtocol, spec: Value, to: Weight) -> (Value, Split) {
    let fake = Fake::new(AppMesh::blue_and_green());
    fake.with(|state| state.set("checkout", spec));
    let shifter = over(&fake, route(protocol));
    shifter.shift(&call(1, 0), Split::candidate(to), None).await.unwrap();
    (fake.with(|state| state.specs["checkout"].clone()), read(&shifter).await)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_shift_loses_nothing_of_a_route(
        (protocol, spec) in any_spec(),
        percent in 0_u16..=100,
    ) {
        let to = Weight::percent(percent);
        let (after, seen) = in_paused_time(shifted(protocol, spec.clone(), to));
        prop_assert_eq!(without_weights(spec), without_weights(after));
        prop_assert_eq!(seen, Split::candidate(to));
    }
}
