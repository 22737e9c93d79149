//! Which targets an engine serves, and with which adapters.
//!
//! Must not call any of them, and must not know what a rollout does.

use std::{collections::BTreeMap, sync::Arc};

use tidegate_core::{Serves, Target};

use crate::{error::EngineError, observers::Observers, ports::Ports};

/// Targets, each with the adapters that reach it.
///
/// An engine that is given some targets runs rollouts of these alone: those of others stay in the
/// journal for an engine that serves them. Made from [`Ports`], it is every target there is.
///
/// ```
/// # use std::sync::Arc;
/// # use tidegate::{Engine, Ports, Targets, machine::Serves};
/// # use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
/// # let ports = || {
/// #     let world = Arc::new(SimWorld::new(WorldSpec::good(), 42));
/// #     Ports::new(world.clone(), world.clone(), world)
/// # };
/// # let (checkout, search) = (ports(), ports());
/// let targets = Targets::new().with("checkout", checkout).with("search", search);
/// let engine = Engine::builder(Arc::new(MemoryJournal::new()), targets).build();
/// assert!(engine.serves().includes(&"search".into()));
/// assert!(!engine.serves().includes(&"payments".into()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Targets {
    named: BTreeMap<Target, Ports>,
    /// Those of every target that is not named.
    others: Option<Ports>,
}

impl Targets {
    /// No target.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a target and what reaches it; in place of what was given for it before.
    #[must_use]
    pub fn with(mut self, target: impl Into<Target>, ports: Ports) -> Self {
        self.named.insert(target.into(), ports);
        self
    }
}

impl From<Ports> for Targets {
    /// Every target, reached through the same adapters.
    fn from(ports: Ports) -> Self {
        Self { named: BTreeMap::new(), others: Some(ports) }
    }
}

/// What one target, or several, are reached through while an engine runs.
#[derive(Clone, Debug)]
pub(crate) struct Adapters {
    pub(crate) ports: Arc<Ports>,
    pub(crate) observers: Arc<Observers>,
}

impl Adapters {
    fn start(ports: Ports) -> Self {
        let observers = Arc::new(Observers::start(&ports.observers));
        Self { ports: Arc::new(ports), observers }
    }
}

/// The adapters of every target that an engine serves.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) serves: Serves,
    named: BTreeMap<Target, Adapters>,
    others: Option<Adapters>,
}

impl Served {
    /// Starts the observers.
    pub(crate) fn start(Targets { named, others }: Targets) -> Self {
        let serves = match others {
            Some(_) => Serves::Every,
            None => Serves::Only(named.keys().cloned().collect()),
        };
        let start = |(target, ports)| (target, Adapters::start(ports));
        let others = others.map(Adapters::start);
        Self { serves, named: named.into_iter().map(start).collect(), others }
    }

    /// What reaches a target.
    ///
    /// # Errors
    /// [`EngineError::NotServed`].
    pub(crate) fn adapters(&self, target: &Target) -> Result<&Adapters, EngineError> {
        let adapters = self.named.get(target).or(self.others.as_ref());
        adapters.ok_or_else(|| EngineError::NotServed {
            target: target.clone(),
            served: self.named.keys().cloned().collect(),
        })
    }
}
