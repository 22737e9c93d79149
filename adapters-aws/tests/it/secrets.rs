//! What a client signs with, and the password in its endpoint, are planted in every adapter: no log line, no
//! error, no `Debug` output and no journal has them, whatever the service answers.

use std::{fmt, sync::Arc, time::Duration};

use tidegate::{Engine, MonotonicClock, Ports, machine::Plan};
use tidegate_aws::{
    alb::{AlbRoute, AlbRoutes},
    appmesh::{MeshRoute, MeshRoutes, RouteProtocol},
    cloudwatch::{CloudWatch, CloudWatchHealth, sets},
    codedeploy::{CodeDeploy, CodeDeployOptions},
    dynamodb::DynamoJournal,
    ecs::{
        external::TaskSets,
        native::{EcsOptions, EcsService},
    },
    events::{EventBus, Topic},
    fakes::{
        FIRST_DAY, Fake, Fault, Service, When,
        alb::{self as elb, LoadBalancing},
        appmesh::{self as mesh, AppMesh},
        cloudwatch::epoch,
        codedeploy::{CodeDeploy as Deployments, Compute},
        ecs::{Ecs, Strategy},
        eventbridge::EventBridge,
        lambda::{FUNCTION, Lambda},
        lattice::{self as vpc, Lattice},
        sns::{Sns, topic_arn},
    },
    lambda::LambdaAlias,
    lattice::{LatticeRoute, LatticeRoutes},
};
use tidegate_core::{
    Arm, Call, DeploymentActions, Extra, HealthMetrics, Observer, PortError, Query, Revisions, Seq,
    Span, Timestamp, TrafficShifter, Wait, WaitPoint, Weight, Window,
};
use tidegate_mock::Said;

use crate::{
    cloudwatch_rollout as judged, codedeploy, dynamodb, ecs, ecs_external, events,
    support::{account, both, call, fixed, percent, settle, sought, survivable, wanted_of_a_write},
};

const SECRET: &str = "planted-2c6f09";

/// A fake's client with the secret wherever a client may hold one.
macro_rules! planted {
    ($sdk:ident, $fake:expr) => {{
        use tidegate_aws::sdk::$sdk::{Client, config::Credentials};
        let session = Some(SECRET.to_owned());
        let config = $fake.client().config().to_builder();
        let config = config
            .credentials_provider(Credentials::new("AKIDFAKE", SECRET, session, None, "planted"))
            .endpoint_url(format!("http://ada:{SECRET}@127.0.0.1:9"));
        Client::from_conf(config.build())
    }};
}

/// What makes a call fail and leaves the caller alive.
fn failures<S>() -> Vec<Fault<S>> {
    let mut all = survivable();
    all.retain(|fault| wanted_of_a_write(fault).is_some());
    all.extend([Fault::Denied, Fault::Gone]);
    all
}

#[track_caller]
fn assert_kept(said: &Said, heard: &[&str]) {
    let text = said.text();
    for words in heard {
        assert!(text.contains(words), "{words:?} was never said");
    }
    let lines = text.lines().filter(|line| line.contains(SECRET));
    let lines: Vec<_> = lines.map(|line| line.chars().take(400).collect::<String>()).collect();
    assert!(lines.is_empty(), "{lines:#?}");
}

/// Whatever came of a call, as a program might print it.
fn noted<T: fmt::Debug>(said: &Said, result: Result<T, PortError>) {
    match result {
        Ok(value) => said.note(&value),
        Err(error) => said.note_error(&error),
    }
}

/// One adapter, as the ports that it is.
#[derive(Debug, Default)]
struct Adapter {
    traffic: Option<Arc<dyn TrafficShifter>>,
    deploy: Option<Arc<dyn DeploymentActions>>,
    health: Option<Arc<dyn HealthMetrics>>,
}

impl Adapter {
    fn traffic(port: impl TrafficShifter + 'static) -> Self {
        Self { traffic: Some(Arc::new(port)), ..Self::default() }
    }

