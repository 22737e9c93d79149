//! Calls go out in time, in turn and once.

use std::time::Duration;

use tidegate_aws::{
    Account, CallLimits, Class,
    alb::{AlbOptions, AlbRoute, AlbRoutes},
    fakes::{
        Fake, Fault, When,
        alb::{LoadBalancing, group_arn, rule_arn},
        lambda::{FUNCTION, Lambda},
    },
    lambda::LambdaAlias,
};
use tidegate_core::{FailureKind, Span, TrafficShifter};
use tokio::time::Instant;

use crate::support::{account, both, call, class, fixed, percent, told};

fn shifter(fake: &Fake<LoadBalancing>, account: &Account) -> AlbRoutes {
    let routes = vec![AlbRoute::Rule(rule_arn("checkout"))];
    let placement = fixed(&group_arn("blue"), &group_arn("green"));
    AlbRoutes::new(&fake.client(), account, routes, placement)
        .unwrap()
        .with_options(AlbOptions { healthy_targets: 0, ..AlbOptions::default() })
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_never_answered_ends_at_its_limit_and_is_sent_once() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    // Shorter than the SDK's own patience with a connection that stalls.
    let limits = CallLimits { request: Span::seconds(2), ..CallLimits::default() };
    let shifter = shifter(&fake, &account().with_limits(limits));
    for fault in [Fault::Hang { lands: None }, Fault::ReplyLost, Fault::ServerError { after: true }]
    {
        fake.heal();
        fake.fault("ModifyRule", When::From(1), fault.clone());
        let before = fake.log().len();
        let began = Instant::now();
        let error = shifter.shift(&call(1, 0), percent(10), None).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Ambiguous, "{fault:?}: {}", told(&error));
        assert_eq!(fake.log().len() - before, 2, "{fault:?}: one reading, one writing");
        assert!(began.elapsed() <= Duration::from_secs(3), "{fault:?}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn adapters_of_one_account_wait_in_one_queue() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    let account = account();
    let shifters: Vec<_> = (0..40).map(|_| shifter(&fake, &account)).collect();
    let mut polls = tokio::task::JoinSet::new();
    for shifter in shifters {
        polls.spawn(async move { shifter.observe(&"checkout".into(), &both()).await.map(drop) });
    }
    while let Some(poll) = polls.join_next().await {
        poll.unwrap().unwrap();
    }
    let within =
        |seconds| fake.log().iter().filter(|asked| asked.at < Duration::from_secs(seconds)).count();
    // A bucket of 20, then five a second, all adapters together.
    assert!(within(1) <= 25, "{} requests in the first second", within(1));
    assert_eq!(within(60), 40);
}

#[tokio::test(start_paused = true)]
async fn services_do_not_wait_for_each_other() {
    let (elb, lambda) = (Fake::new(LoadBalancing::blue_and_green()), Fake::new(Lambda::live()));
    let limits = CallLimits { queue: Span::ZERO, ..CallLimits::default() };
    let account = account().with_limits(limits);
    let shifter = shifter(&elb, &account);
    while shifter.observe(&"checkout".into(), &both()).await.is_ok() {}
    let alias = LambdaAlias::new(&lambda.client(), &account, FUNCTION, "live");
    let read = TrafficShifter::observe(&alias, &"checkout".into(), &both()).await;
    assert!(read.is_ok(), "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_would_wait_too_long_for_its_turn_is_not_sent_and_says_so() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    let limits = CallLimits { queue: Span::ZERO, ..CallLimits::default() };
    let shifter = shifter(&fake, &account().with_limits(limits));
    let mut last = Ok(());
    for _ in 0..25 {
        last = shifter.observe(&"checkout".into(), &both()).await.map(drop);
    }
    let error = last.unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Throttled, Some(Class::Queued)));
    assert_eq!(fake.log().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_throttling_are_waited_out_and_say_nothing_of_health() {
    let fake = Fake::new(LoadBalancing::blue_and_green());
    let shifter = shifter(&fake, &account());
    let during = When::During { from: Duration::ZERO, to: Duration::from_secs(600) };
    fake.fault(None, during, Fault::Throttled);
    let mut tries = 0;
    let seen = loop {
        tokio::time::sleep(Duration::from_secs(10)).await;
        tries += 1;
        match shifter.observe(&"checkout".into(), &both()).await {
            Ok(reading) => break reading,
            Err(error) => {
                assert_eq!(error.kind, FailureKind::Throttled, "{}", told(&error));
                let class = class(&error);
                assert!(matches!(class, Some(Class::Throttled | Class::Queued)), "{class:?}");
            }
        }
        assert!(tries < 100, "never answered again");
    };
    assert_eq!(seen.routes[0].split, percent(0));
    // Far fewer requests than polls: what was told to one poll holds the next ones up.
    let refused = fake.log().iter().filter(|asked| asked.fault.is_some()).count();
    assert!(refused < 40, "{refused} requests in ten minutes of throttling");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_can_not_be_built_is_not_sent_and_never_will_be() {
    let fake = Fake::new(Lambda::live());
    let nameless = LambdaAlias::new(&fake.client(), &account(), "", "live");
    let read = TrafficShifter::observe(&nameless, &"checkout".into(), &both()).await;
    let error = read.unwrap_err();
    assert_eq!((error.kind, class(&error)), (FailureKind::Permanent, Some(Class::NotBuilt)));
    assert!(fake.log().is_empty());
}
