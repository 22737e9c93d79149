//! The next release of an alias is run while one is in its middle: it follows as the plan of that one says, and
//! where it can not go, or is refused, that one goes on.

use std::{fs, process::Command};

use super::{
    clouds::{Alias, Cloud, Course, GATE},
    served::Behind,
};
use crate::{
    code, stderr,
    world::{Place, Running},
};

/// A release of version 2 at its gate, whose plan says what becomes of it.
struct Older {
    cloud: Alias,
    place: Place,
    run: Running,
}

impl Older {
    fn at_its_gate(supersede: &str) -> Self {
        let (cloud, place) = (Alias::new(), Alias::place());
        let plan = fs::read_to_string(place.path("release.yaml")).unwrap();
        let policy = format!("policy: {{ supersede: {supersede}, ");
        assert!(plan.contains("policy: { "), "{plan}");
        fs::write(place.path("release.yaml"), plan.replace("policy: { ", &policy)).unwrap();
        let mut run = cloud.run(&place);
        run.until(GATE);
        Self { cloud, place, run }
    }

    fn next(&self, stable: &str, candidate: &str) -> Command {
        let line = format!("run release.yaml --stable {stable} --candidate {candidate}");
        self.cloud.reaching(&self.place, &line)
    }

    /// What a newer run that does not begin says, and that it wrote nothing.
    fn refused(&self, mut newer: Command) -> String {
        let before = self.cloud.lambda.writes();
        let output = newer.output().unwrap();
        assert_eq!(code(&output), 64, "{}", stderr(&output));
        assert_eq!(self.cloud.lambda.writes(), before);
        stderr(&output)
    }

    fn order(&self, line: &str) {
        let output = self.place.tidegate(line);
        assert_eq!(code(&output), 0, "{line}: {}", stderr(&output));
    }

    /// It was not disturbed.
    fn goes_on(self) {
        self.order("promote-full 1");
        assert_eq!(self.run.end().0, 0);
        self.cloud.agrees(Course::Forward, "undisturbed");
    }

    /// Which version serves alone.
    fn serving(&self) -> String {
        let alias = self.cloud.lambda.fake.with(|state| state.aliases["live"].clone());
        let beside = alias["RoutingConfig"]["AdditionalVersionWeights"].as_object().cloned();
        assert!(beside.is_none_or(|beside| beside.is_empty()), "{alias}");
        alias["FunctionVersion"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_plan_that_says_replace_gives_way_to_the_newer_release_which_then_goes() {
    let mut older = Older::at_its_gate("replace");
    let mut newer = Running::of(&mut older.next("1", "3"));
    newer.until("rollout r2 of checkout was opened behind r1, which gives way");
    newer.until("version 2, which is neither arm's");
    newer.until(GATE);
    let (end, printed) = older.run.exit();
    assert_eq!((end, printed.contains("rolled back")), (Some(1), true), "{printed}");
    older.order("promote-full 2");
    assert_eq!(newer.end().0, 0);
    assert_eq!(older.serving(), "3");
}

#[test]
fn a_plan_that_says_queue_goes_to_its_end_first_and_the_newer_release_sets_out_from_there() {
    let mut older = Older::at_its_gate("queue");
    let mut newer = Running::of(&mut older.next("2", "3"));
    newer.until("rollout r2 of checkout was opened behind r1, which goes on to its end first");
    older.order("promote-full 1");
    assert_eq!(older.run.exit().0, Some(0));
    newer.until(GATE);
    older.order("promote-full 2");
    assert_eq!(newer.end().0, 0);
    assert_eq!(older.serving(), "3");
}

#[test]
fn a_newer_release_that_is_aborted_in_the_queue_ends_with_1_and_the_older_one_goes_on() {
    let older = Older::at_its_gate("queue");
    let mut newer = Running::of(&mut older.next("2", "3"));
    newer.until("was opened behind r1");
    older.order("abort 2");
    let (code, printed) = newer.end();
    assert_eq!((code, printed.contains("never started")), (1, true), "{printed}");
    older.goes_on();
}

#[test]
fn a_plan_that_says_refuse_ends_the_newer_run_with_64_and_goes_on() {
    let older = Older::at_its_gate("refuse");
    let told = older.refused(older.next("1", "3"));
    assert!(told.contains("r1, whose plan refuses newer revisions"), "{told}");
    older.goes_on();
}

#[test]
fn a_newer_release_that_can_not_go_ends_with_64_and_the_older_one_does_not_give_way() {
    let older = Older::at_its_gate("replace");
    let told = older.refused(older.next("1", "9"));
    for says in ["nothing was begun, and r1 was left as it is", "missing: version 9"] {
        assert!(told.contains(says), "{says}: {told}");
    }
    older.goes_on();
}