    fn both<P: TrafficShifter + DeploymentActions + 'static>(port: P) -> Self {
        let port = Arc::new(port);
        Self { traffic: Some(port.clone()), deploy: Some(port), health: None }
    }

    /// Every call of every port, whether or not it is one that the adapter has.
    async fn calls(&self, said: &Said, revisions: &Revisions) {
        let target = "checkout".into();
        let call = |n| Call { revisions: revisions.clone(), ..call(n, 0) };
        if let Some(port) = &self.traffic {
            let seen = port.observe(&target, revisions).await;
            let version = seen.as_ref().ok().and_then(|seen| seen.routes[0].version.clone());
            noted(said, seen);
            noted(said, port.shift(&call(1), percent(50), version.as_ref()).await);
            noted(said, port.mirror(&call(2), Extra::default()).await);
            said.note(&port.preflight(&target, revisions, &[Weight::percent(50)]).await);
        }
        if let Some(port) = &self.deploy {
            let wait = Wait::only(WaitPoint::Ready);
            noted(said, port.observe(&target, revisions).await);
            noted(said, port.provision(&call(3), Arm::Candidate, 1, None).await);
            noted(said, port.scale(&call(4), Arm::Candidate, 2, None).await);
            noted(said, port.start(&call(5)).await);
            noted(said, port.platform(&sought(&call(5))).await);
            noted(said, port.release(&call(6), wait).await);
            noted(said, port.stop(&call(7)).await);
            noted(said, port.redeploy(&call(8)).await);
            noted(said, port.retire(&call(9), Arm::Candidate).await);
            said.note(&port.preflight(&target, revisions).await);
        }
        if let Some(port) = &self.health {
            let end = Timestamp((FIRST_DAY + 600) * 1_000);
            let window = Window { from: Timestamp(end.0 - 60_000), to: end };
            let revisions = revisions.clone();
            let query =
                Query { target, revisions, metric: "errors".into(), window, opened: window.from };
            noted(said, port.fit(&query.target, &query.revisions, &["errors"]).await);
            noted(said, port.look(&query).await);
            said.note(&port.preflight(&query.target, &query.revisions, &["errors"]).await);
        }
    }

    /// Every call with each fault, of this operation alone and of everything, and while all is well.
    async fn tried<S: Service>(
        self,
        said: &Said,
        fake: &Fake<S>,
        revisions: &Revisions,
        operation: &'static str,
    ) {
        said.note(&self);
        for befallen in [Some(operation), None] {
            for fault in failures() {
                settle().await;
                fake.fault(befallen, When::From(1), fault);
                self.calls(said, revisions).await;
                fake.heal();
            }
        }
        settle().await;
        self.calls(said, revisions).await;
        let text = said.text();
        assert!(text.contains(operation), "no failure of {operation} was told of");
    }
}

#[tokio::test(start_paused = true)]
async fn routers_show_no_secret_of_their_clients() {
    let said = Said::default();
    let _listening = said.listen("tidegate");
    let of = account();

    let fake = Fake::new(LoadBalancing::blue_and_green());
    let routes = vec![AlbRoute::Rule(elb::rule_arn("checkout"))];
    let groups = fixed(&elb::group_arn("blue"), &elb::group_arn("green"));
    let client = planted!(elasticloadbalancingv2, fake);
    let port = AlbRoutes::new(&client, &of, routes, groups).unwrap();
    Adapter::traffic(port).tried(&said, &fake, &both(), "ModifyRule").await;

    let fake = Fake::new(Lattice::blue_and_green());
    let route = LatticeRoute {
        service: vpc::SERVICE.to_owned(),
        listener: vpc::LISTENER.to_owned(),
        rule: Some(vpc::rule_id("checkout")),
    };
    let groups = fixed(&vpc::group_arn("blue"), &vpc::group_arn("green"));
    let port = LatticeRoutes::new(&planted!(vpclattice, fake), &of, vec![route], groups).unwrap();
    Adapter::traffic(port).tried(&said, &fake, &both(), "UpdateRule").await;

    let fake = Fake::new(AppMesh::blue_and_green());
    let route = MeshRoute {
        mesh: mesh::MESH.to_owned(),
        mesh_owner: None,
        router: mesh::ROUTER.to_owned(),
        route: "checkout".to_owned(),
        protocol: RouteProtocol::Http,
    };
    let nodes = fixed("blue", "green");
    let port = MeshRoutes::new(&planted!(appmesh, fake), &of, vec![route], nodes).unwrap();
    Adapter::traffic(port).tried(&said, &fake, &both(), "UpdateRoute").await;

    let fake = Fake::new(Lambda::live());
    let port = LambdaAlias::new(&planted!(lambda, fake), &of, FUNCTION, "live");
    Adapter::both(port).tried(&said, &fake, &both(), "UpdateAlias").await;

    assert_kept(&said, &["was refused", "has an unknown outcome"]);
}

#[tokio::test(start_paused = true)]
async fn deployers_show_no_secret_of_their_clients() {
    let said = Said::default();
    let _listening = said.listen("tidegate");
    let of = account();

    for strategy in Strategy::ALL {
        let fake = Fake::new(Ecs::with(strategy));
        let (client, of) = (planted!(ecs, fake), account());
        let open = || EcsService::open(&client, &of, ecs::name(), EcsOptions::default());
        let port = open().await.unwrap();
        Adapter::both(port).tried(&said, &fake, &ecs::both(), "UpdateService").await;
        fake.fault(None, When::From(1), Fault::Denied);
        said.note_error(&open().await.unwrap_err());
    }

    let fake = Fake::new(Ecs::external());
    let client = planted!(ecs, fake);
    let open = || TaskSets::open(&client, &of, ecs::name(), ecs_external::blueprint());
    let deploy = Some(Arc::new(open().await.unwrap()) as Arc<dyn DeploymentActions>);
    Adapter { deploy, ..Adapter::default() }
        .tried(&said, &fake, &ecs::both(), "CreateTaskSet")
        .await;
    fake.fault(None, When::From(1), Fault::Denied);
    said.note_error(&open().await.unwrap_err());

    for compute in Compute::ALL {
        let fake = Fake::new(Deployments::in_group(compute));
        let (client, of) = (planted!(codedeploy, fake), account());
        let options = CodeDeployOptions::default();
        let (name, artifacts) = (codedeploy::name, codedeploy::artifacts);
        let open = || CodeDeploy::open(&client, &of, name(), artifacts(), options);
        let port = open().await.unwrap();
        Adapter::both(port).tried(&said, &fake, &both(), "CreateDeployment").await;
        fake.fault(None, When::From(1), Fault::Denied);
        said.note_error(&open().await.unwrap_err());
    }

    assert_kept(&said, &["was refused", "has an unknown outcome"]);
}

