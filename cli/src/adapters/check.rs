//! What can be wrong with a section of adapters that reads well. Must not know any adapter.

use tidegate_core::KeyPath;

use super::{
    SECTION,
    spec::{AdaptersSpec, ArmsSpec, ArtifactSpec, DeploySpec, REVISION, TrafficSpec},
};

/// Something that is wrong, and where.
pub(super) type Found = (KeyPath, String);

/// Everything that is wrong with a section.
pub(super) fn problems(spec: &AdaptersSpec) -> Vec<Found> {
    let section = KeyPath::of(SECTION);
    let mut found = Vec::new();
    if spec.traffic.is_none() && !matches!(spec.deploy, Some(DeploySpec::Codedeploy(_))) {
        let what = "the key traffic is missing; only codedeploy moves traffic by itself";
        found.push((section.clone(), what.to_owned()));
    }
    match (&spec.traffic, &spec.deploy) {
        (Some(TrafficSpec::Lambda(_)), None) | (_, Some(_)) => {}
        (_, None) => {
            let what = "the key deploy is missing; only a lambda alias deploys by itself";
            found.push((section.clone(), what.to_owned()));
        }
    }
    found.extend(spec.traffic.iter().flat_map(|one| of_traffic(&section.key("traffic"), one)));
    found.extend(spec.deploy.iter().flat_map(|one| of_deploy(&section.key("deploy"), one)));
    found
}

fn of_traffic(at: &KeyPath, spec: &TrafficSpec) -> Vec<Found> {
    let (at, routes, arms) = match spec {
        TrafficSpec::Alb(alb) => (at.key("alb"), alb.routes.len(), &alb.arms),
        TrafficSpec::Lattice(lattice) => (at.key("lattice"), lattice.routes.len(), &lattice.arms),
        TrafficSpec::AppMesh(mesh) => (at.key("app_mesh"), mesh.routes.len(), &mesh.arms),
        TrafficSpec::Lambda(_) => return Vec::new(),
    };
    let mut found = Vec::new();
    if !(1..=255).contains(&routes) {
        found.push((at.key("routes"), format!("{routes} routes; expected 1 to 255")));
    }
    if let ArmsSpec::Fixed(places) = arms
        && places.stable == places.candidate
    {
        let what = "is where stable is served as well; expected another place";
        found.push((at.key("arms").key("fixed").key("candidate"), what.to_owned()));
    }
    found
}

/// An artifact that does not depend on the revision would be deployed on the way back, too.
fn of_deploy(at: &KeyPath, spec: &DeploySpec) -> Option<Found> {
    let DeploySpec::Codedeploy(codedeploy) = spec else { return None };
    let at = at.key("codedeploy").key("artifact");
    let (at, text) = match &codedeploy.artifact {
        ArtifactSpec::S3(s3) => (at.key("s3").key("key"), &s3.key),
        ArtifactSpec::AppSpec(text) => (at.key("app_spec"), text),
        ArtifactSpec::Github(_) => return None,
    };
    let what = || format!("is the same for every revision; expected {REVISION} in it");
    (!text.contains(REVISION)).then(|| (at, what()))
}
