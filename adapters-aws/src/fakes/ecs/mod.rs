//! ECS with one service: deployments that go through their lifecycle in virtual time, pause at hooks,
//! end by a circuit breaker or alarms, and go back; or with task sets.

mod course;
mod progress;
mod task_sets;
mod wire;

use std::time::Duration;

use serde_json::{Value, json};

use super::{ACCOUNT, Protocol, REGION, Reply, Request, Service, client_of};
pub use course::Leg;
pub use progress::{Deployment, Status};
pub use task_sets::TaskSet;

/// The cluster.
pub const CLUSTER: &str = "shop";
/// Its service.
pub const SERVICE: &str = "checkout";

/// The ARN of a revision of the service's task definition.
#[must_use]
pub fn definition(number: u32) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{SERVICE}:{number}")
}

fn arn(kind: &str, id: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{kind}/{CLUSTER}/{SERVICE}/{id}")
}

/// How tasks are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Some at a time.
    Rolling,
    /// All beside the old ones, then all traffic.
    BlueGreen,
    /// Traffic in equal steps.
    Linear,
    /// A part of traffic, then the rest.
    Canary,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rolling, Self::BlueGreen, Self::Linear, Self::Canary];

    const fn name(self) -> &'static str {
        match self {
            Self::Rolling => "ROLLING",
            Self::BlueGreen => "BLUE_GREEN",
            Self::Linear => "LINEAR",
            Self::Canary => "CANARY",
        }
    }
}

/// A hook that pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The lifecycle stage.
    pub stage: &'static str,
    /// How long it waits.
    pub minutes: u32,
    /// `ROLLBACK` or `CONTINUE`.
    pub then: &'static str,
}

/// What ends a deployment by itself, and whether it goes back then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Whether the deployment goes back; else it stops where it is.
    pub goes_back: bool,
}

/// How the service is set up.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// How tasks are replaced.
    pub strategy: &'static str,
    /// `ECS`, `EXTERNAL` or `CODE_DEPLOY`.
    pub controller: &'static str,
    /// Where deployments pause.
    pub pauses: Vec<Pause>,
    /// A circuit breaker.
    pub breaker: Option<Monitor>,
    /// Alarms, with their names.
    pub alarms: Option<(Vec<&'static str>, Monitor)>,
    /// Minutes after the last shift.
    pub bake: u32,
    /// The size of a step of traffic in percent.
    pub step: u32,
    /// Minutes after each step but the last.
    pub step_bake: u32,
    /// Tasks that are wanted.
    pub desired: u32,
    /// Members of the service that nobody here knows.
    pub other: Value,
}

/// The service.
#[derive(Clone, Debug)]
pub struct Ecs {
    /// How the service is set up.
    pub setup: Setup,
    /// All deployments, oldest first.
    pub deployments: Vec<Deployment>,
    /// The task definitions of service revisions, in the order of their creation.
    pub revisions: Vec<String>,
    /// The revision that was last deployed with success.
    pub settled: usize,
    /// How long a new deployment is missing from listings.
    pub listed_after: Duration,
    /// How many of the oldest deployments ECS tells nothing of any more.
    pub forgotten: usize,
    /// Whether the service names its current deployment, listed or not.
    pub names_current: bool,
    /// The task definition whose tasks do not start.
    pub broken: Option<String>,
    /// The percentage of traffic at which alarms sound, if they do.
    pub alarm_at: Option<u32>,
    /// Whether the way back fails.
    pub rollback_fails: bool,
    /// Task sets, where the controller is `EXTERNAL`: in the order of their creation, those included
    /// that are gone.
    pub sets: Vec<TaskSet>,
    /// The index of the primary one. Nothing becomes it by itself.
    pub primary: Option<usize>,
    /// Task definitions that do not exist; all others that are asked for do.
    pub unregistered: Vec<String>,
    /// Members of every task definition, in place of those that it has otherwise.
    pub registered: Value,
}

impl Ecs {
    /// A service of four tasks that pauses for an hour before each shift and after the last, shifts half
    /// of traffic at a time (a canary a tenth), and keeps both sides for two minutes after. Revision 1
    /// of its task definition was deployed before.
    #[must_use]
    pub fn with(strategy: Strategy) -> Self {
        let pause = |stage| Pause { stage, minutes: 60, then: "ROLLBACK" };
        let stages = ["PRE_PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"];
        let rolling = strategy == Strategy::Rolling;
        let setup = Setup {
            strategy: strategy.name(),
            controller: "ECS",
            pauses: if rolling { Vec::new() } else { stages.map(pause).into() },
            breaker: None,
            alarms: None,
            bake: 2,
            step: if strategy == Strategy::Canary { 10 } else { 50 },
            step_bake: 1,
            desired: 4,
            other: json!({}),
        };
        let mut state = Self {
            setup,
            deployments: Vec::new(),
            revisions: Vec::new(),
            settled: 0,
            listed_after: Duration::ZERO,
            forgotten: 0,
            names_current: true,
            broken: None,
            alarm_at: None,
            rollback_fails: false,
            sets: Vec::new(),
            primary: None,
            unregistered: Vec::new(),
            registered: json!({}),
        };
        state.deploy(definition(1), Duration::ZERO);
        for one in &mut state.deployments {
            one.end(Status::Successful, None, Duration::ZERO);
        }
        state
    }

