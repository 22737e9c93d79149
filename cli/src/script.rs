//! Orders given at a time, as they are written on the command line: `40m=approve:3`.
//!
//! Must not know what an order does.

use std::str::FromStr;

use tidegate_core::{GateRef, Order, Position, Span};

/// An order, and when it is given after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderAt {
    pub(crate) after: Span,
    pub(crate) order: Order,
}

/// Why a text is no order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("expected a time and an order, such as 40m=pause or 40m=approve:3")]
    NoTime,
    #[error(transparent)]
    Time(#[from] tidegate_core::SpanError),
    #[error(
        "unknown order {0:?}; expected pause, resume, promote-full, abort, retry, accept, give-up, \
         or approve, deny or promote with a stage, such as approve:3"
    )]
    Unknown(String),
    #[error("{0:?} is no stage; expected its number in `tidegate plan`, and the batch after a dot")]
    Stage(String),
}

impl FromStr for OrderAt {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        let (after, order) = text.split_once('=').ok_or(OrderError::NoTime)?;
        let after = after.parse()?;
        let (word, stage) = match order.split_once(':') {
            Some((word, stage)) => (word, Some(gate(stage)?)),
            None => (order, None),
        };
        let order = match (word, stage) {
            ("pause", None) => Order::Pause,
            ("resume", None) => Order::Resume,
            ("promote-full", None) => Order::PromoteFull,
            ("abort", None) => Order::Abort,
            ("retry", None) => Order::Retry,
            ("accept", None) => Order::Accept,
            ("give-up", None) => Order::GiveUp,
            ("approve", Some(gate)) => Order::Approve(gate),
            ("deny", Some(gate)) => Order::Deny(gate),
            ("promote", Some(gate)) => Order::Promote(gate),
            _ => return Err(OrderError::Unknown(order.to_owned())),
        };
        Ok(Self { after, order })
    }
}

/// The gate of a stage.
fn gate(text: &str) -> Result<GateRef, OrderError> {
    Ok(GateRef { at: position(text)?, wait: None })
}

/// A stage as people count it, from one; a batch of it after a dot.
pub(crate) fn position(text: &str) -> Result<Position, OrderError> {
    let number = |part: &str| {
        let counted: Option<u16> = part.parse().ok();
        counted.and_then(|n| n.checked_sub(1)).ok_or_else(|| OrderError::Stage(text.to_owned()))
    };
    let (stage, batch) = text.split_once('.').unwrap_or((text, "1"));
    Ok(Position { stage: number(stage)?, batch: number(batch)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Result<Order, OrderError> {
        text.parse::<OrderAt>().map(|at| at.order)
    }

    #[test]
    fn stages_are_counted_from_one_as_the_plan_command_does() {
        let at = Position { stage: 2, batch: 0 };
        assert_eq!(order("40m=approve:3"), Ok(Order::Approve(GateRef { at, wait: None })));
        let at = Position { stage: 0, batch: 1 };
        assert_eq!(order("40m=deny:1.2"), Ok(Order::Deny(GateRef { at, wait: None })));
    }

    #[test]
    fn what_would_be_a_guess_is_refused() {
        for text in ["pause", "40=pause", "40m=stop", "40m=approve", "40m=pause:1", "1m=deny:0"] {
            assert!(order(text).is_err(), "{text}");
        }
    }
}
