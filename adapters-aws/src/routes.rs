//! The routes of a target, in their fixed order.

use tidegate_core::{Call, PortError};

use crate::port::refused;

/// A number of routes that no target can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} routes were given; a target has 1 to 255")]
pub struct RouteCount(
    /// How many were given.
    pub usize,
);

/// 1 to 255 routes.
#[derive(Clone, Debug)]
pub(crate) struct Routes<T> {
    all: Vec<T>,
    count: u8,
}

impl<T> Routes<T> {
    pub(crate) fn new(all: Vec<T>) -> Result<Self, RouteCount> {
        let given = all.len();
        let count = u8::try_from(given).ok().filter(|count| *count > 0);
        Ok(Self { all, count: count.ok_or(RouteCount(given))? })
    }

    pub(crate) const fn count(&self) -> u8 {
        self.count
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.all.iter()
    }

    /// The route that a call is for.
    pub(crate) fn of(&self, call: &Call) -> Result<&T, PortError> {
        self.all.get(usize::from(call.route)).ok_or_else(|| {
            let action = format!("shift traffic of {}", call.target);
            refused(&action, format!("it has {} routes and no route {}", self.count, call.route))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_more_than_can_be_counted_are_refused() {
        assert_eq!(Routes::new(vec![(); 0]).unwrap_err(), RouteCount(0));
        assert_eq!(Routes::new(vec![(); 256]).unwrap_err(), RouteCount(256));
        assert_eq!(Routes::new(vec![(); 255]).unwrap().count(), 255);
    }
}
