//! Making applications and groups of CodeDeploy, as releases assume them.

use tidegate_aws::{
    fakes::codedeploy::{APPLICATION, GROUP},
    sdk::codedeploy::{
        Client, operation::create_deployment_group::builders::CreateDeploymentGroupFluentBuilder,
        types::ComputePlatform,
    },
};

use crate::SetUpError;

const ROLE: &str = "arn:aws:iam::123456789012:role/codedeploy";

/// The application, and its group as far as all groups are alike.
pub(crate) async fn in_application(
    client: &Client,
    platform: ComputePlatform,
) -> Result<CreateDeploymentGroupFluentBuilder, SetUpError> {
    let application = client.create_application().application_name(APPLICATION);
    application.compute_platform(platform).send().await?;
    let group = client.create_deployment_group().application_name(APPLICATION);
    Ok(group.deployment_group_name(GROUP).service_role_arn(ROLE))
}
