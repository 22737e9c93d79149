//! Elastic Load Balancing on moto: a rule and a default action. moto's targets are always healthy.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use tidegate_aws::{
    Class,
    alb::{AlbRoute, AlbRoutes},
    sdk::elasticloadbalancingv2::{
        Client,
        types::{
            Action, ActionTypeEnum, ForwardActionConfig, ProtocolEnum, RuleCondition,
            TargetDescription, TargetGroupTuple, TargetTypeEnum,
        },
    },
};
use tidegate_core::{TrafficShifter, Weight};

use tidegate_aws::client_at;

use super::{account, moto};
use crate::support::{both, call, class, fixed, percent};

/// The subnets and the VPC that moto begins with. Asked in plain HTTP: nothing else here needs EC2.
fn network() -> (Vec<String>, String) {
    let endpoint = moto();
    let host = endpoint.trim_start_matches("http://");
    let body = "Action=DescribeSubnets&Version=2016-11-15";
    let scope = "AWS4-HMAC-SHA256 Credential=fake/20261121/eu-central-1/ec2/aws4_request";
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {host}\r\nAuthorization: {scope}, SignedHeaders=host, Signature=0\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let values = |tag: &str| {
        let opening = format!("<{tag}>");
        let parts = answer.split(&opening).skip(1).filter_map(|rest| rest.split('<').next());
        parts.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    (values("subnetId"), values("vpcId").remove(0))
}

async fn target_group(client: &Client, name: &str, vpc: &str) -> String {
    let request = client.create_target_group().name(name).protocol(ProtocolEnum::Http).port(80);
    let made = request.vpc_id(vpc).target_type(TargetTypeEnum::Ip).send().await.unwrap();
    let arn = made.target_groups()[0].target_group_arn().unwrap().to_owned();
    let target = TargetDescription::builder().id("10.0.0.7").port(80).build();
    client.register_targets().target_group_arn(&arn).targets(target).send().await.unwrap();
    arn
}

fn forward(groups: &[(&str, i32)]) -> Action {
    let tuple = |(arn, weight): &(&str, i32)| {
        TargetGroupTuple::builder().target_group_arn(*arn).weight(*weight).build()
    };
    let tuples = groups.iter().map(tuple).collect();
    let config = ForwardActionConfig::builder().set_target_groups(Some(tuples)).build();
    Action::builder().r#type(ActionTypeEnum::Forward).forward_config(config).build()
}

#[tokio::test]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn rules_and_default_actions_get_other_weights() {
    let client = client_at!(elasticloadbalancingv2, moto());
    let (subnets, vpc) = network();
    let (blue, green) =
        (target_group(&client, "blue", &vpc).await, target_group(&client, "green", &vpc).await);
    let made = client.create_load_balancer().name("shop").set_subnets(Some(subnets)).send().await;
    let balancer = made.unwrap().load_balancers()[0].load_balancer_arn().unwrap().to_owned();
    let action = forward(&[(&blue, 100), (&green, 0)]);
    let request = client.create_listener().load_balancer_arn(balancer).port(80);
    let request = request.protocol(ProtocolEnum::Http).default_actions(action.clone());
    let listener = request.send().await.unwrap();
    let listener = listener.listeners()[0].listener_arn().unwrap().to_owned();
    let path = RuleCondition::builder().field("path-pattern").values("/pay/*").build();
    let request = client.create_rule().listener_arn(&listener).priority(5).conditions(path.clone());
    let rule = request.actions(action).send().await.unwrap();
    let rule = rule.rules()[0].rule_arn().unwrap().to_owned();

    let routes = vec![AlbRoute::Rule(rule.clone()), AlbRoute::Listener(listener)];
    let routes = AlbRoutes::new(&client, &account(), routes, fixed(&blue, &green)).unwrap();
    for (n, route, share) in [(1, 0, 20), (2, 1, 35), (3, 0, 100), (4, 1, 0)] {
        routes.shift(&call(n, route), percent(share), None).await.unwrap();
        let reading = routes.observe(&"checkout".into(), &both()).await.unwrap();
        let seen = reading.routes[usize::from(route)].split.of_arms();
        assert_eq!(seen, Weight::percent(share), "move {n}");
    }
    let kept = client.describe_rules().rule_arns(rule.clone()).send().await.unwrap();
    assert_eq!(kept.rules()[0].priority(), Some("5"));
    assert_eq!(kept.rules()[0].conditions()[0].values(), ["/pay/*"]);
    let gone = vec![AlbRoute::Rule(format!("{rule}0"))];
    let gone = AlbRoutes::new(&client, &account(), gone, fixed(&blue, &green)).unwrap();
    let error = gone.observe(&"checkout".into(), &both()).await.unwrap_err();
    assert_eq!(class(&error), Some(Class::Refused));
}
