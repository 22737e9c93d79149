//! What is deployed for a revision: a bundle in S3, a commit, or an AppSpec. It must not know
//! deployments.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use aws_sdk_codedeploy::types::{
    AppSpecContent, BundleType as SdkBundle, GitHubLocation, RevisionLocation,
    RevisionLocationType, S3Location,
};
use sha2::{Digest, Sha256};
use tidegate_core::{FailureKind, PortError, Revision, Target};

use crate::appspec::AppSpec;

/// Says what to deploy for a revision.
#[async_trait]
pub trait Artifacts: fmt::Debug + Send + Sync {
    /// What CodeDeploy is given for a revision of a target. The same revision always gets the same.
    ///
    /// # Errors
    /// When it is not known.
    async fn artifact(&self, target: &Target, revision: &Revision) -> Result<Artifact, PortError>;
}

/// A table from revisions to artifacts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByTable(
    /// The artifacts by revision.
    pub BTreeMap<Revision, Artifact>,
);

#[async_trait]
impl Artifacts for ByTable {
    async fn artifact(&self, target: &Target, revision: &Revision) -> Result<Artifact, PortError> {
        let known = self.0.get(revision).cloned();
        known.ok_or_else(|| {
            let action = format!("find what to deploy for revision {revision} of {target}");
            PortError::new(FailureKind::Permanent, action).because("the table has no such revision")
        })
    }
}

/// How a bundle in S3 is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundleType {
    /// A tar archive.
    Tar,
    /// A gzipped tar archive.
    Tgz,
    /// A zip archive.
    Zip,
    /// An AppSpec in YAML, for ECS and Lambda.
    Yaml,
    /// An AppSpec in JSON, for ECS and Lambda.
    Json,
}

/// What CodeDeploy is given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Artifact {
    /// A bundle or an AppSpec in S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// The object.
        key: String,
        /// How it is packed.
        bundle: BundleType,
        /// The object's version; the latest if absent, which then may change behind a revision.
        version: Option<String>,
        /// The object's `ETag`.
        etag: Option<String>,
    },
    /// A commit on GitHub. Servers only.
    GitHub {
        /// Owner and name.
        repository: String,
        /// The whole commit id.
        commit: String,
    },
    /// The text of an AppSpec, for ECS and Lambda.
    AppSpec(
        /// YAML or JSON.
        String,
    ),
}

/// The SHA-256 of a text, in hexadecimal digits: what CodeDeploy checks an AppSpec by.
#[must_use]
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl From<&AppSpec> for Artifact {
    /// The AppSpec goes with the request. (One for servers belongs into their bundle instead.)
    fn from(spec: &AppSpec) -> Self {
        Self::AppSpec(spec.to_json())
    }
}

impl Artifact {
    pub(super) fn location(&self) -> RevisionLocation {
        let location = RevisionLocation::builder();
        match self {
            Self::S3 { bucket, key, bundle, version, etag } => {
                let s3 = S3Location::builder()
                    .bucket(bucket)
                    .key(key)
                    .bundle_type(bundle.sdk())
                    .set_version(version.clone())
                    .set_e_tag(etag.clone());
                location.revision_type(RevisionLocationType::S3).s3_location(s3.build())
            }
            Self::GitHub { repository, commit } => {
                let at = GitHubLocation::builder().repository(repository).commit_id(commit);
                location.revision_type(RevisionLocationType::GitHub).git_hub_location(at.build())
            }
            Self::AppSpec(text) => {
                let spec = AppSpecContent::builder().content(text).sha256(sha256(text));
                let kind = RevisionLocationType::AppSpecContent;
                location.revision_type(kind).app_spec_content(spec.build())
            }
        }
        .build()
    }

    /// Whether a deployment's revision is this. What either side leaves open is not compared.
    pub(super) fn is(&self, found: &RevisionLocation) -> bool {
        let open = |ours: &Option<String>, theirs: Option<&str>| {
            ours.as_deref().zip(theirs).is_none_or(|(ours, theirs)| ours == theirs)
        };
        match self {
            Self::S3 { bucket, key, version, etag, .. } => found.s3_location().is_some_and(|s3| {
                s3.bucket() == Some(bucket)
                    && s3.key() == Some(key)
                    && open(version, s3.version())
                    && open(etag, s3.e_tag())
            }),
            Self::GitHub { repository, commit } => found.git_hub_location().is_some_and(|at| {
                at.repository() == Some(repository) && at.commit_id() == Some(commit)
            }),
            Self::AppSpec(text) => found.app_spec_content().is_some_and(|spec| {
                spec.content() == Some(text) || spec.sha256() == Some(&sha256(text))
            }),
        }
    }
}

impl BundleType {
    const fn sdk(self) -> SdkBundle {
        match self {
            Self::Tar => SdkBundle::Tar,
            Self::Tgz => SdkBundle::TarGZip,
            Self::Zip => SdkBundle::Zip,
            Self::Yaml => SdkBundle::Yaml,
            Self::Json => SdkBundle::Json,
        }
    }
}
