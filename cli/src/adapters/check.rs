//! What can be wrong with a section of adapters that reads well. Must not know any adapter.

use tidegate_core::KeyPath;

use super::{
    SECTION,
    health::{
        AlarmsSpec, CloudWatchSpec, HealthSpec, MeasureSpec, MetricSpec, SeriesSpec, StatisticSpec,
    },
    spec::{
        AdaptersSpec, ArmsSpec, REVISION,
        deploy::{ArtifactSpec, CodeDeploySpec, DeploySpec},
        task_sets::{RunsOnSpec, TaskSetsSpec},
        traffic::TrafficSpec,
    },
};

/// Something that is wrong, and where.
pub(super) type Found = (KeyPath, String);

/// Everything that is wrong with a section.
pub(super) fn problems(spec: &AdaptersSpec) -> Vec<Found> {
    let section = KeyPath::of(SECTION);
    let mut found = Vec::new();
    let moves_traffic = matches!(spec.deploy, Some(DeploySpec::Codedeploy(_) | DeploySpec::Ecs(_)));
    if spec.traffic.is_none() && !moves_traffic {
        let what = "the key traffic is missing; only codedeploy and ecs move traffic by themselves";
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
    match &spec.deploy {
        Some(DeploySpec::Codedeploy(one)) => {
            found.extend(of_codedeploy(&section.key("deploy").key("codedeploy"), one));
        }
        Some(DeploySpec::TaskSets(one)) => {
            let at = section.key("deploy").key("task_sets");
            found.extend(of_task_sets(&at, one, spec.traffic.as_ref()));
        }
        Some(DeploySpec::ByOthers | DeploySpec::Ecs(_)) | None => {}
    }
    found.extend(spec.health.iter().flat_map(|one| of_health(&section.key("health"), one)));
    found
}

fn of_traffic(at: &KeyPath, spec: &TrafficSpec) -> Vec<Found> {
    let (at, routes) = match spec {
        TrafficSpec::Alb(alb) => (at.key("alb"), alb.routes.len()),
        TrafficSpec::Lattice(lattice) => (at.key("lattice"), lattice.routes.len()),
        TrafficSpec::AppMesh(mesh) => (at.key("app_mesh"), mesh.routes.len()),
        TrafficSpec::Lambda(_) => return Vec::new(),
    };
    let mut found = Vec::new();
    if !(1..=255).contains(&routes) {
        found.push((at.key("routes"), format!("{routes} routes; expected 1 to 255")));
    }
    found.extend(spec.arms().and_then(|arms| of_arms(&at.key("arms"), arms)));
    found
}

fn of_arms(at: &KeyPath, arms: &ArmsSpec) -> Option<Found> {
    let ArmsSpec::Fixed(places) = arms else { return None };
    let what = "is where stable is served as well; expected another place";
    let at = at.key("fixed").key("candidate");
    (places.stable == places.candidate).then(|| (at, what.to_owned()))
}

fn of_health(at: &KeyPath, spec: &HealthSpec) -> Vec<Found> {
    let HealthSpec::Cloudwatch(spec) = spec;
    let at = at.key("cloudwatch");
    let CloudWatchSpec { arms, ready_made, metrics, alarms, .. } = spec;
    let mut found = Vec::new();
    if ready_made.is_none() && metrics.is_empty() && alarms.is_empty() {
        let what = "measures nothing; expected ready_made, metrics or alarms";
        found.push((at.clone(), what.to_owned()));
    }
    found.extend(arms.iter().filter_map(|arms| of_arms(&at.key("arms"), arms)));
    for (name, metric) in metrics {
        let place = at.key("metrics").key(name);
        found.extend(of_metric(metric).map(|what| (place, what)));
    }
    for (name, spec) in alarms {
        let place = at.key("alarms").key(name);
        if metrics.contains_key(name) {
            let what = "is the name of a metric as well; expected another name";
            found.push((place.clone(), what.to_owned()));
        }
        found.extend(of_alarms(spec).map(|what| (place.key("names"), what)));
    }
    found
}

fn of_alarms(spec: &AlarmsSpec) -> Option<String> {
    let names = &spec.names;
    let again = |(index, name): &(usize, &String)| names[..*index].contains(name);
    match names.iter().enumerate().find(again) {
        Some((_, name)) => Some(format!("{name} is there twice; expected each alarm once")),
        None => names.is_empty().then(|| "no alarms; expected at least one".to_owned()),
    }
}

/// A statistic that CloudWatch would refuse in the middle of a rollout.
fn of_metric(spec: &MetricSpec) -> Option<String> {
    let series = match &spec.measure {
        MeasureSpec::Count(spec) => vec![&spec.events, &spec.exposures],
        MeasureSpec::Sum(spec) => vec![&spec.sum, &spec.samples],
        MeasureSpec::Value(spec) => std::iter::once(&spec.value).chain(&spec.samples).collect(),
        MeasureSpec::Above(_) => Vec::new(),
    };
    let statistics = series.into_iter().flat_map(|series| match series {
        SeriesSpec::Metric(one) => vec![&one.statistic],
        SeriesSpec::Maths(maths) => maths.of.values().map(|one| &one.statistic).collect(),
    });
    statistics.into_iter().find_map(|statistic| match statistic {
        StatisticSpec::Percentile(percent) if !(*percent > 0.0 && *percent < 100.0) => {
            Some(format!("{percent} is no percentile; expected a number above 0 and below 100"))
        }
        StatisticSpec::CountAbove(edge) | StatisticSpec::PercentAbove(edge)
            if !edge.is_finite() =>
        {
            Some(format!("{edge} is no edge; expected a number"))
        }
        _ => None,
    })
}

/// An artifact that does not depend on the revision would be deployed on the way back, too.
fn of_codedeploy(at: &KeyPath, spec: &CodeDeploySpec) -> Option<Found> {
    let at = at.key("artifact");
    let (at, text) = match &spec.artifact {
        ArtifactSpec::S3(s3) => (at.key("s3").key("key"), &s3.key),
        ArtifactSpec::AppSpec(text) => (at.key("app_spec"), text),
        ArtifactSpec::Github(_) => return None,
    };
    let what = || format!("is the same for every revision; expected {REVISION} in it");
    (!text.contains(REVISION)).then(|| (at, what()))
}

fn of_task_sets(at: &KeyPath, spec: &TaskSetsSpec, traffic: Option<&TrafficSpec>) -> Vec<Found> {
    let mut found = Vec::new();
    if traffic.is_some_and(|traffic| !matches!(traffic, TrafficSpec::Alb(_))) {
        let what = "task sets are put behind the target groups of traffic.alb; expected that";
        found.push((at.clone(), what.to_owned()));
    }
    let subnets = spec.network.as_ref().map(|network| network.subnets.len());
    if let Some(count) = subnets.filter(|count| !(1..=16).contains(count)) {
        let at = at.key("network").key("subnets");
        found.push((at, format!("{count} subnets; expected 1 to 16")));
    }
    if let Some(RunsOnSpec::CapacityProviders(all)) = &spec.runs_on
        && all.iter().all(|one| one.weight == 0)
    {
        let what = "no capacity provider with a weight above zero; expected at least one";
        found.push((at.key("runs_on").key("capacity_providers"), what.to_owned()));
    }
    found
}
