//! Reading the world: what an observation comes to in each phase.
//!
//! Must not change the phase or send anything; it names what the table then acts on.

use crate::{
    Action, Arm, CapacityKind, Hold, Observation, Outlook, Phase, SeenCapacity, SeenTraffic, Span,
    Timestamp, Weight,
    next_move::{For, NEVER, Next, restored},
    rollout::{CallState, Ignored, trigger::Trigger, turn::Turn},
};

impl Turn<'_> {
    // --- Observations.

    pub(crate) fn read_observation(&mut self, seen: &Observation) -> Result<Trigger, Ignored> {
        self.take_in(seen);
        let trigger = self.survey_lookup(seen).unwrap_or_else(|| self.survey());
        let same = trigger == Trigger::Noted
            && self.next.world == self.was.world
            && self.next.platform == self.was.platform
            && self.next.drained == self.was.drained
            && self.next.confirm_by == self.was.confirm_by;
        if same { Err(Ignored::Unchanged) } else { Ok(trigger) }
    }

    fn take_in(&mut self, seen: &Observation) {
        if let Some(traffic) = seen.traffic {
            self.take_traffic(traffic);
        }
        if seen.versions.is_some() {
            self.next.world.traffic.versions.clone_from(&seen.versions);
        }
        if seen.extra.is_some() {
            self.next.world.extra.seen = seen.extra;
        }
        if seen.traffic.is_some() {
            self.match_extra();
        }
        if let Some(capacity) = &seen.capacity {
            self.take_capacity(capacity);
        }
        self.time_shortage();
        if seen.platform.is_some() {
            self.next.platform.seen = seen.platform;
        }
    }

    fn take_traffic(&mut self, seen: SeenTraffic) {
        let platform = self.platform_paced();
        let traffic = &mut self.next.world.traffic;
        let same = traffic.seen.is_some_and(|before| SeenTraffic { at: seen.at, ..before } == seen);
        if !same {
            traffic.seen = Some(seen);
        }
        if platform {
            if matches!(self.next.phase, Phase::HandedOver { .. } | Phase::RollingBack { .. }) {
                traffic.asked = seen.high;
            }
            return;
        }
        self.match_traffic();
    }

    /// From when asked and seen agree, with nothing outstanding, a difference is drift. What became
    /// of a shift that was given up is not known: on the way to a stage, or back, less than it is taken
    /// for what is asked from here on; anything else is sent again.
    pub(crate) fn match_traffic(&mut self) {
        let traffic = &mut self.next.world.traffic;
        let Some(seen) = traffic.seen.filter(|_| !traffic.matched && self.next.call.is_none())
        else {
            return;
        };
        match self.next.confirm_by {
            NEVER
                if matches!(self.next.phase, Phase::Moving { .. } | Phase::RollingBack { .. })
                    && seen.high <= traffic.asked =>
            {
                traffic.asked = seen.high;
            }
            NEVER if seen.high != traffic.asked || seen.low != traffic.asked => {
                self.next.confirm_by = self.now;
            }
            _ => {}
        }
        if seen.high == traffic.asked && seen.low == traffic.asked {
            traffic.matched = true;
            if !self.next.world.extra.is_unseen() {
                self.seen_as_asked();
            }
            self.next.drained = self.now.after(self.plan.policy.drain);
        }
    }

    /// Nothing that was acknowledged has yet to be seen.
    pub(super) const fn seen_as_asked(&mut self) {
        self.next.confirm_by = NEVER;
        self.next.reasserted = 0;
    }

    /// Whether copies and tests are set again when they are not seen: while they may be what a gate
    /// rests on, and on the way back.
    pub(crate) const fn minds_extra(&self) -> bool {
        matches!(self.next.phase, Phase::Moving { .. } | Phase::Gating { .. })
            || self.next.phase.is_backward()
    }

    /// Copies and tests that are not as asked, with nothing under way, are set again: they were
    /// never done, or landed late, or somebody changed them.
    fn match_extra(&mut self) {
        if self.next.call.is_some() || self.platform_paced() {
            return;
        }
        let world = &self.next.world;
        match (world.extra.is_unseen(), world.traffic.matched) {
            (true, _) if self.next.confirm_by == NEVER && self.minds_extra() => {
                self.next.confirm_by = self.now;
            }
            (false, true) => self.seen_as_asked(),
            _ => {}
        }
    }

    fn take_capacity(&mut self, seen: &SeenCapacity) {
        let busy = self.next.call.as_ref().is_some_and(|call| {
            call.sent.action.surface() == crate::Surface::Capacity
                && !matches!(call.state, CallState::LookUp)
        });
        let world = &mut self.next.world;
        // Nothing is no size to release to: what was wanted before stays, so that no arm that serves
        // is made smaller for it.
        if seen.full > 0 {
            world.full = seen.full;
            world.full_by_zone = seen.full_by_zone;
        }
        for (arm, seen) in
            [(&mut world.stable, &seen.stable), (&mut world.candidate, &seen.candidate)]
        {
            let asked = *arm;
            *arm = *seen;
            if busy {
                arm.total.asked = asked.total.asked;
                for (zone, asked) in arm.zones.iter_mut().zip(asked.zones) {
                    zone.asked = asked.asked;
                }
            }
        }
        world.counted = world.counted || !busy;
    }

    /// While the old revision is kept warm, the candidate's capacity has a deadline to come back, and
    /// so has the reading that decides whether the old revision may go.
    fn time_shortage(&mut self) {
        let Phase::KeepWarm { until, by } = self.next.phase else { return };
        let unread = until == Timestamp::default() && !self.all_on_candidate();
        let by = match (unread || self.short().is_some(), by) {
            (false, _) => NEVER,
            (true, NEVER) => self.now.after(self.wait_limit()),
            (true, by) => by,
        };
        self.next.phase = Phase::KeepWarm { until, by };
    }

    /// Whether all traffic is seen on the candidate.
    fn all_on_candidate(&self) -> bool {
        let world = &self.next.world;
        if world.follows_capacity() {
            world.stable.total.asked == 0
        } else {
            world.traffic.asked == Weight::FULL && world.traffic.seen_as_asked()
        }
    }

    /// An uncertain move whose fate is learnt by reading.
    fn survey_lookup(&mut self, seen: &Observation) -> Option<Trigger> {
        let call = self.next.call.as_ref().filter(|call| call.state == CallState::LookUp)?;
        let Action::Shift { to, versions } = &call.sent.action else { return None };
        let found = seen.traffic?;
        // The version that was sent is still there: whatever the value, nobody has written since.
        let written = seen.versions.is_none() || seen.versions != *versions;
        let done = written && found.low == *to && found.high == *to;
        self.note_call(None);
        Some(if done {
            Trigger::FoundDone
        } else if self.would_harm() {
            Trigger::Unsafe
        } else if self.may_try_again() {
            Trigger::Resend
        } else {
            Trigger::MoveFailed
        })
    }

    // --- What the world comes to.

    pub(crate) fn survey(&mut self) -> Trigger {
        match self.next.phase {
            Phase::Moving { .. } => self.survey_moving(),
            Phase::Gating { .. } => self.survey_gating(),
            Phase::KeepWarm { .. } => self.survey_warm(),
            Phase::Retiring { .. } => self.survey_retiring(),
            Phase::HandedOver { run, .. } => self.survey_platform(run),
            Phase::RollingBack { .. } => self.survey_back(),
            Phase::Confirming { outcome, quiet, .. } => self.survey_confirming(outcome, quiet),
            _ => Trigger::Noted,
        }
    }

    /// Somebody else's change of what we set and have seen.
    fn survey_drift(&self) -> Option<Trigger> {
        let traffic = &self.next.world.traffic;
        if self.next.world.follows_capacity() || self.next.call.is_some() || !traffic.matched {
            return None;
        }
        let seen = traffic.seen?;
        let held = self.next.holds.has(Hold::Drift);
        if traffic.seen_as_asked() {
            return held.then_some(Trigger::DriftGone);
        }
        if seen.high > traffic.asked {
            let often = self.next.corrections >= self.plan.policy.drift_corrections;
            return Some(if often { Trigger::Contested } else { Trigger::Above });
        }
        Some(if held { Trigger::Noted } else { Trigger::Below })
    }

    /// The next change, if the lane is free for it.
    pub(super) fn decide(&mut self, action: Action, trigger: Trigger) -> Trigger {
        let free = self.next.call.is_none();
        let allowed = self.next.phase.is_backward() || self.may_go_forward();
        if !free || !allowed {
            return Trigger::Noted;
        }
        self.decided = Some(action);
        trigger
    }

    fn survey_moving(&mut self) -> Trigger {
        if let Some(drift) = self.survey_drift() {
            return drift;
        }
        if self.next.call.is_some() || !self.may_go_forward() {
            return Trigger::Noted;
        }
        match self.next_move() {
            Next::Do(action) => self.decide(action, Trigger::Decided),
            Next::There => Trigger::Reached,
            Next::Blocked(crate::next_move::Why::NotEnoughHealthy { ready, floor }) => {
                self.evidence = crate::Evidence::Healthy { ready, floor };
                Trigger::Blocked
            }
            Next::Wait(_) => Trigger::Noted,
        }
    }

    fn survey_gating(&mut self) -> Trigger {
        if let Some(drift) = self.survey_drift() {
            return drift;
        }
        // What is being set right is not yet right, whatever is seen of it.
        if self.next.call.is_some() {
            return Trigger::Noted;
        }
        let matched = self.next.phase.progress().is_some_and(|gate| gate.matched.is_some());
        match self.next_move() {
            Next::There if matched => self.gate_trigger().unwrap_or(Trigger::Noted),
            Next::There => Trigger::Matches,
            Next::Do(action) => match self.decide(action, Trigger::Repair) {
                Trigger::Noted if matched => Trigger::Differs,
                trigger => trigger,
            },
            Next::Wait(_) | Next::Blocked(_) if matched => Trigger::Differs,
            Next::Wait(_) | Next::Blocked(_) => Trigger::Noted,
        }
    }

    /// What an open gate leads to.
    pub(super) fn gate_trigger(&self) -> Option<Trigger> {
        if self.gate_opens_at() > self.now {
            return None;
        }
        let Phase::Gating { at, .. } = self.next.phase else { return Some(Trigger::GateReady) };
        let stages = self.plan.stages(self.next.first).len();
        Some(if !self.plan.is_last_batch(&self.next.world, self.next.first, at) {
            Trigger::BatchReady
        } else if usize::from(at.stage) + 1 < stages {
            Trigger::GateReady
        } else if self.next.first {
            Trigger::NothingToRetire
        } else {
            Trigger::LastGateReady
        })
    }

    /// When the gate it stands before opens by itself: a guard that was never judged, or has no answer
    /// any more, shuts every gate.
    pub(super) fn gate_opens_at(&self) -> Timestamp {
        let open = self.next.calendar.is_none_or(|calendar| calendar.open);
        let free = self.may_go_forward() && self.next.call.is_none();
        match (self.next.phase.progress(), self.gate_plan()) {
            (Some(gate), Some(plan))
                if free && (gate.skipped || self.next.unjudged(self.plan).is_empty()) =>
            {
                gate.opens_at(&plan, open)
            }
            _ => NEVER,
        }
    }

    fn survey_warm(&mut self) -> Trigger {
        if let Some(drift) = self.survey_drift() {
            return drift;
        }
        if self.warm_until() <= self.now {
            let read = matches!(self.next.phase, Phase::KeepWarm { until: Timestamp(0), .. });
            return if read { Trigger::WarmOver } else { Trigger::Quiet };
        }
        match self.next_move() {
            Next::Do(action) => self.decide(action, Trigger::Repair),
            _ => Trigger::Noted,
        }
    }

    /// When the old revision may go: kept warm for as long as declared, drained, nothing that may
    /// still land, and all traffic seen on the candidate, which has the capacity for it.
    pub(super) fn warm_until(&self) -> Timestamp {
        let Phase::KeepWarm { until, .. } = self.next.phase else { return NEVER };
        let free = self.next.call.is_none() && self.may_go_forward();
        if !self.all_on_candidate() || !free || self.short().is_some() {
            return NEVER;
        }
        until.max(self.next.drained).max(self.next.world.late.latest())
    }

    pub(super) fn survey_retiring(&mut self) -> Trigger {
        let world = &self.next.world;
        let counted = world.counted || world.kind == CapacityKind::Elastic;
        if self.next.call.is_some() || !counted {
            return Trigger::Noted;
        }
        if world.stable.total.asked == 0 || world.kind == CapacityKind::Elastic {
            return Trigger::OldGone;
        }
        // What serves is not retired, whoever gave it traffic again.
        if !world.follows_capacity() && !world.traffic.seen_as_asked() {
            return Trigger::Noted;
        }
        self.survey_candidate()
            .unwrap_or_else(|| self.decide(Action::Retire { arm: Arm::Stable }, Trigger::Decided))
    }

    /// What the candidate, which is to serve alone, still lacks of its capacity. Units that somebody
    /// took away are asked for again; a person may have accepted it as it is.
    fn survey_candidate(&mut self) -> Option<Trigger> {
        if self.platform_paced() || self.next.accepted {
            return None;
        }
        Some(match self.short()? {
            Next::Do(action) => self.decide(action, Trigger::Decided),
            _ => Trigger::Noted,
        })
    }

    /// Whether capacity is to be set as it is wanted, and nothing is in the way of that.
    pub(super) fn may_repair(&self) -> bool {
        let free = self.next.call.is_none() && self.may_go_forward();
        free && matches!(self.short(), Some(Next::Do(_)))
    }

    /// What has to come yet of the capacity that is wanted, if anything has.
    fn short(&self) -> Option<Next> {
        let next = self.next_move();
        let capacity = match &next {
            Next::Do(action) => action.surface() == crate::Surface::Capacity,
            Next::Wait(wait) => matches!(wait, For::Counts | For::Ready),
            Next::Blocked(_) => true,
            Next::There => false,
        };
        capacity.then_some(next)
    }

    fn survey_back(&mut self) -> Trigger {
        if self.platform_paced() {
            return self.survey_platform_back();
        }
        if let Some(drift) = self.survey_drift() {
            return if drift == Trigger::DriftGone { Trigger::Noted } else { drift };
        }
        if self.next.call.is_some() {
            return Trigger::Noted;
        }
        match self.next_move() {
            Next::Do(action) => self.decide(action, Trigger::Decided),
            Next::There => Trigger::Back,
            Next::Wait(_) | Next::Blocked(_) => Trigger::Noted,
        }
    }

    fn survey_confirming(&mut self, outcome: Outlook, quiet: Timestamp) -> Trigger {
        if self.now < quiet {
            return Trigger::Noted;
        }
        if quiet != Timestamp::default() {
            return Trigger::Quiet;
        }
        if self.next.call.is_some() {
            return Trigger::Noted;
        }
        match outcome {
            Outlook::Completed => self.survey_completed(),
            Outlook::RolledBack(_) => self.survey_rolled_back(),
        }
    }

    fn survey_completed(&mut self) -> Trigger {
        if self.next.world.late.latest() > self.now {
            return Trigger::Noted;
        }
        if let Some(lacking) = self.survey_candidate() {
            return lacking;
        }
        let world = &self.next.world;
        match world.traffic.seen {
            _ if world.follows_capacity() => {
                let gone = world.counted || world.kind == CapacityKind::Elastic;
                if gone { Trigger::OutcomeSeen } else { Trigger::Noted }
            }
            None => Trigger::Noted,
            // A call that turned copies or tests on may have landed after the one that turned them off.
            Some(_) if world.traffic.seen_as_asked() && !self.extra_contradicts() => {
                Trigger::OutcomeSeen
            }
            Some(_) if !world.traffic.matched && self.next.confirm_by != NEVER => Trigger::Noted,
            // Weights are the platform's to set; it may still be on its way.
            Some(_) if self.platform_paced() => Trigger::Noted,
            // Nothing is set right while a person holds it; the deadline goes on.
            Some(_) if !self.next.holds.is_none() => Trigger::Noted,
            Some(_) => self.contradicted(),
        }
    }

    /// The world is not as the outcome says: once more, but not for ever.
    pub(super) fn contradicted(&self) -> Trigger {
        if self.next.corrections >= self.plan.policy.drift_corrections {
            Trigger::Contested
        } else {
            Trigger::Contradicted
        }
    }

    /// Whether copies or tests are seen to be other than asked, and are ours to set.
    fn extra_contradicts(&self) -> bool {
        let extra = &self.next.world.extra;
        !self.platform_paced() && extra.seen.is_some_and(|seen| seen != extra.asked)
    }

    fn survey_rolled_back(&mut self) -> Trigger {
        let world = &self.next.world;
        let routed = !world.follows_capacity();
        let seen = world.traffic.seen;
        if routed && seen.is_none() {
            return Trigger::Noted;
        }
        if routed && seen.is_some_and(|seen| seen.high > Weight::ZERO) {
            return self.contradicted();
        }
        if self.platform_paced() {
            return self.survey_platform_confirming();
        }
        if world.extra.is_unseen() {
            return Trigger::Noted;
        }
        if world.kind != CapacityKind::Elastic {
            if !world.counted {
                return Trigger::Noted;
            }
            let there = world.candidate.total.asked > 0;
            let short = !self.next.first && world.stable.total.asked < world.full;
            if short && !there {
                return self.contradicted();
            }
            if !self.stable_serves() {
                return Trigger::Noted;
            }
            if there {
                let action = self.retire_candidate();
                return self.decide(action, Trigger::Decided);
            }
        }
        if world.late.latest().max(self.old_units_by()) > self.now {
            Trigger::Noted
        } else if self.next.first {
            Trigger::NothingLeft
        } else {
            Trigger::OutcomeSeen
        }
    }

    /// Whether the candidate may go, and the rollback be reported. Where no batches took units away,
    /// stable has been as it is for longer than this rollout: once it was waited for, any unit will do.
    fn stable_serves(&self) -> bool {
        let world = &self.next.world;
        let limits = self.wanted().1;
        let waited = world.stable.total.ready > 0 && self.old_units_by() <= self.now;
        self.next.first || restored(world, &limits) || (!limits.in_step && waited)
    }

    /// Until when the report of a rollback waits for old units: zero (long ago) when enough are
    /// ready, of those that batches took away every one. What serves already, serves; so old units that
    /// crash hold up the report for as long as a shift may be unseen, and no longer.
    pub(super) fn old_units_by(&self) -> Timestamp {
        let Phase::Confirming { outcome: Outlook::RolledBack(_), by, .. } = self.next.phase else {
            return Timestamp::default();
        };
        let world = &self.next.world;
        let limits = self.wanted().1;
        let enough = match limits.in_step {
            true => world.stable.total.ready >= world.full,
            false => restored(world, &limits),
        };
        if enough || self.next.first || world.kind == CapacityKind::Elastic {
            return Timestamp::default();
        }
        let policy = &self.plan.policy;
        let quiet = Timestamp(by.0.saturating_sub(policy.rollback.0));
        quiet.after(Span(policy.confirm.0.min(policy.rollback.0)))
    }
}
