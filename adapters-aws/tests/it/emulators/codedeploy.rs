//! CodeDeploy on moto: groups, and deployments that are created and read. moto's deployments never end.

use std::sync::Arc;

use tidegate_aws::{
    Class,
    codedeploy::{
        Artifact, ByTable, CodeDeploy, CodeDeployOptions, Compute, GroupName, RollbackOwner,
    },
    sdk::codedeploy::{
        Client,
        types::{AutoRollbackConfiguration, AutoRollbackEvent, ComputePlatform},
    },
};
use tidegate_core::{DeploymentActions, PlatformSeen, PortError};

use tidegate_aws::client_at;

use super::{account, moto};
use crate::support::{call, class, sought, told};

const APPLICATION: &str = "shop";

fn bundle(revision: &str) -> Artifact {
    Artifact::S3 {
        bucket: "releases".to_owned(),
        key: format!("checkout-{revision}.zip"),
        bundle: tidegate_aws::codedeploy::BundleType::Zip,
        version: None,
        etag: None,
    }
}

async fn opened(
    client: &Client,
    group: &str,
    owner: RollbackOwner,
) -> Result<CodeDeploy, PortError> {
    let table = ["1", "2"].map(|revision| (revision.into(), bundle(revision)));
    let artifacts = Arc::new(ByTable(table.into_iter().collect()));
    let name = GroupName { application: APPLICATION.to_owned(), group: group.to_owned() };
    let options = CodeDeployOptions { rollback: owner, ..CodeDeployOptions::default() };
    CodeDeploy::open(client, &account(), name, artifacts, options).await
}

async fn group(client: &Client, name: &str, rollback: AutoRollbackConfiguration) {
    let request = client.create_deployment_group().application_name(APPLICATION);
    let request = request.deployment_group_name(name).auto_rollback_configuration(rollback);
    let role = "arn:aws:iam::123456789012:role/codedeploy";
    request.service_role_arn(role).send().await.unwrap();
}

#[tokio::test]
#[ignore = "needs an emulator: see .ci/emulators"]
async fn a_deployment_is_created_once_and_found_by_its_tag() {
    let client = client_at!(codedeploy, moto());
    let request = client.create_application().application_name(APPLICATION);
    request.compute_platform(ComputePlatform::Server).send().await.unwrap();
    let off = AutoRollbackConfiguration::builder().enabled(false).build();
    group(&client, "checkout", off).await;
    let deploy = opened(&client, "checkout", RollbackOwner::Engine).await.unwrap();
    assert_eq!(deploy.setup().compute, Compute::Server { blue_green: false });
    let call = call(1, 0);
    assert_eq!(deploy.platform(&sought(&call)).await.unwrap(), PlatformSeen::Absent);
    deploy.start(&call).await.unwrap();
    deploy.start(&call).await.unwrap();
    let listed = client.list_deployments().application_name(APPLICATION);
    let listed = listed.deployment_group_name("checkout").send().await.unwrap();
    assert_eq!(listed.deployments().len(), 1);
    let seen = deploy.platform(&sought(&call)).await.unwrap();
    assert_eq!(seen, PlatformSeen::Running);
    let another = sought(&self::call(2, 0));
    assert_eq!(deploy.platform(&another).await.unwrap(), PlatformSeen::Foreign);

    let on = AutoRollbackConfiguration::builder().enabled(true);
    group(&client, "two-owners", on.events(AutoRollbackEvent::DeploymentFailure).build()).await;
    let refused = opened(&client, "two-owners", RollbackOwner::Engine).await.unwrap_err();
    assert!(told(&refused).contains("so does the engine"), "{}", told(&refused));
    opened(&client, "two-owners", RollbackOwner::Group).await.unwrap();
    let missing = opened(&client, "nowhere", RollbackOwner::Engine).await.unwrap_err();
    assert_eq!(class(&missing), Some(Class::Refused));
}
