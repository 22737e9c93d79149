//! 001: CodeDeploy on servers in place, with one healthy host at least (`HOST_COUNT 1`). The group goes back
//! by itself on a failure, on an alarm, and when it is told to stop; what it does is followed.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tidegate::{
    Ports,
    machine::{PortError, Revisions},
};
use tidegate_aws::{
    Account,
    codedeploy::{
        Artifact, BundleType, ByTable, CodeDeploy, CodeDeployOptions, GroupName, RollbackOwner,
        config::MinimumHealthy,
    },
    fakes::{
        Fake,
        codedeploy::{self as fake, APPLICATION, Compute, GROUP},
    },
    sdk::codedeploy::{
        Client,
        types::{AutoRollbackConfiguration, AutoRollbackEvent, ComputePlatform},
    },
};

use crate::{Course, Release, SetUpError, Watch, group::in_application};

/// The release.
#[derive(Debug)]
pub struct Servers;

/// How many hosts the group has.
pub const HOSTS: u32 = 3;
/// One stays healthy, so that two change at a time.
pub const MINIMUM: MinimumHealthy = MinimumHealthy::Hosts(1);
/// How long hosts take.
const BATCH: Duration = Duration::from_secs(60);

/// A bundle in S3.
pub(crate) fn bundle(revision: &str) -> Artifact {
    Artifact::S3 {
        bucket: "releases".to_owned(),
        key: format!("checkout-{revision}.zip"),
        bundle: BundleType::Zip,
        version: None,
        etag: None,
    }
}

/// The percentage of hosts that are done, batch by batch.
pub(crate) fn batches(minimum: MinimumHealthy, hosts: u32) -> Vec<(Duration, u32)> {
    let each = minimum.at_a_time(hosts).max(1);
    (1..=hosts.div_ceil(each))
        .map(|n| (BATCH * (n - 1), (n * each).min(hosts) * 100 / hosts))
        .collect()
}

#[async_trait]
impl Release for Servers {
    type Service = fake::CodeDeploy;
    type Client = Client;
    const PLAN: &'static str = include_str!("../plans/001.yaml");

    /// A bad release fails on the second batch of hosts.
    fn assumed(course: Course) -> fake::CodeDeploy {
        let mut state = fake::CodeDeploy::in_group(Compute::InPlace);
        state.group.hosts = HOSTS;
        state.group.steps = batches(MINIMUM, HOSTS);
        state.group.goes_back_on =
            vec!["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"];
        state.group.fails_at = (course == Course::Bad).then_some(100);
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

    /// The group, which goes back on each of the three events. No emulator makes the configuration that
    /// keeps one host healthy.
    async fn set_up(client: &Client) -> Result<(), SetUpError> {
        let group = in_application(client, ComputePlatform::Server).await?;
        let rollback = AutoRollbackConfiguration::builder()
            .enabled(true)
            .events(AutoRollbackEvent::DeploymentFailure)
            .events(AutoRollbackEvent::DeploymentStopOnAlarm)
            .events(AutoRollbackEvent::DeploymentStopOnRequest);
        group.auto_rollback_configuration(rollback.build()).send().await?;
        Ok(())
    }

    async fn ports(client: &Client, account: &Account, watch: Watch) -> Result<Ports, PortError> {
        let artifacts = Arc::new(ByTable(["1", "2"].map(|one| (one.into(), bundle(one))).into()));
        let name = GroupName { application: APPLICATION.to_owned(), group: GROUP.to_owned() };
        let options = CodeDeployOptions { rollback: RollbackOwner::Group, ..Default::default() };
        let group = CodeDeploy::open(client, account, name, artifacts, options).await?;
        let group = Arc::new(group);
        Ok(Ports::new(group.clone(), group, Arc::new(watch)))
    }
}
