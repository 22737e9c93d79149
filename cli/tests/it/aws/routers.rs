//! Releases that somebody else has deployed, and that a router alone carries: App Mesh, Lattice, and a load
//! balancer under the guard of an alarm.

use tidegate_aws::fakes::{
    Service,
    alb::{LoadBalancing, listener_arn},
    appmesh::AppMesh,
    cloudwatch::{Alarm, CloudWatch},
    lattice::{Lattice, rule_id},
};

use super::{
    clouds::{Cloud, Course},
    served::{Behind, Served},
};

/// A service with one route between `blue` and `green`.
pub(super) trait Router: Service {
    const PLAN: &'static str;

    /// Everything goes to `blue`.
    fn to_blue() -> Self;

    /// The weights of `blue` and `green`.
    fn weights(&self) -> Vec<u64>;
}

impl Router for AppMesh {
    const PLAN: &'static str = "held_mesh.yaml";

    fn to_blue() -> Self {
        Self::blue_and_green()
    }

    fn weights(&self) -> Vec<u64> {
        let targets = &self.specs["checkout"]["httpRoute"]["action"]["weightedTargets"];
        let targets = targets.as_array().into_iter().flatten();
        targets.map(|target| target["weight"].as_u64().unwrap()).collect()
    }
}

impl Router for Lattice {
    const PLAN: &'static str = "held_lattice.yaml";

    fn to_blue() -> Self {
        Self::blue_and_green()
    }

    fn weights(&self) -> Vec<u64> {
        Self::weights(self, &rule_id("checkout")).into_iter().map(|(_, weight)| weight).collect()
    }
}

fn wanted(course: Course) -> [u64; 2] {
    match course {
        Course::Forward => [0, 100],
        Course::Back => [100, 0],
        Course::Stuck => [90, 10],
    }
}

/// A router by itself.
pub(super) struct Routed<S> {
    router: Served<S>,
}

impl<S: Router> Cloud for Routed<S> {
    const PLAN: &'static str = S::PLAN;

    fn new() -> Self {
        Self { router: Served::new(S::to_blue(), 1) }
    }

    fn revisions() -> [String; 2] {
        ["v1", "v2"].map(ToOwned::to_owned)
    }

    fn services(&self) -> Vec<&dyn Behind> {
        vec![&self.router]
    }

    fn agrees(&self, course: Course, told: &str) {
        let found = self.router.fake.with(|state| state.weights());
        assert_eq!(found, wanted(course), "{told}");
    }
}

/// The default action of a listener, under the guard of an alarm.
pub(super) struct Watched {
    pub(super) elb: Served<LoadBalancing>,
    pub(super) cloudwatch: Served<CloudWatch>,
}

impl Watched {
    /// The alarm of the plan.
    pub(super) const ALARM: &str = "checkout-down";
}

impl Cloud for Watched {
    const PLAN: &'static str = "held_watched.yaml";

    fn new() -> Self {
        let mut cloudwatch = CloudWatch::default();
        cloudwatch.alarms.insert(Self::ALARM.to_owned(), Alarm::ok());
        let elb = Served::new(LoadBalancing::blue_and_green(), 1);
        Self { elb, cloudwatch: Served::new(cloudwatch, 1) }
    }

    fn revisions() -> [String; 2] {
        ["v1", "v2"].map(ToOwned::to_owned)
    }

    fn services(&self) -> Vec<&dyn Behind> {
        vec![&self.elb]
    }

    fn only_read(&self) -> Vec<&dyn Behind> {
        vec![&self.cloudwatch]
    }

    fn agrees(&self, course: Course, told: &str) {
        let found = self.elb.fake.with(|state| state.weights(&listener_arn("main")));
        let found: Vec<_> = found.into_iter().map(|(_, weight)| u64::from(weight)).collect();
        assert_eq!(found, wanted(course), "{told}");
        let looks = self.cloudwatch.fake.carried_out("DescribeAlarms");
        assert!(looks > 0, "{told}: nobody looked at the alarm");
    }
}
