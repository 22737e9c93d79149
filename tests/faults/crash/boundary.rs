//! Where an engine can crash: before and after each call that it makes, of the journal or a port.
//!
//! The list is that of the traits; a test holds it against their source.

use std::collections::BTreeSet;

use tidegate_mock::Op;

use crate::taps::JournalCall;

/// A call of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Called {
    Journal(JournalCall),
    Port(Op),
    Hook,
}

/// Before or after a call: whether it got through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Before,
    After,
}

/// One place where an engine can crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Boundary {
    pub(crate) called: Called,
    pub(crate) side: Side,
}

const OPS: [Op; 13] = [
    Op::Shift,
    Op::Mirror,
    Op::Provision,
    Op::Scale,
    Op::Retire,
    Op::Start,
    Op::Release,
    Op::Stop,
    Op::Redeploy,
    Op::ReadTraffic,
    Op::ReadCapacity,
    Op::ReadPlatform,
    Op::Look,
];

/// Calls of the journal that an engine does not make while it runs a rollout, and who makes them.
const NOT_WHILE_RUNNING: [(JournalCall, &str); 5] = [
    (JournalCall::Read, "an engine whose row is at another version: the fault simulation"),
    (JournalCall::Release, "nobody: a claim ends with a commit or with its engine"),
    (JournalCall::Prune, "people who prune"),
    (JournalCall::Resign, "an orderly shutdown, which is no crash"),
    (JournalCall::Committed, "an engine whose commit was not answered: the fault simulation"),
];

/// Calls of ports that are made before a rollout is opened, when there is nothing yet to go on with.
const NOT_WHILE_OPEN: [&str; 2] = ["fit", "preflight"];

/// Ports that are called only where a plan asks a person to redeploy, after its end.
const NOT_BY_THESE_PLANS: [Op; 1] = [Op::Redeploy];

/// Every boundary that the shapes together have to hit.
pub(crate) fn all() -> BTreeSet<Boundary> {
    let left_out = |call: &JournalCall| NOT_WHILE_RUNNING.iter().any(|(out, _)| out == call);
    let journal = JournalCall::all().into_iter().filter(|call| !left_out(call));
    let ports = OPS.into_iter().filter(|op| !NOT_BY_THESE_PLANS.contains(op));
    let called = journal.map(Called::Journal).chain(ports.map(Called::Port)).chain([Called::Hook]);
    let sides = |called| [Side::Before, Side::After].map(|side| Boundary { called, side });
    called.flat_map(sides).collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// The names of the calls in a trait of core.
    fn methods(file: &str, of: &str) -> BTreeSet<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src").join(file);
        let source = fs::read_to_string(path).unwrap();
        let (_, from) = source.split_once(&format!("pub trait {of}:")).unwrap();
        let (body, _) = from.split_once("\n}").unwrap();
        let name = |line: &str| {
            line.trim().strip_prefix("async fn ")?.split('(').next().map(str::to_owned)
        };
        body.lines().filter_map(name).collect()
    }

    #[test]
    fn every_call_of_the_journal_is_a_boundary_or_is_left_out_with_a_reason() {
        let ours: BTreeSet<String> =
            JournalCall::all().iter().map(|call| call.method().to_owned()).collect();
        assert_eq!(ours, methods("journal.rs", "Journal"));
    }

    #[test]
    fn every_call_of_the_ports_is_a_boundary() {
        let calls = |of| {
            let methods = methods("ports.rs", of).into_iter();
            methods.filter(|name| !NOT_WHILE_OPEN.contains(&name.as_str())).count()
        };
        let hook = calls("Hook");
        let ports = calls("TrafficShifter") + calls("DeploymentActions") + calls("HealthMetrics");
        assert_eq!((OPS.len(), 1), (ports, hook));
    }
}