#[tokio::test(start_paused = true)]
async fn metrics_and_notices_show_no_secret_of_their_clients() {
    let said = Said::default();
    let _listening = said.listen("tidegate");
    let of = account();

    let fake = Fake::new(judged::service(1.0));
    tokio::time::advance(Duration::from_secs(1_200)).await;
    let health = health(&CloudWatch::new(&planted!(cloudwatch, fake), &of));
    let adapter = Adapter { health: Some(health), ..Adapter::default() };
    adapter.tried(&said, &fake, &both(), "GetMetricData").await;

    let (events, topics) = (Fake::new(EventBridge::default()), Fake::new(Sns::with(&["releases"])));
    let bus = EventBus::new(&planted!(eventbridge, events), &of, "releases");
    let topic = Topic::new(&planted!(sns, topics), &of, topic_arn("releases"));
    said.note(&(&bus, &topic));
    for fault in failures() {
        bus.decided(&events::notice(Seq(1)));
        topic.decided(&events::notice(Seq(1)));
        bus.flush().await;
        topic.flush().await;
        events.heal();
        events.fault(None, When::From(1), fault);
    }
    for fault in failures() {
        topics.heal();
        topics.fault(None, When::From(1), fault);
        topic.decided(&events::notice(Seq(2)));
        topic.flush().await;
    }

    assert_kept(&said, &["notices could not be told"]);
}

fn health(cloudwatch: &CloudWatch) -> Arc<CloudWatchHealth> {
    let groups = fixed(&elb::group_arn("blue"), &elb::group_arn("green"));
    let metrics = sets::alb_target_groups(judged::BALANCER);
    Arc::new(CloudWatchHealth::new(cloudwatch, metrics, groups).unwrap())
}

/// One rollout over three services, each of which fails in its own way for a while.
async fn rollout(said: &Said, fault: usize) {
    let alias = Fake::new(Lambda::live());
    let metrics = Fake::new(judged::service(1.0));
    let table = dynamodb::support::dynamo().await;
    let begin = Duration::from_secs(617);
    tokio::time::advance(begin).await;
    let of = account();
    let client = planted!(dynamodb, table);
    let connect = || DynamoJournal::connect(&client, &of, dynamodb::support::TABLE);
    let journal = Arc::new(connect().await.unwrap());
    said.note(&journal);
    let port = LambdaAlias::new(&planted!(lambda, alias), &of, FUNCTION, "live");
    let port = Arc::new(port);
    let health = health(&CloudWatch::new(&planted!(cloudwatch, metrics), &of));
    let ports = Ports::new(port.clone(), port, health);
    let clock = Timestamp(epoch(begin) * 1_000);
    let engine =
        Engine::builder(journal, ports).clock(Arc::new(MonotonicClock::starting_at(clock)));
    let engine = engine.name("one").build();

    let spec = judged::plan("checkout", Span::minutes(5), vec![judged::below("errors", 0.5)]);
    let plan = Plan::compile(spec, &engine.capabilities(&"checkout".into()).unwrap()).unwrap();
    let handle = engine.start(plan, both(), "ada").await.unwrap();
    said.note(&(&engine, &handle));
    let window = |from: u64, minutes: u64| {
        let from = begin + Duration::from_secs(from);
        When::During { from, to: from + Duration::from_secs(60 * minutes) }
    };
    alias.fault("UpdateAlias", When::Nth(1), failures().swap_remove(fault));
    table.fault(None, window(90, 1), failures().swap_remove(fault));
    alias.fault(None, window(150, 1), failures().swap_remove(fault));
    metrics.fault(None, window(210, 2), failures().swap_remove(fault));
    let long = Duration::from_secs(1_200);
    let ended = tokio::time::timeout(long, handle.finished()).await;
    said.note(&(ended, handle.status(), engine.health()));
    engine.shutdown().await;
    table.heal();
    table.fault(None, When::From(1), failures().swap_remove(fault));
    if let Err(error) = connect().await {
        said.note_error(&error);
    }
    table.with(|state| said.note(state));
}

#[tokio::test(start_paused = true)]
async fn a_rollout_and_its_journal_show_no_secret_whatever_fails() {
    let said = Said::default();
    let listening = said.listen("tidegate");
    for fault in 0..failures::<Lambda>().len() {
        rollout(&said, fault).await;
    }
    drop(listening);
    let logged =
        ["a call failed", "a reading failed", "a look failed", "the lease was not renewed"];
    assert_kept(&said, &logged);
}
