//! AWS as releases of several kinds see it: the services, the plan, and when what was done is what was to be
//! done, once.

use std::{fs, process::Command};

use tidegate_aws::fakes::{
    alb::{LoadBalancing, group_arn, rule_arn},
    codedeploy::{CodeDeploy, Compute},
    ecs::{Ecs, Status, Strategy, definition},
    lambda::Lambda,
};

use super::served::{Behind, Served};
use crate::{
    repository,
    world::{Place, Running},
};

/// Where the tests' plans wait for a person.
pub(super) const GATE: &str = " is next";

/// Minutes that a platform waits to be continued: longer than any test takes, at its service's speed.
const LONG: u32 = 24 * 60;

/// How much faster time passes for platforms, which take minutes.
const SPEED: u32 = 300;

/// How a release goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It is approved.
    Forward,
    /// It is denied at its first gate.
    Back,
    /// It is denied, and nothing can be written any more.
    Stuck,
}

impl Course {
    /// The exit code of its run.
    pub(super) const fn code(self) -> i32 {
        match self {
            Self::Forward => 0,
            Self::Back => 1,
            Self::Stuck => 2,
        }
    }
}

/// AWS as one release sees it.
pub(super) trait Cloud {
    /// The plan, in `tests/adapters`.
    const PLAN: &'static str;

    /// In order, and served.
    fn new() -> Self;

    /// What its run is given.
    fn revisions() -> [String; 2];

    /// The services that are written to.
    fn services(&self) -> Vec<&dyn Behind>;

    /// Those that are only read.
    fn only_read(&self) -> Vec<&dyn Behind> {
        Vec::new()
    }

    /// Fails unless everything was done as often as it had to be, and is as the course says.
    fn agrees(&self, course: Course, told: &str);

    /// A folder with the plan in it.
    fn place() -> Place {
        let place = Place::new();
        let plan = repository().join("cli/tests/adapters").join(Self::PLAN);
        fs::copy(plan, place.path("release.yaml")).unwrap();
        place
    }

    /// A command of the program about its revisions, which reaches the services, and nothing else.
    fn command(&self, place: &Place, line: &str) -> Command {
        let [stable, candidate] = Self::revisions();
        self.reaching(place, &format!("{line} --stable {stable} --candidate {candidate}"))
    }

    /// A command of the program that reaches the services, and nothing else.
    fn reaching(&self, place: &Place, line: &str) -> Command {
        let mut command = place.command(line);
        // Nobody listens on the port of discarded packets.
        command
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDFAKE")
            .env("AWS_SECRET_ACCESS_KEY", "fake")
            .envs(self.services().iter().map(|service| service.endpoint()))
            .envs(self.only_read().iter().map(|service| service.endpoint()));
        command
    }

    /// Begins the release, or goes on with it.
    fn run(&self, place: &Place) -> Running {
        Running::of(&mut self.command(place, "run release.yaml"))
    }
}

/// A Lambda alias.
pub(super) struct Alias {
    pub(super) lambda: Served<Lambda>,
}

impl Cloud for Alias {
    const PLAN: &'static str = "held_alias.yaml";

    fn new() -> Self {
        Self { lambda: Served::new(Lambda::live(), 1) }
    }

    fn revisions() -> [String; 2] {
        ["1", "2"].map(ToOwned::to_owned)
    }

    fn services(&self) -> Vec<&dyn Behind> {
        vec![&self.lambda]
    }

    fn agrees(&self, course: Course, told: &str) {
        let alias = self.lambda.fake.with(|state| state.aliases["live"].clone());
        let beside = alias["RoutingConfig"]["AdditionalVersionWeights"].get("2").cloned();
        let (version, beside) = (alias["FunctionVersion"].clone(), beside.unwrap_or_default());
        match course {
            Course::Forward => assert_eq!((version, beside), ("2".into(), ().into()), "{told}"),
            Course::Back => assert_eq!((version, beside), ("1".into(), ().into()), "{told}"),
            Course::Stuck => assert_eq!((version, beside), ("1".into(), 0.1.into()), "{told}"),
        }
        // To 10 %, and from there to the end.
        let shifts = if course == Course::Stuck { 1 } else { 2 };
        assert_eq!(self.lambda.fake.carried_out("UpdateAlias"), shifts, "{told}");
    }
}

