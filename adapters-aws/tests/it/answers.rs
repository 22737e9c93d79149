//! Answers that say something else than was asked for, or lack a part: no adapter takes one for what it
//! wants to hear.

use std::sync::Arc;

use serde_json::{Value, json};
use tidegate_aws::{
    alb::{AlbOptions, AlbRoute, AlbRoutes},
    codedeploy::{CodeDeploy, CodeDeployOptions},
    fakes::{
        Fake, Fault, Service, When,
        alb::{self as elb, LoadBalancing},
        codedeploy::{self as deploy, Compute},
        lambda::{FUNCTION, Lambda},
        lattice::{self as vpc, Lattice},
    },
    lambda::LambdaAlias,
    lattice::{LatticeRoute, LatticeRoutes},
};
use tidegate_core::{DeploymentActions, FailureKind, PortError, TrafficShifter, Weight};

use crate::{
    codedeploy::{artifacts, name},
    support::{account, both, call, fixed, percent, settle, sought, told},
};

/// From now on each answer of an operation has one text in place of another.
fn instead<S: Service>(
    fake: &Fake<S>,
    operation: &'static str,
    own: &'static str,
    other: &'static str,
) {
    let edit = move |text: &str| {
        assert!(text.contains(own), "{operation} does not answer {own}: {text}");
        text.replace(own, other)
    };
    fake.fault(operation, When::From(1), Fault::OtherAnswer(Arc::new(edit)));
}

/// From now on each list of this name in an answer lacks its first item.
fn without_first<S: Service>(fake: &Fake<S>, operation: &'static str, list: &'static str) {
    let edit = move |text: &str| {
        let mut answer: Value = serde_json::from_str(text).unwrap();
        answer[list].as_array_mut().unwrap().remove(0);
        answer.to_string()
    };
    fake.fault(operation, When::From(1), Fault::OtherAnswer(Arc::new(edit)));
}

fn failed<T: std::fmt::Debug>(outcome: Result<T, PortError>, kind: FailureKind, says: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind, kind, "{}", told(&error));
    assert!(told(&error).contains(says), "{}", told(&error));
}

fn load_balancer(fake: &Fake<LoadBalancing>) -> AlbRoutes {
    let routes = vec![AlbRoute::Rule(elb::rule_arn("checkout"))];
    let placement = fixed(&elb::group_arn("blue"), &elb::group_arn("green"));
    let routes = AlbRoutes::new(&fake.client(), &account(), routes, placement).unwrap();
    routes.with_options(AlbOptions { healthy_targets: 0, ..AlbOptions::default() })
}

fn lattice(fake: &Fake<Lattice>) -> LatticeRoutes {
    let route = LatticeRoute {
        service: vpc::SERVICE.to_owned(),
        listener: vpc::LISTENER.to_owned(),
        rule: Some(vpc::rule_id("checkout")),
    };
    let placement = fixed(&vpc::group_arn("blue"), &vpc::group_arn("green"));
    LatticeRoutes::new(&fake.client(), &account(), vec![route], placement).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_router_that_answers_other_weights_than_were_sent_has_an_unknown_outcome() {
    let says = "somebody else has written";
    let fake = Fake::new(LoadBalancing::blue_and_green());
    instead(&fake, "ModifyRule", "<Weight>10<", "<Weight>11<");
    let shifted = load_balancer(&fake).shift(&call(1, 0), percent(10), None).await;
    failed(shifted, FailureKind::Ambiguous, says);

    let fake = Fake::new(Lattice::blue_and_green());
    instead(&fake, "UpdateRule", "\"weight\":10", "\"weight\":11");
    let shifted = lattice(&fake).shift(&call(1, 0), percent(10), None).await;
    failed(shifted, FailureKind::Ambiguous, says);

    let fake = Fake::new(Lambda::live());
    let alias = LambdaAlias::new(&fake.client(), &account(), FUNCTION, "live");
    let read = TrafficShifter::observe(&alias, &"checkout".into(), &both()).await.unwrap();
    instead(&fake, "UpdateAlias", "\"FunctionVersion\":\"1\"", "\"FunctionVersion\":\"3\"");
    let shifted = alias.shift(&call(1, 0), percent(10), read.routes[0].version.as_ref()).await;
    failed(shifted, FailureKind::Ambiguous, "was sent");
}

#[tokio::test(start_paused = true)]
async fn a_lattice_rule_without_its_action_or_with_an_unknown_one_says_nothing_of_weights() {
    for (own, other, kind) in [
        ("\"action\":", "\"novel-member\":", FailureKind::Retryable),
        ("\"forward\":", "\"novel-action\":", FailureKind::Permanent),
    ] {
        let fake = Fake::new(Lattice::blue_and_green());
        instead(&fake, "GetRule", own, other);
        failed(lattice(&fake).observe(&"checkout".into(), &both()).await, kind, "action");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lattice_group_that_is_alone_has_everything_whatever_its_weight() {
    for weight in [json!(0), json!(7), Value::Null] {
        let fake = Fake::new(Lattice::blue_and_green());
        let mut action = vpc::forward(&[("green", 1)]);
        action["forward"]["targetGroups"][0]["weight"] = weight.clone();
        fake.with(|state| state.add_rule("checkout", action));
        let read = lattice(&fake).observe(&"checkout".into(), &both()).await.unwrap();
        assert_eq!(read.routes[0].split.of_arms(), Weight::FULL, "{weight}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deployment_or_target_that_was_asked_for_and_not_answered_is_missed() {
    let open = async |fake: &Fake<deploy::CodeDeploy>| {
        let options = CodeDeployOptions::default();
        CodeDeploy::open(&fake.client(), &account(), name(), artifacts(), options).await.unwrap()
    };
    let fake = Fake::new(deploy::CodeDeploy::in_group(Compute::InPlace));
    let group = open(&fake).await;
    // A deployment that has not begun has no targets.
    settle().await;
    without_first(&fake, "BatchGetDeploymentTargets", "deploymentTargets");
    let read = TrafficShifter::observe(&group, &"checkout".into(), &both()).await;
    failed(read, FailureKind::Retryable, "10 targets were asked for, 9 read");
    fake.heal();
    without_first(&fake, "BatchGetDeployments", "deploymentsInfo");
    let group = open(&fake).await;
    let looked = group.platform(&sought(&call(1, 0))).await;
    failed(looked, FailureKind::Retryable, "is not in the answer");
    failed(group.start(&call(1, 0)).await, FailureKind::Retryable, "is not in the answer");
    assert_eq!(fake.carried_out("CreateDeployment"), 0);
}
