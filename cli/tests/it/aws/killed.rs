//! Runs that are killed before and after every write, on their way forward, back, and where there is no way
//! back, and started again: each ends as it would have, and did everything once.

use std::thread;

use tidegate_aws::fakes::{appmesh::AppMesh, lattice::Lattice};

use super::{
    clouds::{Alias, Cloud, Course, GATE, Group, Native, Sets},
    routers::{Routed, Watched},
};
use crate::{code, stderr, world::Place};

/// Releases that are killed side by side.
const AT_ONCE: usize = 4;

/// Gives the order of a course, once its gate was reached.
fn order(place: &Place, course: Course) {
    let order = if course == Course::Forward { "promote-full" } else { "deny" };
    let output = place.tidegate(&format!("{order} 1 --wait 0"));
    // Whether it was read by then is no matter.
    assert!([0, 2].contains(&code(&output)), "{order}: {}", stderr(&output));
}

/// Runs a release to its end, by as many processes as it takes; the last one's exit code, and how many were
/// killed.
fn ended<C: Cloud>(cloud: &C, course: Course) -> (i32, usize) {
    let place = C::place();
    let (mut kills, mut ordered) = (0, false);
    for _ in 0..3 {
        let mut run = cloud.run(&place);
        for service in cloud.services() {
            service.kill_on_crash(run.id());
        }
        if !ordered && run.tells(GATE) {
            if course == Course::Stuck {
                cloud.services().iter().for_each(|service| service.refuse());
            }
            order(&place, course);
            ordered = true;
        }
        match run.exit() {
            (Some(code), _) => return (code, kills),
            (None, _) => kills += 1,
        }
    }
    panic!("{course:?}: killed more often than it was to be");
}

/// A kill at a request of one of a cloud's services, by its index.
struct Kill {
    service: usize,
    operation: String,
    nth: usize,
    after: bool,
}

/// Kills before and after each write of a release that was not disturbed.
fn kills<C: Cloud>(undisturbed: &C) -> Vec<Kill> {
    let mut kills = Vec::new();
    for (service, behind) in undisturbed.services().into_iter().enumerate() {
        let writes = behind.writes();
        assert!(!writes.is_empty(), "service {service} was not written to");
        for (at, (operation, carried_out)) in writes.iter().enumerate() {
            let nth = 1 + writes[..at].iter().filter(|(one, _)| one == operation).count();
            // What is refused has no effect to be killed after.
            let when = [false, true].into_iter().filter(|after| *carried_out || !after);
            let kill = |after| Kill { service, operation: operation.clone(), nth, after };
            kills.extend(when.map(kill));
        }
    }
    kills
}

/// Whether it came to the kill. How often an absolute number is sent again hangs on when it is seen.
fn survives<C: Cloud>(course: Course, kill: &Kill) -> bool {
    let Kill { service, operation, nth, after } = kill;
    let told = format!("{course:?}, killed at {operation} {nth}, after: {after}");
    let cloud = C::new();
    let request = u32::try_from(*nth).unwrap();
    cloud.services()[*service].crash_at(operation.clone().leak(), request, *after);
    let (code, kills) = ended(&cloud, course);
    assert_eq!(code, course.code(), "{told}");
    cloud.agrees(course, &told);
    let sent = cloud.services()[*service].writes();
    let sent = sent.iter().filter(|(one, _)| one == operation).count();
    assert_eq!(kills == 1, sent >= *nth, "{told}: {kills} kills");
    kills == 1
}

/// A release without a kill, and killed before and after each of its writes, on every course.
fn killed_at_every_write<C: Cloud>() {
    for course in [Course::Forward, Course::Back, Course::Stuck] {
        let undisturbed = C::new();
        assert_eq!(ended(&undisturbed, course), (course.code(), 0), "{course:?}, undisturbed");
        undisturbed.agrees(course, &format!("{course:?}, undisturbed"));
        let (kills, mut killed) = (kills(&undisturbed), 0);
        // Most of the time, processes wait.
        for some in kills.chunks(AT_ONCE) {
            thread::scope(|scope| {
                let spawn = |kill| scope.spawn(move || survives::<C>(course, kill));
                let side_by_side: Vec<_> = some.iter().map(spawn).collect();
                for one in side_by_side {
                    killed += usize::from(one.join().unwrap());
                }
            });
        }
        assert!(2 * killed > kills.len(), "{course:?}: only {killed} of {} kills", kills.len());
    }
}

#[test]
fn a_run_over_an_alias_ends_as_it_would_have() {
    killed_at_every_write::<Alias>();
}

#[test]
fn a_run_over_task_sets_and_a_load_balancer_ends_as_it_would_have() {
    killed_at_every_write::<Sets>();
}

#[test]
fn a_run_over_codedeploy_starts_one_deployment_and_ends_as_it_would_have() {
    killed_at_every_write::<Group>();
}

#[test]
fn a_run_over_a_service_of_ecs_starts_one_deployment_and_ends_as_it_would_have() {
    killed_at_every_write::<Native>();
}

#[test]
fn a_run_over_app_mesh_ends_as_it_would_have() {
    killed_at_every_write::<Routed<AppMesh>>();
}

#[test]
fn a_run_over_lattice_ends_as_it_would_have() {
    killed_at_every_write::<Routed<Lattice>>();
}

#[test]
fn a_run_over_a_load_balancer_that_an_alarm_guards_ends_as_it_would_have() {
    killed_at_every_write::<Watched>();
}