/// Task sets behind a load balancer.
pub(super) struct Sets {
    pub(super) ecs: Served<Ecs>,
    pub(super) elb: Served<LoadBalancing>,
}

impl Cloud for Sets {
    const PLAN: &'static str = "held_task_sets.yaml";

    fn new() -> Self {
        let mut state = Ecs::external();
        state.sets[0] = state.sets[0].clone().behind(&group_arn("blue"));
        let elb = Served::new(LoadBalancing::blue_and_green(), 1);
        Self { ecs: Served::new(state, SPEED), elb }
    }

    fn revisions() -> [String; 2] {
        [1, 2].map(definition)
    }

    fn services(&self) -> Vec<&dyn Behind> {
        vec![&self.ecs, &self.elb]
    }

    fn agrees(&self, course: Course, told: &str) {
        let (arm, weights) = match course {
            Course::Forward => (2, [0, 100]),
            Course::Back => (1, [100, 0]),
            Course::Stuck => (1, [90, 10]),
        };
        self.ecs.fake.with(|state| {
            let made = state.sets.iter().filter(|set| set.definition == definition(2)).count();
            assert_eq!((state.sets.len(), made), (2, 1), "{told}");
            let primary = state.primary.map(|index| state.sets[index].definition.clone());
            assert_eq!(primary, Some(definition(arm)), "{told}");
            let left = state.sets.iter().filter(|set| !set.deleted).count();
            let wanted = if course == Course::Stuck { 2 } else { 1 };
            assert_eq!(left, wanted, "{told}");
        });
        let found = self.elb.fake.with(|state| state.weights(&rule_arn("checkout")));
        let found: Vec<_> = found.into_iter().map(|(_, weight)| weight).collect();
        assert_eq!(found, weights, "{told}");
    }
}

/// A deployment group of CodeDeploy that waits before its first shift.
pub(super) struct Group {
    pub(super) codedeploy: Served<CodeDeploy>,
}

impl Cloud for Group {
    const PLAN: &'static str = "held_group.yaml";

    fn new() -> Self {
        let mut state = CodeDeploy::in_group(Compute::Ecs);
        state.group.ready_wait = Some(LONG);
        // Nobody should have to lean upon the quota that forbids a second deployment.
        state.one_at_a_time = false;
        Self { codedeploy: Served::new(state, SPEED) }
    }

    fn revisions() -> [String; 2] {
        ["1", "2"].map(ToOwned::to_owned)
    }

    fn services(&self) -> Vec<&dyn Behind> {
        vec![&self.codedeploy]
    }

    fn agrees(&self, course: Course, told: &str) {
        let wanted = match course {
            Course::Forward => Some("Succeeded"),
            Course::Back => Some("Stopped"),
            Course::Stuck => None,
        };
        self.codedeploy.fake.with(|state| {
            let ours = state.deployments.iter().filter(|one| one.description.is_some());
            let ours: Vec<_> = ours.map(|one| one.status).collect();
            assert_eq!(ours, [wanted], "{told}");
        });
        assert_eq!(self.codedeploy.fake.carried_out("CreateDeployment"), 1, "{told}");
    }
}

/// A service of ECS that pauses before each shift.
pub(super) struct Native {
    pub(super) ecs: Served<Ecs>,
}

impl Cloud for Native {
    const PLAN: &'static str = "held_service.yaml";

    fn new() -> Self {
        let mut state = Ecs::with(Strategy::Canary);
        state.setup.pauses.iter_mut().for_each(|pause| pause.minutes = LONG);
        Self { ecs: Served::new(state, SPEED) }
    }

    fn revisions() -> [String; 2] {
        [1, 2].map(definition)
    }

    fn services(&self) -> Vec<&dyn Behind> {
        vec![&self.ecs]
    }

    fn agrees(&self, course: Course, told: &str) {
        let (status, arm) = match course {
            Course::Forward => (Status::Successful, Some(2)),
            Course::Back => (Status::RollbackSuccessful, Some(1)),
            Course::Stuck => (Status::InProgress, None),
        };
        self.ecs.fake.with(|state| {
            assert_eq!(state.deployments_of(&definition(2)), 1, "{told}");
            assert_eq!(state.deployments.last().map(|one| one.status), Some(status), "{told}");
            assert_eq!(state.serving(), arm.map(definition).as_deref(), "{told}");
        });
        assert_eq!(self.ecs.fake.carried_out("UpdateService"), 1, "{told}");
    }
}
