//! The protocol as it is built, class by class: what never happens, and what happens only where an assumption is broken.

use tidegate_core::SafetyClass;

use crate::{
    claims::Breach,
    limits::{Limits, Rate, Time},
    model::Scene,
    rules::Protocol,
    search,
};

/// A class as it is built, and the trouble it is given.
pub(crate) struct Row {
    pub(crate) says: &'static str,
    pub(crate) scene: Scene,
    /// What may happen, by the promise of the class.
    pub(crate) allowed: &'static [Breach],
}

/// Each class inside its assumptions. `grown` widens the limits.
pub(crate) fn kept(grown: impl Fn(Limits) -> Limits) -> Vec<Row> {
    let ever = Limits { copy_outlives_answer: true, ..Limits::small().with_back() };
    let timed = Limits::small().with_back().timed(SKEWED);
    let row = |says, protocol, limits, allowed| Row {
        says,
        scene: Scene { protocol, limits: grown(limits) },
        allowed,
    };
    vec![
        row(
            "1, going back at once; calls land at any time, engines pause anywhere",
            Protocol::built(SafetyClass::CompareAndSet),
            ever,
            &[],
        ),
        row(
            "2, an unknown call resolved before going back; calls land at any time, engines pause anywhere",
            RESOLVED,
            ever,
            &[],
        ),
        row(
            "2, going back at once, then guarded",
            Protocol::built(SafetyClass::Token),
            timed,
            &[Breach::Overtaken],
        ),
        row(
            "3, going back at once, then guarded",
            Protocol::built(SafetyClass::BareSet),
            timed,
            &[Breach::SameValue, Breach::Overtaken],
        ),
        row(
            "4, made again only after the late bound and two look-ups",
            Protocol::built(SafetyClass::BareCreate),
            Limits { copies: 0, blind_looks: 1, ..timed },
            &[],
        ),
    ]
}

/// Classes with one assumption broken.
pub(crate) fn broken() -> Vec<Row> {
    let timed = Limits { crashes: 0, ..Limits::small().with_back().timed(SKEWED) };
    let paused = Limits { pause_after_check: true, claims: 2, ..timed };
    let copied = Limits { copy_outlives_answer: true, claims: 1, ..timed };
    let row = |says, class, limits| Row {
        says,
        scene: Scene { protocol: Protocol::built(class), limits },
        allowed: promised(class),
    };
    vec![
        row(
            "2, an engine is paused between looking at its lease and sending",
            SafetyClass::Token,
            paused,
        ),
        row(
            "3, an engine is paused between looking at its lease and sending",
            SafetyClass::BareSet,
            paused,
        ),
        row("3, a copy of a call lands after the call was answered", SafetyClass::BareSet, copied),
        row(
            "4, an engine is paused between looking at its lease and sending",
            SafetyClass::BareCreate,
            Limits { copies: 0, blind_looks: 0, ..paused },
        ),
        row("4, the transport sends a call twice", SafetyClass::BareCreate, copied),
        row(
            "4, two look-ups in a row are shown an old list",
            SafetyClass::BareCreate,
            Limits { copies: 0, blind_looks: 2, claims: 1, ..timed },
        ),
    ]
}

/// What may happen to a class, inside its assumptions.
pub(crate) const fn promised(class: SafetyClass) -> &'static [Breach] {
    match class {
        SafetyClass::CompareAndSet | SafetyClass::BareCreate => &[],
        SafetyClass::Token => &[Breach::Overtaken],
        SafetyClass::BareSet => &[Breach::SameValue, Breach::Overtaken],
    }
}

/// What must never happen, given what may.
pub(crate) fn forbidden(allowed: &[Breach]) -> Vec<Breach> {
    Breach::ALL.into_iter().filter(|breach| !allowed.contains(breach)).collect()
}

/// A slow clock, a fast one, and a true one.
pub(crate) const SKEWED: Time = Time::short([Rate::Half, Rate::Double, Rate::Same]);

/// Class 2 without an assumption on time: a rollback waits for the answer of what it follows.
const RESOLVED: Protocol =
    Protocol { overtake: false, lease_before_send: false, ..Protocol::built(SafetyClass::Token) };

/// Three engines, three effects, three crashes.
const fn deep(limits: Limits) -> Limits {
    Limits { engines: 3, crashes: 3, claims: 3, sendings: 1, lost_commits: 0, ..limits }
}

/// Visits every state of the classes as built, and holds them to what is promised. Returns how many there were.
fn hold_to_promises(rows: &[Row]) -> usize {
    let mut states = 0;
    for Row { says, scene, allowed } in rows {
        let found = search::everything(scene);
        println!(
            "class {says}: {} states, {} steps, {} deep, {:?}",
            found.states,
            found.steps,
            found.depth,
            found.breaches.keys().collect::<Vec<_>>(),
        );
        for breach in forbidden(allowed) {
            assert!(!found.has(breach), "class {says}: {}\n{}", breach.name(), found.trace(breach));
        }
        for breach in *allowed {
            assert!(found.has(*breach), "class {says}: {} was never seen", breach.name());
        }
        assert!(found.completes && found.goes_back, "class {says}: not every end was reached");
        states += found.states;
    }
    states
}

#[test]
fn no_class_breaks_its_promise_inside_its_assumptions() {
    let quick = |limits| Limits { crashes: 1, claims: 2, lost_commits: 0, sendings: 1, ..limits };
    hold_to_promises(&kept(quick));
}

#[test]
fn no_class_breaks_its_promise_with_three_engines_and_three_crashes() {
    if std::env::var_os("TIDEGATE_DEEP").is_none() {
        eprintln!("left out: three engines and three crashes; set TIDEGATE_DEEP=1 to explore them");
        return;
    }
    let states = hold_to_promises(&kept(deep));
    println!("{states} states in all");
    assert!(states >= 10_000_000, "the limits have become too narrow: {states} states");
}
