//! What goes wrong, and when: faults of the wire, of the service, and of other people.
//!
//! It must not know any service. A script is data, so that a test can go through all of them.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

/// What somebody else does to a service's state.
pub type Foreign<S> = Arc<dyn Fn(&mut S) + Send + Sync>;

/// What becomes of an answer's text.
pub type Edit = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Something that goes wrong with one request.
#[derive(Clone)]
pub enum Fault<S> {
    /// It never arrives: the connection breaks before.
    NotSent,
    /// It is carried out, and the connection breaks before the answer.
    ReplyLost,
    /// HTTP 500, before or after it was carried out.
    ServerError {
        /// Whether it was carried out.
        after: bool,
    },
    /// Refused: too many requests.
    Throttled,
    /// No answer, ever. `lands` says when it is carried out, counted from its arrival; absent if never.
    Hang {
        /// When it takes effect.
        lands: Option<Duration>,
    },
    /// Answered from the state before the last write.
    StaleRead,
    /// Somebody else writes just before it is carried out.
    ForeignBefore(Foreign<S>),
    /// Somebody else writes just after it was carried out, before the answer arrives.
    ForeignAfter(Foreign<S>),
    /// It is carried out, and the answer says something else than the service's own.
    OtherAnswer(Edit),
    /// Lists answer in pages of so many items.
    PartialPage(usize),
    /// Refused: the caller may not do this.
    Denied,
    /// The service no longer knows the operation.
    Gone,
    /// The caller's process ends here: the answer never arrives, and [`Fake::crashed`] says so.
    ///
    /// [`Fake::crashed`]: super::Fake::crashed
    Crash {
        /// Whether the request was carried out first.
        after: bool,
    },
}

impl<S> Fault<S> {
    /// The fault's name, for a test to say which one it was.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotSent => "not sent",
            Self::ReplyLost => "reply lost",
            Self::ServerError { after: false } => "500 before the effect",
            Self::ServerError { after: true } => "500 after the effect",
            Self::Throttled => "throttled",
            Self::Hang { lands: None } => "hang without effect",
            Self::Hang { lands: Some(_) } => "hang, lands late",
            Self::StaleRead => "stale read",
            Self::ForeignBefore(_) => "foreign writer before",
            Self::ForeignAfter(_) => "foreign writer after",
            Self::OtherAnswer(_) => "another answer",
            Self::PartialPage(_) => "partial page",
            Self::Denied => "denied",
            Self::Gone => "service gone",
            Self::Crash { after: false } => "crash before the effect",
            Self::Crash { after: true } => "crash after the effect",
        }
    }

    /// Every fault of the wire, the service and the process: all but those that need to know the
    /// service's state, and permissions, which do not come and go.
    #[must_use]
    pub fn all() -> Vec<Self> {
        vec![
            Self::NotSent,
            Self::ReplyLost,
            Self::ServerError { after: false },
            Self::ServerError { after: true },
            Self::Throttled,
            Self::Hang { lands: None },
            Self::Hang { lands: Some(Duration::ZERO) },
            Self::Hang { lands: Some(Duration::from_secs(20)) },
            Self::StaleRead,
            Self::PartialPage(1),
            Self::Crash { after: false },
            Self::Crash { after: true },
        ]
    }
}

impl<S> fmt::Debug for Fault<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which requests a fault befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The n-th that matches, counted from 1.
    Nth(u32),
    /// The n-th that matches and all after it.
    From(u32),
    /// All that arrive in a part of the fake's time.
    During {
        /// From here on.
        from: Duration,
        /// Up to here, exclusive.
        to: Duration,
    },
}

impl When {
    fn is_now(self, count: u32, at: Duration) -> bool {
        match self {
            Self::Nth(n) => count == n,
            Self::From(n) => count >= n,
            Self::During { from, to } => (from..to).contains(&at),
        }
    }
}

#[derive(Clone, Debug)]
struct Line<S> {
    operation: Option<&'static str>,
    when: When,
    fault: Fault<S>,
}

/// Faults to come, and how many requests there were.
#[derive(Clone, Debug)]
pub(super) struct Script<S> {
    lines: Vec<Line<S>>,
    counts: BTreeMap<String, u32>,
    all: u32,
}

impl<S> Script<S> {
    pub(super) const fn new() -> Self {
        Self { lines: Vec::new(), counts: BTreeMap::new(), all: 0 }
    }

    pub(super) fn add(&mut self, operation: Option<&'static str>, when: When, fault: Fault<S>) {
        self.lines.push(Line { operation, when, fault });
    }

    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }
}

impl<S: Clone> Script<S> {
    /// Counts a request, and says what goes wrong with it: the first line that matches.
    pub(super) fn next(&mut self, operation: &str, at: Duration) -> Option<Fault<S>> {
        self.all += 1;
        let count = self.counts.entry(operation.to_owned()).or_default();
        *count += 1;
        let (count, all) = (*count, self.all);
        let line = self.lines.iter().find(|line| match line.operation {
            Some(named) => named == operation && line.when.is_now(count, at),
            None => line.when.is_now(all, at),
        });
        line.map(|line| line.fault.clone())
    }
}