    /// A service of ten tasks that is deployed by task sets. One of revision 1 has all of them.
    #[must_use]
    pub fn external() -> Self {
        let mut state = Self::with(Strategy::Rolling);
        (state.setup.controller, state.setup.desired) = ("EXTERNAL", 10);
        (state.deployments, state.revisions) = (Vec::new(), Vec::new());
        state.sets.push(TaskSet::of(definition(1), 100.0, 10));
        state.primary = Some(0);
        state
    }

    /// How many deployments of a task definition there were.
    #[must_use]
    pub fn deployments_of(&self, definition: &str) -> usize {
        let is = |one: &&Deployment| self.revisions[one.target] == definition;
        self.deployments.iter().filter(is).count()
    }

    /// What serves all of the traffic, if one does.
    #[must_use]
    pub fn serving(&self) -> Option<&str> {
        match self.current().as_slice() {
            [one] => Some(&self.revisions[*one]),
            _ => None,
        }
    }
}

client_of!(aws_sdk_ecs, Ecs);

impl Service for Ecs {
    const MODEL: &'static str = "ecs";
    const PROTOCOL: Protocol = Protocol::Json11;

    fn writes(operation: &str) -> bool {
        ["Update", "Stop", "Continue", "Create", "Delete"]
            .iter()
            .any(|verb| operation.starts_with(verb))
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        self.advance(request.at);
        let body = request.json();
        let answer = match operation {
            "DescribeServices" => self.services(&body, request.at),
            "UpdateService" => self.updated(&body, request.at),
            "ListServiceDeployments" => self.checked(&body).map(|()| self.listed(&body, request)),
            "DescribeServiceDeployments" => self.described(&body),
            "DescribeServiceRevisions" => self.revisions(&body),
            "DescribeTaskDefinition" => self.registered(&body),
            "StopServiceDeployment" => self.stopped(&body, request.at),
            "ContinueServiceDeployment" => self.continued(&body, request.at),
            "CreateTaskSet" => self.set_created(&body, request.at),
            "UpdateTaskSet" => self.set_scaled(&body, request.at),
            "DeleteTaskSet" => self.set_deleted(&body, request.at),
            "UpdateServicePrimaryTaskSet" => self.set_primary(&body, request.at),
            _ => return Self::PROTOCOL.error(404, "UnknownOperationException", operation),
        };
        match answer {
            Ok(value) => Reply::rpc_json(Self::PROTOCOL, &value),
            Err(code) => Self::PROTOCOL.error(400, code, "refused by a fake"),
        }
    }
}

/// What an operation answers, or a code of the model.
type Answer = Result<Value, &'static str>;

impl Ecs {
    fn checked(&self, body: &Value) -> Result<(), &'static str> {
        if body["cluster"] != CLUSTER {
            return Err("ClusterNotFoundException");
        }
        if body["service"] == SERVICE { Ok(()) } else { Err("ServiceNotFoundException") }
    }

    fn services(&self, body: &Value, at: Duration) -> Answer {
        if body["cluster"] != CLUSTER {
            return Err("ClusterNotFoundException");
        }
        if body["services"] == json!([SERVICE]) {
            return Ok(json!({ "services": [self.service(at)], "failures": [] }));
        }
        let failure = json!({ "arn": body["services"][0], "reason": "MISSING" });
        Ok(json!({ "services": [], "failures": [failure] }))
    }

    /// Every member that is sent is kept; one that names a task definition deploys it, even if it is
    /// there already: nobody should have to lean upon ECS noticing that.
    fn updated(&mut self, body: &Value, at: Duration) -> Answer {
        self.checked(body)?;
        if self.setup.controller != "ECS" {
            return Err("InvalidParameterException");
        }
        let known = ["cluster", "service", "taskDefinition"];
        let members = body.as_object().into_iter().flatten();
        for (name, value) in members.filter(|(name, _)| !known.contains(&name.as_str())) {
            self.setup.other[name] = value.clone();
        }
        if let Some(definition) = body["taskDefinition"].as_str() {
            self.deploy(definition.to_owned(), at);
        }
        Ok(json!({ "service": self.service(at) }))
    }

    fn stopped(&mut self, body: &Value, at: Duration) -> Answer {
        let one = self.of(body)?;
        let arn = one.arn();
        match one.status {
            Status::Pending | Status::InProgress if body["stopType"] == "ROLLBACK" => {
                one.go_back("stopped by somebody", at);
            }
            Status::RollbackRequested | Status::RollbackInProgress => {}
            _ => return Err("ConflictException"),
        }
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    fn continued(&mut self, body: &Value, at: Duration) -> Answer {
        let one = self.of(body)?;
        let (arn, waits) = (one.arn(), one.hook());
        if waits.is_none_or(|hook| body["hookId"] != hook) {
            return Err("InvalidParameterException");
        }
        match body["action"].as_str() {
            Some("CONTINUE") => one.answer_hook(at),
            Some("ROLLBACK") => one.go_back("rolled back at a hook", at),
            _ => return Err("InvalidParameterException"),
        }
        self.advance(at);
        Ok(json!({ "serviceDeploymentArn": arn }))
    }

    fn of(&mut self, body: &Value) -> Result<&mut Deployment, &'static str> {
        let arn = body["serviceDeploymentArn"].as_str().unwrap_or_default();
        let found = self.deployments.iter_mut().find(|one| one.arn() == arn);
        found.ok_or("ServiceDeploymentNotFoundException")
    }
}
