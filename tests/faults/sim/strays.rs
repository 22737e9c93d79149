//! Stray calls: those that landed behind a newer one and changed what a rollout under way had set.
//! Whether the rollout noticed, and how it ended.
//!
//! Shares are worked out anew from the log of what landed, not asked of the target.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use tidegate::machine::{
    Event, Generation, MoveId, Phase, Revision, Revisions, Rule, Seq, Span, Target, Timestamp,
    WaitingOn, Weight, record::Record,
};
use tidegate_mock::{Fate, Logged, Request};

use super::{
    cluster::{Cluster, Left},
    machine::{Assumption, LATE_BOUND, TIME_LIMIT},
};

/// Between two readings of a rollout, and between its last reading and its end in the journal, a
/// machine may stand still, and be cut off, for as long as this.
pub(crate) const UNWATCHED: Span = Span::minutes(3);

/// Stray calls, by whether the class believes them possible.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strays {
    /// Of the way forward, overtaken by a rollback that did not wait for them.
    pub(crate) possible: Ends,
    /// Beyond the late bound, or once more though the call was answered or its token known before.
    pub(crate) impossible: Ends,
    /// While no rollout was under way: nobody watches then.
    pub(crate) unwatched: u64,
}

impl Strays {
    pub(crate) fn add(&mut self, other: Self) {
        self.possible.add(other.possible);
        self.impossible.add(other.impossible);
        self.unwatched += other.unwatched;
    }
}

/// How stray calls ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    /// All of them.
    pub(crate) landed: u64,
    /// Noticed, and set right.
    pub(crate) corrected: u64,
    /// A person is asked.
    pub(crate) asked: u64,
    /// Set right by the next call, before anybody had written down that they read it.
    pub(crate) overtaken: u64,
    /// Calls of an older rollout that left both arms' weights and gave a third revision a share:
    /// noticed, and not ours to set.
    pub(crate) elsewhere: u64,
    /// Landed so late that nobody read it before the rollout was over.
    pub(crate) at_the_end: u64,
}

impl Ends {
    fn add(&mut self, other: Self) {
        self.landed += other.landed;
        self.corrected += other.corrected;
        self.asked += other.asked;
        self.overtaken += other.overtaken;
        self.elsewhere += other.elsewhere;
        self.at_the_end += other.at_the_end;
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { landed, corrected, asked, overtaken, elsewhere, at_the_end } = self;
        write!(
            f,
            "{landed} times: {corrected} noticed and corrected, {asked} left to a person, {overtaken} \
             overtaken by the next call, {elsewhere} noticed beside both arms, {at_the_end} at the end"
        )
    }
}

/// A call that set traffic and landed.
#[derive(Clone, Copy, Debug)]
struct Landing {
    at: Timestamp,
    id: MoveId,
    attempt: u8,
    to: Weight,
}

impl Landing {
    fn of(sent: &Logged) -> Option<Self> {
        match (&sent.request, sent.fate) {
            (Request::Shift { to, .. }, Fate::Done(at)) => {
                Some(Self { at, id: sent.id, attempt: sent.attempt, to: to.to_candidate() })
            }
            _ => None,
        }
    }

    const fn order(&self) -> (Generation, Seq) {
        (self.id.of.generation, self.id.seq)
    }
}

/// A rollout, and the time for which it watched its target.
#[derive(Clone, Copy, Debug)]
struct Watch<'a> {
    left: &'a Left,
    from: Timestamp,
    until: Option<Timestamp>,
}

impl<'a> Watch<'a> {
    fn of(cluster: &Cluster, left: &'a Left) -> Option<Self> {
        let id = left.row.rollout;
        let began = left
            .records
            .iter()
            .find(|record| !matches!(record.after.phase(), Phase::Pending { .. }));
        let from = cluster.told_at(cluster.ledger.written(id, began?.seq)?.durable);
        let until = cluster.ledger.ended(id).map(|at| cluster.told_at(at));
        Some(Self { left, from, until })
    }

    fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }

    fn revisions(&self) -> &'a Revisions {
        &self.left.head.revisions
    }
}

/// What one route gives each revision, in basis points.
#[derive(Clone, Debug)]
struct Shares(BTreeMap<Revision, u32>);

