//! Which look is taken when, and what the judges make of it.

use tidegate_core::{
    Check, CheckIndex, Event, Judged, Judgement, Judging, Look, Reads, Role, Span, Timestamp,
    Verdict, Window,
};

/// One check in one of its jobs, with the evidence so far.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) check: CheckIndex,
    pub(super) role: Role,
    /// Where the windows are counted from.
    pub(super) since: Timestamp,
    /// The window of the next look.
    pub(super) next: Window,
    every: Span,
    judging: Option<Box<dyn Judging>>,
    /// Kept only where the engine is to crash.
    looks: Vec<Look>,
    /// From the first look's start to the last one's end.
    judged: Option<Window>,
    delivered: Option<(Verdict, bool)>,
    /// Whether the state asks for it now.
    pub(super) wanted: bool,
}

impl Slot {
    pub(super) fn new(
        (index, check): (CheckIndex, &Check),
        role: Role,
        since: Timestamp,
        judging: Box<dyn Judging>,
    ) -> Self {
        let next = Window { from: since, to: since.after(check.window) };
        Self {
            check: index,
            role,
            since,
            next,
            every: check.every,
            judging: Some(judging),
            looks: Vec::new(),
            judged: None,
            delivered: None,
            wanted: true,
        }
    }

    /// Goes on after a time in which nobody asked: what happened then is no evidence.
    pub(super) fn want(&mut self, wanted: bool, now: Timestamp) {
        if wanted && !self.wanted && self.next.from < now {
            self.next = Window { from: now, to: now.after(self.next.length()) };
        }
        self.wanted = wanted;
    }

    /// Takes a look in, and says what all of them come to.
    pub(super) fn take(&mut self, look: &Look, kept: bool) -> Option<Judgement> {
        let Window { from, to } = self.next;
        self.next = Window { from: from.after(self.every), to: to.after(self.every) };
        let judgement = self.judging.as_mut()?.look(look);
        let from = self.judged.map_or(look.window.from, |judged| judged.from);
        self.judged = Some(Window { from, to: look.window.to });
        if kept {
            self.looks.push(look.clone());
        }
        Some(judgement)
    }

    /// The event of a judgement, when it says something new.
    pub(super) fn say(&mut self, judgement: Judgement) -> Option<Event> {
        let said = (judgement.verdict, judgement.past_limit);
        if self.delivered == Some(said) && judgement.verdict != Verdict::Fail {
            return None;
        }
        self.delivered = Some(said);
        let window = self.judged?;
        Some(Event::Judged(Judged {
            check: self.check,
            role: self.role,
            verdict: judgement.verdict,
            past_limit: judgement.past_limit,
            window,
            reading: judgement.reading,
        }))
    }

    /// After a crash: the judge begins anew, from the looks that were kept.
    pub(super) fn rebuild(&mut self, mut judging: Box<dyn Judging>) -> Option<Judgement> {
        let judged = self.looks.iter().fold(None, |_, look| Some(judging.look(look)));
        self.judging = Some(judging);
        self.delivered = None;
        judged
    }
}

/// The (check, role, since) that a state wants judged.
pub(super) fn wanted(
    reads: &Reads,
    exposed: Timestamp,
) -> impl Iterator<Item = (CheckIndex, Role, Timestamp)> + use<> {
    let (guards, checks, since) = (reads.guards, reads.checks, reads.gate_since);
    let guards = guards.iter().map(move |i| (CheckIndex(i), Role::Guard, exposed));
    guards.chain(checks.iter().map(move |i| (CheckIndex(i), Role::Gate, since)))
}
