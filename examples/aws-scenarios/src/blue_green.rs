//! 000: a service of ECS behind CodeDeploy. `ECSAllAtOnce`, with traffic control; the old tasks are ended
//! five minutes after all traffic has moved, and until then the way back is one command away.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde_json::json;
use tidegate::{
    Ports,
    machine::{FailureKind, PortError, Revisions},
};
use tidegate_aws::{
    Account,
    appspec::{AppSpec, EcsSpec, Violation},
    codedeploy::{Artifact, ByTable, CodeDeploy, CodeDeployOptions, GroupName},
    fakes::{
        Fake,
        codedeploy::{self as fake, APPLICATION, Compute, GROUP},
    },
    sdk::codedeploy::{
        Client,
        types::{
            BlueGreenDeploymentConfiguration, BlueInstanceTerminationOption, ComputePlatform,
            DeploymentOption, DeploymentReadyAction, DeploymentReadyOption, DeploymentStyle,
            DeploymentType, EcsService, InstanceAction, LoadBalancerInfo, TargetGroupInfo,
            TargetGroupPairInfo, TrafficRoute,
        },
    },
};

use crate::{Course, Release, SetUpError, Watch, group::in_application};

/// The release.
#[derive(Debug)]
pub struct BlueGreen;

const STABLE: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/ai-service:1";
const CANDIDATE: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/ai-service:2";

const LISTENER: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/ai/0123456789abcdef/0123456789abcdef";

/// What CodeDeploy is given for a task definition.
fn app_spec(task_definition: &str) -> Result<AppSpec, Vec<Violation>> {
    EcsSpec::new(task_definition, "ai-model", 8080).build()
}

fn artifact(task_definition: &str) -> Result<Artifact, PortError> {
    app_spec(task_definition).map(|spec| Artifact::from(&spec)).map_err(|violations| {
        let broken: Vec<_> = violations.iter().map(ToString::to_string).collect();
        PortError::new(FailureKind::Permanent, format!("write the AppSpec of {task_definition}"))
            .because(broken.join("; "))
    })
}

#[async_trait]
impl Release for BlueGreen {
    type Service = fake::CodeDeploy;
    type Client = Client;
    const PLAN: &'static str = include_str!("../plans/000.yaml");

    /// The group: all at once, nothing waits, and the old side is kept for five minutes.
    fn assumed(_: Course) -> fake::CodeDeploy {
        let mut state = fake::CodeDeploy::in_group(Compute::Ecs);
        state.group.steps = vec![(Duration::ZERO, 100)];
        state.group.ready_wait = None;
        state.group.terminates_after = Some(5);
        if let Ok(spec) = app_spec(STABLE) {
            let content = json!({ "content": spec.to_json(), "sha256": spec.sha256() });
            let revision = json!({ "revisionType": "AppSpecContent", "appSpecContent": content });
            state.deployments.iter_mut().for_each(|one| one.revision = revision.clone());
        }
        state
    }

    fn revisions() -> Revisions {
        Revisions { stable: Some(STABLE.into()), candidate: CANDIDATE.into() }
    }

    fn client(service: &Fake<fake::CodeDeploy>) -> Client {
        service.client()
    }

    fn client_at(endpoint: &str) -> Client {
        tidegate_aws::client_at!(codedeploy, endpoint)
    }

    /// Blue and green behind a load balancer, moved all at once; the old side is kept for five minutes.
    async fn set_up(client: &Client) -> Result<(), SetUpError> {
        let groups = ["blue", "green"].map(|name| TargetGroupInfo::builder().name(name).build());
        let pair = TargetGroupPairInfo::builder()
            .set_target_groups(Some(groups.into()))
            .prod_traffic_route(TrafficRoute::builder().listener_arns(LISTENER).build());
        let balancers =
            LoadBalancerInfo::builder().target_group_pair_info_list(pair.build()).build();
        let group = in_application(client, ComputePlatform::Ecs).await?;
        let ready = DeploymentReadyOption::builder()
            .action_on_timeout(DeploymentReadyAction::ContinueDeployment)
            .build();
        let ends = BlueInstanceTerminationOption::builder()
            .action(InstanceAction::Terminate)
            .termination_wait_time_in_minutes(5)
            .build();
        let both = BlueGreenDeploymentConfiguration::builder()
            .deployment_ready_option(ready)
            .terminate_blue_instances_on_deployment_success(ends);
        let style = DeploymentStyle::builder()
            .deployment_type(DeploymentType::BlueGreen)
            .deployment_option(DeploymentOption::WithTrafficControl);
        let service = EcsService::builder().cluster_name("ai-cluster").service_name("ai-service");
        let group = group
            .deployment_config_name("CodeDeployDefault.ECSAllAtOnce")
            .blue_green_deployment_configuration(both.build())
            .deployment_style(style.build())
            .load_balancer_info(balancers)
            .ecs_services(service.build());
        group.send().await?;
        Ok(())
    }

    async fn ports(client: &Client, account: &Account, watch: Watch) -> Result<Ports, PortError> {
        let both = [(STABLE.into(), artifact(STABLE)?), (CANDIDATE.into(), artifact(CANDIDATE)?)];
        let artifacts = Arc::new(ByTable(both.into()));
        let name = GroupName { application: APPLICATION.to_owned(), group: GROUP.to_owned() };
        let options = CodeDeployOptions::default();
        let group = CodeDeploy::open(client, account, name, artifacts, options).await?;
        let group = Arc::new(group);
        Ok(Ports::new(group.clone(), group, Arc::new(watch)))
    }
}