impl Shares {
    /// As targets of these worlds begin.
    fn new() -> Self {
        Self([("v1".into(), 10_000)].into())
    }

    fn get(&self, revision: &Revision) -> u32 {
        self.0.get(revision).copied().unwrap_or(0)
    }

    fn set(&mut self, revisions: &Revisions, to: Weight) {
        let Some(stable) = &revisions.stable else { return };
        let both = self.get(stable) + self.get(&revisions.candidate);
        let part = both * u32::from(to.bp()) / 10_000;
        self.0.insert(revisions.candidate.clone(), part);
        self.0.insert(stable.clone(), both - part);
    }

    /// What both arms get, and the candidate's part of it.
    fn of(&self, revisions: &Revisions) -> (u32, Weight) {
        let stable = revisions.stable.as_ref().map_or(0, |stable| self.get(stable));
        let candidate = self.get(&revisions.candidate);
        (candidate + stable, Weight::ratio(candidate, (candidate + stable).max(1)))
    }
}

/// A stray call whose change has lasted so far.
#[derive(Clone, Copy, Debug)]
struct Stray<'a> {
    at: Timestamp,
    watch: Watch<'a>,
    is_possible: bool,
    /// What it gives the candidate of the rollout that watches; none where that is what it had.
    gives: Option<Weight>,
}

/// Goes through what landed on each route of a target. What was neither noticed nor set right is
/// `broken`.
pub(crate) fn of_target(
    cluster: &Cluster,
    target: &Target,
    left: &[Left],
    log: &[Logged],
    broken: &mut Vec<String>,
) -> Strays {
    let of_target = left.iter().filter(|left| left.head.plan.target() == target);
    let watches: Vec<Watch> = of_target.filter_map(|left| Watch::of(cluster, left)).collect();
    let mut routes = BTreeMap::<u8, Vec<Landing>>::new();
    for sent in log {
        if let Some(landing) = Landing::of(sent) {
            routes.entry(sent.route).or_default().push(landing);
        }
    }
    let mut strays = Strays::default();
    for landed in routes.values_mut() {
        landed.sort_by_key(|landing| landing.at);
        let (of_route, unwatched) = of_route(cluster, &watches, landed);
        strays.unwatched += unwatched;
        for (stray, replaced) in of_route {
            let ends = match stray.is_possible {
                true => &mut strays.possible,
                false => &mut strays.impossible,
            };
            ends.landed += 1;
            match stray.end(cluster, replaced) {
                Some(end) => *end(ends) += 1,
                None => broken.push(format!(
                    "rollout {}: a call that landed at {} behind a newer one was not noticed",
                    stray.watch.left.row.rollout, stray.at
                )),
            }
        }
    }
    strays
}

