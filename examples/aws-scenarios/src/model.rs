//! 003: a model on servers, from a bundle in S3 whose AppSpec copies it and runs a script before and after,
//! each within 300 seconds. It is watched, and taken back when it answers worse.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate::{
    Ports,
    machine::{PortError, Revisions},
};
use tidegate_aws::{
    Account,
    appspec::{AppSpec, Os, Script, ServerEvent, ServerSpec, Violation},
    codedeploy::{ByTable, CodeDeploy, CodeDeployOptions, GroupName, config::MinimumHealthy},
    fakes::{
        Fake,
        codedeploy::{self as fake, APPLICATION, Compute, GROUP},
    },
    sdk::codedeploy::{
        Client,
        types::{AutoRollbackConfiguration, ComputePlatform},
    },
};

use crate::{
    Course, Release, SetUpError, Watch,
    group::in_application,
    servers::{batches, bundle},
};

/// The release.
#[derive(Debug)]
pub struct Model;

/// The AppSpec that goes into the bundle.
///
/// # Errors
/// Every rule it breaks: none.
pub fn app_spec() -> Result<AppSpec, Vec<Violation>> {
    ServerSpec::new(Os::Linux)
        .file("/model.zip", "/var/www/model")
        .run(ServerEvent::BeforeInstall, Script::new("scripts/setup_environment.sh").within(300))
        .run(ServerEvent::AfterInstall, Script::new("scripts/start_service.sh").within(300))
        .build()
}

#[async_trait]
impl Release for Model {
    type Service = fake::CodeDeploy;
    type Client = Client;
    const PLAN: &'static str = include_str!("../plans/003.yaml");

    /// Ten hosts, one at a time.
    fn assumed(_: Course) -> fake::CodeDeploy {
        let mut state = fake::CodeDeploy::in_group(Compute::InPlace);
        let hosts = state.group.hosts;
        state.group.steps = batches(MinimumHealthy::AllButOne, hosts);
        state
    }

    fn revisions() -> Revisions {
        Revisions { stable: Some("1".into()), candidate: "2".into() }
    }

    fn client(service: &Fake<fake::CodeDeploy>) -> Client {
        service.client()
    }

    fn client_at(endpoint: &str) -> Client {
        tidegate_aws::client_at!(codedeploy, endpoint)
    }

    /// One host at a time, and nothing goes back by itself.
    async fn set_up(client: &Client) -> Result<(), SetUpError> {
        let group = in_application(client, ComputePlatform::Server).await?;
        let off = AutoRollbackConfiguration::builder().enabled(false).build();
        let group = group.deployment_config_name("CodeDeployDefault.OneAtATime");
        group.auto_rollback_configuration(off).send().await?;
        Ok(())
    }

    async fn ports(client: &Client, account: &Account, watch: Watch) -> Result<Ports, PortError> {
        let artifacts = Arc::new(ByTable(["1", "2"].map(|one| (one.into(), bundle(one))).into()));
        let name = GroupName { application: APPLICATION.to_owned(), group: GROUP.to_owned() };
        let options = CodeDeployOptions::default();
        let group = CodeDeploy::open(client, account, name, artifacts, options).await?;
        let group = Arc::new(group);
        Ok(Ports::new(group.clone(), group, Arc::new(watch)))
    }
}
