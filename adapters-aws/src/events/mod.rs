//! Decisions as events: on a bus of EventBridge, in a topic of SNS.
//!
//! Best effort, and never in a rollout's way: a notice goes into a queue with an end, one task sends
//! what is in it, and what could not be told is counted and logged. Whoever has to know everything
//! reads the journal.
//!
//! The event is one JSON object, in `detail` on a bus and as the message in a topic:
//!
//! | member | meaning |
//! | --- | --- |
//! | `format` | 1; another number for a change that old readers would trip over |
//! | `target`, `rollout`, `record` | which thing is released, in which rollout, and which record holds the decision; `rollout` is a text, because not every reader of JSON has whole numbers of 64 bits |
//! | `rule`, `from`, `to` | the rule that fired, the phase that was left, the phase that was entered |
//! | `weight_from`, `weight_to` | the candidate's wanted share before and after, in basis points |
//! | `at` | rollout time, in milliseconds since the Unix epoch |
//! | `sentence` | what a person reads |
//! | `decision` | the decision whole, as the journal has it |
//!
//! `rollout` and `record` together are told once in the ordinary case; a reader that must not count
//! twice keeps them.

mod body;
mod bus;
mod post;
mod topic;

pub use bus::EventBus;
pub use post::Told;
pub use topic::Topic;