/// Every stray call of a route, and when a newer call, or another stray one, set right what it had
/// changed; and how many there were that no rollout could see.
fn of_route<'a>(
    cluster: &Cluster,
    watches: &[Watch<'a>],
    landed: &[Landing],
) -> (Vec<(Stray<'a>, Option<Timestamp>)>, u64) {
    let (mut done, mut open, mut unwatched) = (Vec::new(), Vec::new(), 0);
    let (mut shares, mut newest, mut before) = (Shares::new(), None, HashSet::new());
    // As the newest call left it.
    let mut right = Shares::new();
    for landing in landed {
        let sender = watches.iter().find(|w| w.left.row.generation == landing.id.of.generation);
        let Some(sender) = sender else { continue };
        let watch = watches.iter().find(|watch| watch.covers(landing.at)).copied();
        let had = watch.map(|watch| shares.of(watch.revisions()));
        shares.set(sender.revisions(), landing.to);
        let is_repeat = !before.insert(landing.id);
        if newest.is_none_or(|newest| newest <= landing.order()) {
            newest = Some(landing.order());
            right = shares.clone();
            done.extend(open.drain(..).map(|stray| (stray, Some(landing.at))));
            continue;
        }
        let (Some(watch), Some(had)) = (watch, had) else {
            unwatched += 1;
            continue;
        };
        let (has, right) = (shares.of(watch.revisions()), right.of(watch.revisions()));
        if has.1 == right.1 {
            // Where it changed the weight, it undid what another had changed.
            let undone = open.extract_if(.., |stray: &mut Stray| stray.gives.is_some());
            done.extend(undone.map(|stray| (stray, Some(landing.at))));
        }
        let gives = (has.1 != right.1 && has.1 != had.1).then_some(has.1);
        if gives.is_some() || has.0 < had.0 {
            let is_possible = landing.is_possible(cluster, is_repeat);
            open.push(Stray { at: landing.at, watch, is_possible, gives });
        }
    }
    done.extend(open.into_iter().map(|stray| (stray, None)));
    (done, unwatched)
}

impl Landing {
    fn is_possible(&self, cluster: &Cluster, is_repeat: bool) -> bool {
        let sent = cluster.ledger.sent(self.id, self.attempt).map(|at| cluster.told_at(at));
        let in_time = sent.is_none_or(|at| self.at <= at.after(TIME_LIMIT).after(LATE_BOUND));
        in_time && !(is_repeat && cluster.setup.assumption == Assumption::Broken)
    }
}

impl Stray<'_> {
    /// How it ended; none where nobody noticed.
    fn end(
        &self,
        cluster: &Cluster,
        replaced: Option<Timestamp>,
    ) -> Option<fn(&mut Ends) -> &mut u64> {
        let until = self.watch.until;
        let replaced = replaced.filter(|at| until.is_none_or(|until| *at <= until));
        let noticed = self.is_noticed(cluster, replaced.or(until));
        let soon = |at: Timestamp| at < self.at.after(UNWATCHED);
        let asks = matches!(self.watch.left.waiting_on(), WaitingOn::Person(_));
        match (replaced, until) {
            _ if self.meets_a_halt(cluster) => Some(|ends| &mut ends.asked),
            _ if self.gives.is_none() && noticed => Some(|ends| &mut ends.elsewhere),
            (Some(_), _) if noticed => Some(|ends| &mut ends.corrected),
            (Some(at), _) if soon(at) => Some(|ends| &mut ends.overtaken),
            (None, Some(until)) if soon(until) => Some(|ends| &mut ends.at_the_end),
            (None, None) if asks => Some(|ends| &mut ends.asked),
            _ => None,
        }
    }

    /// Whether the rollout had been halted: nothing is read then, and a person has to say.
    fn meets_a_halt(&self, cluster: &Cluster) -> bool {
        let id = self.watch.left.row.rollout;
        let before = |record: &&Record| {
            let written = cluster.ledger.written(id, record.seq);
            written.is_some_and(|at| cluster.told_at(at.durable) <= self.at)
        };
        let last = self.watch.left.records.iter().rfind(before);
        last.is_some_and(|record| matches!(record.after.phase(), Phase::Halted { .. }))
    }

    /// Whether the journal says so while it lasts: by a rule, or as what was read.
    fn is_noticed(&self, cluster: &Cluster, until: Option<Timestamp>) -> bool {
        let id = self.watch.left.row.rollout;
        self.watch.left.records.iter().any(|record| {
            let durable = cluster.ledger.written(id, record.seq).map(|at| at.durable);
            durable.map(|at| cluster.told_at(at)).is_some_and(|at| {
                self.at < at && until.is_none_or(|until| at <= until) && self.is_told_by(record)
            })
        })
    }

    fn is_told_by(&self, record: &Record) -> bool {
        let seen = match &record.event {
            Some(Event::Observed(seen)) => seen.traffic,
            _ => None,
        };
        match self.gives {
            None => seen.is_some_and(|seen| seen.other > Weight::ZERO),
            Some(_) if is_notice(record.decision.rule) => true,
            // As near as shares in basis points come.
            Some(to) => seen.is_some_and(|seen| seen.high.bp().abs_diff(to.bp()) <= 1),
        }
    }
}

/// Whether a rule says that the world is not as it was set.
const fn is_notice(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::DriftReset
            | Rule::DriftHeld
            | Rule::DriftReasserted
            | Rule::Contested
            | Rule::ShiftReasserted
            | Rule::ShiftNeverSeen
            | Rule::RollbackNeverSeen
            | Rule::RollbackContradicted
            | Rule::CompletionContradicted
            | Rule::WorldDiffers
            | Rule::WorldRepaired
    )
}
