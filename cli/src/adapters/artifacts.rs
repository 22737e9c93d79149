//! What CodeDeploy is given for a revision, by a pattern in which the revision is put.
//!
//! Must not know deployments.

use async_trait::async_trait;
use tidegate_aws::{
    appspec::AppSpec,
    codedeploy::{Artifact, Artifacts, BundleType},
};
use tidegate_core::{FailureKind, PortError, Revision, Target};

use super::spec::{
    REVISION,
    deploy::{ArtifactSpec, BundleSpec},
};

/// A pattern, as a plan file has it.
#[derive(Clone, Debug)]
pub(super) struct Templates(pub(super) ArtifactSpec);

#[async_trait]
impl Artifacts for Templates {
    async fn artifact(&self, target: &Target, revision: &Revision) -> Result<Artifact, PortError> {
        let put_in = |text: &str| text.replace(REVISION, revision.as_str());
        Ok(match &self.0 {
            ArtifactSpec::S3(s3) => Artifact::S3 {
                bucket: put_in(&s3.bucket),
                key: put_in(&s3.key),
                bundle: bundle(s3.bundle),
                version: None,
                etag: None,
            },
            ArtifactSpec::Github(github) => Artifact::GitHub {
                repository: github.repository.clone(),
                commit: revision.as_str().to_owned(),
            },
            ArtifactSpec::AppSpec(text) => {
                let text = put_in(text);
                let refused = |error| {
                    let action = format!("write the AppSpec of revision {revision} of {target}");
                    PortError::new(FailureKind::Permanent, action).because(error)
                };
                // What CodeDeploy would refuse is refused here, with its place.
                text.parse::<AppSpec>().map_err(refused)?;
                Artifact::AppSpec(text)
            }
        })
    }
}

const fn bundle(spec: BundleSpec) -> BundleType {
    match spec {
        BundleSpec::Tar => BundleType::Tar,
        BundleSpec::Tgz => BundleType::Tgz,
        BundleSpec::Zip => BundleType::Zip,
        BundleSpec::Yaml => BundleType::Yaml,
        BundleSpec::Json => BundleType::Json,
    }
}
