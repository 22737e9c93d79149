//! Breadth first over all states of a scene, level by level on two threads. What is found first was reached in the
//! fewest steps, and is the same in every run.

use std::collections::BTreeMap;

use crate::{
    claims::Breach,
    fingerprint::{self, Places},
    journal::Way,
    model::{Action, Scene, State},
    offers, steps,
};

/// States expanded before their successors are entered: bounds what is held beside the frontier.
const BATCH: usize = 1 << 17;

/// What a search found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Different states.
    pub(crate) states: usize,
    /// Steps taken between them.
    pub(crate) steps: usize,
    /// Steps from the start to the farthest state.
    pub(crate) depth: usize,
    /// The shortest way to each breach.
    pub(crate) breaches: BTreeMap<Breach, Vec<Action>>,
    /// Whether some way leads to the end of the plan.
    pub(crate) completes: bool,
    /// Whether some way leads back to where it was.
    pub(crate) goes_back: bool,
}

impl Found {
    /// Whether this happened.
    pub(crate) fn has(&self, breach: Breach) -> bool {
        self.breaches.contains_key(&breach)
    }

    /// The shortest way to a breach, a line a step.
    pub(crate) fn trace(&self, breach: Breach) -> String {
        let steps = self.breaches.get(&breach).into_iter().flatten();
        steps.zip(1..).map(|(step, n)| format!("{n:>4}. {step}\n")).collect()
    }
}

/// Visits every state.
pub(crate) fn everything(scene: &Scene) -> Found {
    search(scene, |_| false)
}

/// Visits states until one of these breaches is found.
pub(crate) fn until_one_of(scene: &Scene, breaches: &[Breach]) -> Found {
    search(scene, |found| breaches.iter().any(|breach| found.has(*breach)))
}

/// How a state was first reached.
#[derive(Clone, Copy, Debug)]
struct Origin {
    parent: u32,
    action: Action,
}

type Level = Vec<(u32, State)>;

fn search(scene: &Scene, enough: impl Fn(&Found) -> bool) -> Found {
    let start = scene.start();
    let mut places = Places::default();
    places.insert(fingerprint::of(&start), 0);
    let mut origins = vec![Origin { parent: 0, action: Action::Tick }];
    let mut found = Found {
        states: 1,
        steps: 0,
        depth: 0,
        breaches: BTreeMap::new(),
        completes: false,
        goes_back: false,
    };
    let mut level: Level = vec![(0, start)];
    while !level.is_empty() && !enough(&found) {
        let mut next = Level::new();
        for batch in level.chunks(BATCH) {
            for Reached { parent, action, print, state } in
                expand(scene, batch, &places, &mut found)
            {
                let index = u32::try_from(origins.len()).expect("fewer states than a u32 counts");
                if let Some(known) = places.insert(print, index) {
                    places.insert(print, known);
                    continue;
                }
                origins.push(Origin { parent, action });
                note(&mut found, &state, &origins);
                next.push((index, state));
            }
        }
        found.depth += usize::from(!next.is_empty());
        level = next;
    }
    found.states = origins.len();
    found
}

/// A state reached from another, not known when its batch began.
struct Reached {
    parent: u32,
    action: Action,
    print: u64,
    state: State,
}

/// Successors of a batch, in an order that does not depend on the threads.
fn expand(
    scene: &Scene,
    batch: &[(u32, State)],
    places: &Places,
    found: &mut Found,
) -> Vec<Reached> {
    let (first, second) = batch.split_at(batch.len() / 2);
    let ((mut reached, taken), (rest, more)) = std::thread::scope(|scope| {
        let other = scope.spawn(|| successors(scene, second, places));
        (successors(scene, first, places), other.join().unwrap())
    });
    found.steps += taken + more;
    reached.extend(rest);
    reached
}

fn successors(scene: &Scene, states: &[(u32, State)], places: &Places) -> (Vec<Reached>, usize) {
    let mut reached = Vec::new();
    let mut offers = Vec::new();
    let mut taken = 0;
    for (parent, before) in states {
        offers::offer(scene, before, &mut offers);
        taken += offers.len();
        for action in offers.drain(..) {
            let mut state = before.clone();
            steps::take(scene, &mut state, action);
            state.settle(scene);
            let print = fingerprint::of(&state);
            if !places.contains_key(&print) {
                reached.push(Reached { parent: *parent, action, print, state });
            }
        }
    }
    (reached, taken)
}

fn note(found: &mut Found, state: &State, origins: &[Origin]) {
    for breach in Breach::ALL {
        if state.ledger.breaches.has(breach) {
            found.breaches.entry(breach).or_insert_with(|| way_to_last(origins));
        }
    }
    let progress = &state.row.progress;
    found.completes |= progress.over && progress.way == Way::Forward;
    found.goes_back |= progress.over && progress.way == Way::WasBack;
}

fn way_to_last(origins: &[Origin]) -> Vec<Action> {
    let mut way = Vec::new();
    let mut at = origins.len() - 1;
    while at > 0 {
        way.push(origins[at].action);
        at = origins[at].parent as usize;
    }
    way.reverse();
    way
}
