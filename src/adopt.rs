//! What follows a durable record: it is the state, whoever listens is told, and its move is sent.
//!
//! Must not write to the journal, and must not decide anything.

use std::sync::Arc;

use tidegate_core::{Answer, Call, Move, Notice, Outcome, Step};

use crate::{
    desk::Status,
    dispatch::carry_out,
    runner::{Runner, warn},
};

impl Runner {
    /// The record is durable: from now on this is the state, and its move is sent.
    pub(crate) fn adopt(&mut self, step: Step) {
        let Step { next, decision, intent } = step;
        self.state = next;
        let sentence = decision.sentence(&self.head.plan);
        tracing::info!(
            rule = decision.rule.name(),
            from = %decision.from,
            to = %decision.to,
            "{sentence}"
        );
        let seq = self.state.seq();
        let target = self.head.plan.target().clone();
        let notice = Notice { target, rollout: self.rollout(), seq, decision, sentence };
        let notice = Arc::new(notice);
        self.adapters.observers.tell(&notice);
        let sentence = notice.sentence.clone();
        self.desk.status.send_replace(Status::of(&self.state, &self.head, sentence, true));
        self.desk.tell(notice);
        if let Some(sent) = intent {
            self.send(sent);
        }
    }

    fn send(&mut self, sent: Move) {
        self.reader.begin_anew();
        let call = Call {
            target: self.head.plan.target().clone(),
            revisions: self.head.revisions.clone(),
            id: sent.id,
            attempt: sent.attempt,
            epoch: self.epoch,
            route: 0,
        };
        let (ports, membership) =
            (Arc::clone(&self.adapters.ports), Arc::clone(&self.tools.membership));
        let engine = self.engine;
        self.calls.spawn(async move {
            if let Err(error) = membership.confirm(engine).await {
                warn(&error, "not sent: another engine may hold the rollout");
                let (id, attempt) = (sent.id, sent.attempt);
                return Answer { id, attempt, outcome: Outcome::Retryable };
            }
            carry_out(ports, call, sent).await
        });
    }
}
