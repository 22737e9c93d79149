//! CodeDeploy with one application and one deployment group: deployments that progress in virtual
//! time, wait to be continued, and go back under an id of their own.

mod progress;
mod wire;

use std::time::Duration;

use serde_json::{Value, json};

use super::{Protocol, Reply, Request, Service, client_of};
pub use progress::{Deployment, Stage};

/// The application.
pub const APPLICATION: &str = "shop";
/// Its deployment group.
pub const GROUP: &str = "checkout";

/// Where the group deploys to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compute {
    /// An ECS service.
    Ecs,
    /// A Lambda function.
    Lambda,
    /// Servers in place.
    InPlace,
    /// Servers that are replaced.
    Replaced,
}

impl Compute {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ecs, Self::Lambda, Self::InPlace, Self::Replaced];

    pub(super) const fn platform(self) -> &'static str {
        match self {
            Self::Ecs => "ECS",
            Self::Lambda => "Lambda",
            Self::InPlace | Self::Replaced => "Server",
        }
    }

    const fn is_blue_green(self) -> bool {
        !matches!(self, Self::InPlace)
    }

    const fn is_replaced(self) -> bool {
        matches!(self, Self::Ecs | Self::Replaced)
    }
}

/// How the group is set up.
#[derive(Clone, Debug)]
pub struct Group {
    /// Where it deploys to.
    pub compute: Compute,
    /// Minutes that a replacement waits to be continued; goes on at once if absent.
    pub ready_wait: Option<u32>,
    /// Minutes until the old side is terminated; kept if absent.
    pub terminates_after: Option<u32>,
    /// Events at which it goes back by itself.
    pub goes_back_on: Vec<&'static str>,
    /// Alarms at which it stops.
    pub alarms: Vec<&'static str>,
    /// The percentage of traffic on the new side, by the time since the first shift.
    pub steps: Vec<(Duration, u32)>,
    /// The percentage at which deployments fail, if they do.
    pub fails_at: Option<u32>,
    /// Hosts, where it deploys to servers.
    pub hosts: u32,
}

/// The service.
#[derive(Clone, Debug)]
pub struct CodeDeploy {
    /// Its one group.
    pub group: Group,
    /// All deployments, oldest first.
    pub deployments: Vec<Deployment>,
    /// How long a new deployment is missing from listings.
    pub listed_after: Duration,
    /// Whether the group names its last deployment, listed or not.
    pub names_last: bool,
    /// Whether a second deployment is refused while one is under way. It is a quota, which nobody should
    /// have to lean upon.
    pub one_at_a_time: bool,
}

impl CodeDeploy {
    /// A group that waits an hour at ready, has traffic at 10 % for a minute, and keeps the old side
    /// for five. Revision 1 was deployed before.
    #[must_use]
    pub fn in_group(compute: Compute) -> Self {
        let waits = compute.is_replaced();
        let group = Group {
            compute,
            ready_wait: waits.then_some(60),
            terminates_after: waits.then_some(5),
            goes_back_on: Vec::new(),
            alarms: Vec::new(),
            steps: vec![(Duration::ZERO, 10), (Duration::from_secs(60), 100)],
            fails_at: None,
            hosts: 10,
        };
        let (deployments, listed_after) = (Vec::new(), Duration::ZERO);
        let mut state =
            Self { group, deployments, listed_after, names_last: true, one_at_a_time: true };
        let before = json!({
            "revisionType": "S3",
            "s3Location": { "bucket": "releases", "key": "checkout-1.zip", "bundleType": "zip" },
        });
        state.create(None, before, None, Duration::ZERO);
        for one in &mut state.deployments {
            one.share = 100;
            one.events = ["BlockTraffic", "AllowTraffic"].map(|name| (name, Duration::ZERO)).into();
            one.end("Succeeded", Duration::ZERO);
        }
        state
    }

    /// How many deployments carry a description.
    #[must_use]
    pub fn described(&self, description: &str) -> usize {
        let fits = |one: &&Deployment| one.description.as_deref() == Some(description);
        self.deployments.iter().filter(fits).count()
    }

    /// A deployment that somebody else starts, at a time of the fake.
    pub fn start_by_hand(&mut self, revision: Value, at: Duration) {
        self.create(Some("by hand".to_owned()), revision, None, at);
    }
}

