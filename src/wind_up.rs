//! The end of a loop at shutdown: no new moves, and nothing that was learnt is lost.

use tidegate_core::{Answer, AttemptId, Event, JournalError, Outcome};
use tokio::time::{self, Instant};

use crate::{
    desk::End,
    runner::{Runner, Stop, warn},
};

impl Runner {
    /// Shutdown: no new moves; calls under way may end, and their answers are kept.
    pub(crate) async fn wind_up(&mut self) -> End {
        let until = Instant::now() + self.tools.grace;
        if let Some((answer, _)) = self.answer.take()
            && let Ok(Err(stop)) = time::timeout_at(until, self.keep_answer(answer)).await
        {
            return stopped(stop);
        }
        while let Ok(Some(ended)) = time::timeout_at(until, self.calls.join_next()).await {
            let Ok(answer) = ended else { continue };
            let kept = time::timeout_at(until, self.keep_answer(answer)).await;
            if let Ok(Err(stop)) = kept {
                return stopped(stop);
            }
        }
        End::Stopped
    }

    /// Writes an answer without sending what it would lead to. A move that it decides is written
    /// with the one answer we know: it certainly did not happen.
    async fn keep_answer(&mut self, answer: Answer) -> Result<(), Stop> {
        let plan = &self.head.plan;
        let now = self.tools.clock.now();
        let event = Event::Answered(answer);
        let Ok(step) = self.state.apply(plan, now, &event) else { return Ok(()) };
        let attempt = AttemptId(self.tools.fresh.draw());
        let mut records = vec![self.record(attempt, Some(event.clone()), &step)];
        let mut last = step;
        if let Some(unsent) = last.intent.take() {
            let (id, attempt_no) = (unsent.id, unsent.attempt);
            let outcome = Outcome::Retryable;
            let unsent = Event::Answered(Answer { id, attempt: attempt_no, outcome });
            match last.next.apply(plan, now, &unsent) {
                Ok(step) if step.intent.is_none() => {
                    records.push(self.record(attempt, Some(unsent), &step));
                    last = step;
                }
                // It would lead to yet another move: leave all of it to whoever recovers.
                _ => return Ok(()),
            }
        }
        let mut append = self.append_of(attempt);
        append.records = records;
        self.finish(&mut append, &last.next);
        append.park = false;
        match self.tools.journal.append(append).await {
            Ok(version) => {
                self.version = version;
                self.adopt(last);
                Ok(())
            }
            Err(JournalError::StaleEpoch { current, .. }) => Err(Stop::Lost(current)),
            Err(error) => {
                warn(&error, "an answer was not kept; whoever recovers finds it unknown");
                Ok(())
            }
        }
    }
}

fn stopped(stop: Stop) -> End {
    match stop {
        Stop::Lost(to) => End::Lost { to },
        Stop::Broken(error) => End::Broken(error.to_string()),
        Stop::Shutdown | Stop::Replaced | Stop::Parked => End::Stopped,
    }
}
