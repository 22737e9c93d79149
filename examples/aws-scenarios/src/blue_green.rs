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
};

use crate::{Course, Release, Watch};

/// The release.
#[derive(Debug)]
pub struct BlueGreen;

const STABLE: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/ai-service:1";
const CANDIDATE: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/ai-service:2";

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

    async fn ports(
        service: &Fake<fake::CodeDeploy>,
        account: &Account,
        watch: Watch,
    ) -> Result<Ports, PortError> {
        let both = [(STABLE.into(), artifact(STABLE)?), (CANDIDATE.into(), artifact(CANDIDATE)?)];
        let artifacts = Arc::new(ByTable(both.into()));
        let name = GroupName { application: APPLICATION.to_owned(), group: GROUP.to_owned() };
        let options = CodeDeployOptions::default();
        let group = CodeDeploy::open(&service.client(), account, name, artifacts, options).await?;
        let group = Arc::new(group);
        Ok(Ports::new(group.clone(), group, Arc::new(watch)))
    }
}
