//! How a deployment group is set up, and what of that an engine can not live with.

use std::fmt;

use aws_sdk_codedeploy::{
    Client,
    types::{
        ComputePlatform, DeploymentGroupInfo, DeploymentReadyAction, DeploymentType, InstanceAction,
    },
};
use tidegate_core::{PortError, Span};

use super::{GET_GROUP, GroupName, READS, RollbackOwner};
use crate::{
    account::Channel,
    port::{incomplete, unsuitable},
};

/// Where a group deploys to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compute {
    /// A service of ECS, blue/green.
    Ecs,
    /// A Lambda function.
    Lambda,
    /// EC2 instances and on-premises servers.
    Server {
        /// Whether replacements are made; otherwise the hosts themselves are changed.
        blue_green: bool,
    },
}

/// How a group is set up, as far as a rollout depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Where it deploys to.
    pub compute: Compute,
    /// How long a replacement that is ready waits to be continued, before the deployment stops. Absent
    /// where traffic goes there at once.
    pub ready_wait: Option<Span>,
    /// How long after all traffic has moved the old side is terminated. Absent where it is kept.
    pub terminates_after: Option<Span>,
    /// Events at which it goes back by itself; none where it does not.
    pub goes_back_on: Vec<String>,
    /// Alarms at which it stops by itself; none where it does not.
    pub stops_on: Vec<String>,
}

/// Why a group can not be driven by an engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A platform that nobody here knows.
    #[error("it deploys to {0:?}, which is not known here")]
    Compute(String),
    /// Two owners of rollback.
    #[error(
        "it goes back by itself on {}, and so does the engine; turn its automatic rollback off, or name the group the owner of rollback",
        .0.join(", ")
    )]
    TwoOwners(Vec<String>),
    /// It would stop half-way, and could not be told to go back any more.
    #[error(
        "its alarms {} stop it without going back; turn them off, or name the group the owner of rollback",
        .0.join(", ")
    )]
    AlarmsStop(Vec<String>),
    /// It is not what it was when it was opened.
    #[error("it was set up as {before:?} when it was opened, and is {now:?}")]
    Changed {
        /// When it was opened.
        before: Box<Setup>,
        /// Now.
        now: Box<Setup>,
    },
}

/// All problems of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The group.
    pub group: GroupName,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deployment group {} can not be driven", self.group)?;
        self.problems.iter().try_for_each(|problem| write!(f, "; {problem}"))
    }
}

impl std::error::Error for Problems {}

/// Reads how a group is set up.
pub(super) async fn read(
    client: &Client,
    channel: &Channel,
    name: &GroupName,
    owner: RollbackOwner,
) -> Result<Setup, PortError> {
    let action = format!("read deployment group {name}");
    let info = &info(client, channel, name, &action).await?;
    let refuse = |problems| unsuitable(&action, Problems { group: name.clone(), problems });
    let setup = Setup::of(info).map_err(|problem| refuse(vec![problem]))?;
    let problems = setup.problems(owner);
    if problems.is_empty() { Ok(setup) } else { Err(refuse(problems)) }
}

/// The deployment that the group names as its last, if it has had any.
pub(super) async fn last_attempted(
    client: &Client,
    channel: &Channel,
    name: &GroupName,
) -> Result<Option<String>, PortError> {
    let action = format!("read the last deployment of group {name}");
    let info = info(client, channel, name, &action).await?;
    Ok(info.last_attempted_deployment.and_then(|last| last.deployment_id))
}

async fn info(
    client: &Client,
    channel: &Channel,
    name: &GroupName,
    action: &str,
) -> Result<DeploymentGroupInfo, PortError> {
    let request = client.get_deployment_group().application_name(&name.application);
    let request = request.deployment_group_name(&name.group).send();
    let reply = channel.send(GET_GROUP, READS, action, request).await?;
    reply.deployment_group_info.ok_or_else(|| incomplete(action, "the answer holds no group"))
}

impl Setup {
    fn of(info: &DeploymentGroupInfo) -> Result<Self, Problem> {
        let style = info.deployment_style().and_then(|style| style.deployment_type());
        let blue_green = style == Some(&DeploymentType::BlueGreen);
        let compute = match info.compute_platform() {
            Some(ComputePlatform::Ecs) => Compute::Ecs,
            Some(ComputePlatform::Lambda) => Compute::Lambda,
            Some(ComputePlatform::Server) | None => Compute::Server { blue_green },
            Some(other) => return Err(Problem::Compute(other.as_str().to_owned())),
        };
        let replaces = matches!(compute, Compute::Ecs | Compute::Server { blue_green: true });
        let options = info.blue_green_deployment_configuration().filter(|_| replaces);
        let ready = options.and_then(|options| options.deployment_ready_option());
        let holds = |action| action == Some(&DeploymentReadyAction::StopDeployment);
        let ready = ready.filter(|ready| holds(ready.action_on_timeout()));
        let end = options.and_then(|all| all.terminate_blue_instances_on_deployment_success());
        let end = end.filter(|end| end.action() == Some(&InstanceAction::Terminate));
        Ok(Self {
            compute,
            ready_wait: ready.map(|ready| minutes(ready.wait_time_in_minutes())),
            terminates_after: end.map(|end| minutes(end.termination_wait_time_in_minutes())),
            goes_back_on: rollback_events(info),
            stops_on: alarms(info),
        })
    }

    fn problems(&self, owner: RollbackOwner) -> Vec<Problem> {
        if owner == RollbackOwner::Group {
            return Vec::new();
        }
        let two = Some(&self.goes_back_on).filter(|events| !events.is_empty());
        let alarms = Some(&self.stops_on).filter(|alarms| !alarms.is_empty());
        let two = two.map(|events| Problem::TwoOwners(events.clone()));
        two.into_iter().chain(alarms.map(|names| Problem::AlarmsStop(names.clone()))).collect()
    }
}

fn rollback_events(info: &DeploymentGroupInfo) -> Vec<String> {
    let on = info.auto_rollback_configuration().filter(|rollback| rollback.enabled());
    let events = on.map(|rollback| rollback.events()).unwrap_or_default();
    events.iter().map(|event| event.as_str().to_owned()).collect()
}

fn alarms(info: &DeploymentGroupInfo) -> Vec<String> {
    let on = info.alarm_configuration().filter(|alarms| alarms.enabled());
    let alarms = on.map(|alarms| alarms.alarms()).unwrap_or_default();
    alarms.iter().filter_map(|alarm| alarm.name().map(ToOwned::to_owned)).collect()
}

fn minutes(n: i32) -> Span {
    Span::minutes(u64::try_from(n).unwrap_or_default())
}
