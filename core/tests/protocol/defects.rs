//! Defects, each seeded into the protocol as it is built, and each found.

use tidegate_core::SafetyClass;

use crate::{
    classes::{SKEWED, forbidden, promised},
    limits::{Limits, Rate, Time},
    model::Scene,
    rules::{Claim, Fence, Key, LostCommit, Protocol, Revision, Then},
    search::{self, Found},
};

/// One defect.
pub(crate) struct Defect {
    pub(crate) says: &'static str,
    pub(crate) scene: Scene,
}

impl Defect {
    /// Searches until something is found that the class never allows.
    pub(crate) fn hunt(&self) -> Found {
        search::until_one_of(&self.scene, &forbidden(promised(self.scene.protocol.class)))
    }
}

const CAS: Protocol = Protocol::built(SafetyClass::CompareAndSet);
const TOKEN: Protocol = Protocol::built(SafetyClass::Token);
const SET: Protocol = Protocol::built(SafetyClass::BareSet);
const CREATE: Protocol = Protocol::built(SafetyClass::BareCreate);

/// Trouble enough for each defect to show, and no more.
const TROUBLE: Limits = Limits { claims: 2, crashes: 0, copies: 0, moves: 3, ..Limits::small() };

/// All of them.
pub(crate) fn all() -> Vec<Defect> {
    let mut all = at_the_journal();
    all.extend(at_the_lease());
    all.extend(at_the_target());
    all
}

fn seeded(says: &'static str, protocol: Protocol) -> Defect {
    let limits = match protocol.class {
        SafetyClass::CompareAndSet => TROUBLE,
        _ => TROUBLE.timed(SKEWED),
    };
    Defect { says, scene: Scene { protocol, limits } }
}

/// Where an answer to a commit has to be lost for it.
fn lossy(mut defect: Defect) -> Defect {
    defect.scene.limits.lost_commits = 1;
    defect
}

/// Where somebody has to go back for it.
fn back(mut defect: Defect) -> Defect {
    defect.scene.limits.back = true;
    defect
}

fn at_the_journal() -> Vec<Defect> {
    let fence = SET.fence;
    vec![
        lossy(back(seeded(
            "no epoch check",
            Protocol { fence: Fence { epoch: false, ..fence }, ..SET },
        ))),
        lossy(seeded(
            "no version check",
            Protocol { fence: Fence { version: false, ..fence }, ..TOKEN },
        )),
        seeded(
            "an outcome is written without epoch and version",
            Protocol { fence: Fence { outcomes: false, ..fence }, ..SET },
        ),
        lossy(seeded(
            "a commit without an answer is repeated blindly",
            Protocol { lost_commit: LostCommit::Repeat, ..TOKEN },
        )),
        seeded("the call goes before its intent", Protocol { intent_first: false, ..TOKEN }),
    ]
}

fn at_the_lease() -> Vec<Defect> {
    let slow_owner = TROUBLE.timed(Time::short([Rate::Half, Rate::Same, Rate::Same]));
    let fast_waiter = TROUBLE.timed(Time::short([Rate::Double, Rate::Same, Rate::Same]));
    vec![
        seeded(
            "a row is claimed though its lease is good",
            Protocol { claim: Claim::Unchecked, ..SET },
        ),
        seeded(
            "the claimer's own clock says when a lease has lapsed",
            Protocol { claim: Claim::LapsedByOwnClock, ..SET },
        ),
        seeded("a lapsed lease is renewed", Protocol { renews_lapsed: true, ..SET }),
        seeded(
            "nobody looks at its lease before it sends",
            Protocol { lease_before_send: false, ..SET },
        ),
        Defect {
            says: "no margin, and a slow clock; the bound waited out once",
            scene: Scene { protocol: Protocol { margin: 0, wait: 4, ..SET }, limits: slow_owner },
        },
        Defect {
            says: "a fast clock; the bound waited out once by it",
            scene: Scene { protocol: Protocol { wait: 4, ..SET }, limits: fast_waiter },
        },
    ]
}

fn at_the_target() -> Vec<Defect> {
    let hides = |mut defect: Defect| {
        defect.scene.limits.blind_looks = 1;
        defect
    };
    vec![
        seeded(
            "the revision is read just before sending",
            Protocol { revision: Revision::ReadLate, ..CAS },
        ),
        back(seeded(
            "a refused revision is taken for done",
            Protocol { conflict_is_done: true, ..CAS },
        )),
        seeded(
            "a call without an answer is taken for done",
            Protocol { unknown_is_done: true, ..SET },
        ),
        seeded("a key for each attempt", Protocol { key: Key::Attempt, ..TOKEN }),
        seeded("a token that contains the epoch", Protocol { key: Key::MoveAndEpoch, ..TOKEN }),
        seeded("a second uncertain call at once", Protocol { settle_own: false, ..SET }),
        seeded(
            "a new owner does not wait for old calls",
            Protocol { settle_claimed: false, ..SET },
        ),
        seeded(
            "a new owner takes an open intent for one not sent",
            Protocol { claimed_is_unsent: true, ..CREATE },
        ),
        back(seeded(
            "no guard after going back over an unknown call",
            Protocol { guard: false, ..SET },
        )),
        seeded("made again without a look-up", Protocol { then: Then::LookUp(0), ..CREATE }),
        hides(seeded("made again after one look-up", Protocol { then: Then::LookUp(1), ..CREATE })),
        seeded("made again before the late bound", Protocol { settle_own: false, ..CREATE }),
    ]
}

#[test]
fn each_defect_is_found() {
    let lives: Vec<_> = all()
        .iter()
        .filter(|defect| {
            let found = defect.hunt();
            let harm = forbidden(promised(defect.scene.protocol.class));
            !harm.iter().any(|breach| found.has(*breach))
        })
        .map(|defect| defect.says)
        .collect();
    assert!(lives.is_empty(), "not found: {lives:?}");
}