client_of!(aws_sdk_codedeploy, CodeDeploy);

impl Service for CodeDeploy {
    const MODEL: &'static str = "codedeploy";
    const PROTOCOL: Protocol = Protocol::Json11;

    fn writes(operation: &str) -> bool {
        ["CreateDeployment", "StopDeployment", "ContinueDeployment"].contains(&operation)
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        self.advance(request.at);
        let body = request.json();
        let answer = match operation {
            "GetDeploymentGroup" => self.checked(&body).map(|()| self.group_info()),
            "CreateDeployment" => {
                self.checked(&body).and_then(|()| self.created(&body, request.at))
            }
            "ListDeployments" => self.checked(&body).map(|()| self.listed(&body, request)),
            "BatchGetDeployments" => self.infos(&body),
            "StopDeployment" => self.stopped(&body, request.at),
            "ContinueDeployment" => self.continued(&body, request.at),
            "ListDeploymentTargets" => self.target_ids(&body, request),
            "BatchGetDeploymentTargets" => self.targets(&body, request.at),
            _ => return Self::PROTOCOL.error(404, "UnknownOperationException", operation),
        };
        match answer {
            Ok(value) => Reply::rpc_json(Self::PROTOCOL, &value),
            Err(Refusal(code, text)) => Self::PROTOCOL.error(400, code, &text),
        }
    }
}

/// A code of the model, and a text.
struct Refusal(&'static str, String);

fn refusal(code: &'static str) -> Refusal {
    Refusal(code, "refused by a fake".to_owned())
}

type Answer = Result<Value, Refusal>;

impl CodeDeploy {
    fn checked(&self, body: &Value) -> Result<(), Refusal> {
        if body["applicationName"] != APPLICATION {
            return Err(refusal("ApplicationDoesNotExistException"));
        }
        if body["deploymentGroupName"] != GROUP {
            return Err(refusal("DeploymentGroupDoesNotExistException"));
        }
        Ok(())
    }

    fn created(&mut self, body: &Value, at: Duration) -> Answer {
        let description = body["description"].as_str().map(ToOwned::to_owned);
        if description.as_ref().is_some_and(|text| text.len() > 256) {
            return Err(refusal("DescriptionTooLongException"));
        }
        if body["revision"].is_null() {
            return Err(refusal("RevisionRequiredException"));
        }
        if let Some(active) =
            self.deployments.iter().find(|one| self.one_at_a_time && !one.is_over())
        {
            let id = &active.id;
            let text =
                format!("The Deployment Group '{GROUP}' already has an active Deployment '{id}'");
            return Err(Refusal("DeploymentLimitExceededException", text));
        }
        let id = self.create(description, body["revision"].clone(), None, at);
        Ok(json!({ "deploymentId": id }))
    }

    fn stopped(&mut self, body: &Value, at: Duration) -> Answer {
        let back = body["autoRollbackEnabled"] == true;
        let one = self.of(body)?;
        if one.is_over() {
            return Err(refusal("DeploymentAlreadyCompletedException"));
        }
        one.end("Stopped", at);
        let id = one.id.clone();
        if back {
            self.go_back(&id, at);
        }
        Ok(json!({ "status": "Succeeded", "statusMessage": "stopped" }))
    }

    fn continued(&mut self, body: &Value, at: Duration) -> Answer {
        let one = self.of(body)?;
        match (one.stage, body["deploymentWaitType"].as_str()) {
            (Stage::Over, _) => return Err(refusal("DeploymentAlreadyCompletedException")),
            (Stage::Ready { .. }, Some("READY_WAIT")) => one.stage = Stage::Shifting { since: at },
            (Stage::Kept { .. }, Some("TERMINATION_WAIT")) => one.end("Succeeded", at),
            (_, Some("READY_WAIT")) => return Err(refusal("DeploymentIsNotInReadyStateException")),
            _ => return Err(refusal("InvalidDeploymentStatusException")),
        }
        self.advance(at);
        Ok(json!({}))
    }

    fn of(&mut self, body: &Value) -> Result<&mut Deployment, Refusal> {
        let id = body["deploymentId"].as_str().unwrap_or_default();
        let none = || refusal("DeploymentDoesNotExistException");
        self.deployments.iter_mut().find(|one| one.id == id).ok_or_else(none)
    }
}
