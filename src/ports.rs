//! The adapters of one target, as the engine is given them.
//!
//! Must not call any of them for a rollout: that is for `dispatch`, `survey` and `reads`.

use std::{collections::BTreeMap, fmt, sync::Arc};

use tidegate_core::{
    Capabilities, DeploymentActions, HealthMetrics, Hook, Judge, JudgeKind, Observer, Obstacle,
    ObstacleKind, Plan, Revision, Revisions, Target, TrafficShifter, Weight,
};

/// Everything an engine reaches the outside through.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Sets and reads traffic.
    pub traffic: Arc<dyn TrafficShifter>,
    /// Provisions, scales, observes and retires revisions.
    pub deploy: Arc<dyn DeploymentActions>,
    /// Measures.
    pub health: Arc<dyn HealthMetrics>,
    /// Hooks, by the names that plans give them.
    pub hooks: BTreeMap<String, Arc<dyn Hook>>,
    /// Who is told of every decision.
    pub observers: Vec<Arc<dyn Observer>>,
    /// Judges of the embedding program, by the names that plans give them.
    pub judges: BTreeMap<String, Arc<dyn Judge>>,
}

/// Something a plan names and the engine was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A hook.
    Hook(String),
    /// A custom judge.
    Judge(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hook(name) => write!(f, "hook {name:?}"),
            Self::Judge(name) => write!(f, "judge {name:?}"),
        }
    }
}

impl Ports {
    /// Ports without hooks, observers and judges of one's own.
    #[must_use]
    pub fn new(
        traffic: Arc<dyn TrafficShifter>,
        deploy: Arc<dyn DeploymentActions>,
        health: Arc<dyn HealthMetrics>,
    ) -> Self {
        Self {
            traffic,
            deploy,
            health,
            hooks: BTreeMap::new(),
            observers: Vec::new(),
            judges: BTreeMap::new(),
        }
    }

    /// With a hook.
    #[must_use]
    pub fn with_hook(mut self, name: impl Into<String>, hook: Arc<dyn Hook>) -> Self {
        self.hooks.insert(name.into(), hook);
        self
    }

    /// With an observer.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// With a judge.
    #[must_use]
    pub fn with_judge(mut self, name: impl Into<String>, judge: Arc<dyn Judge>) -> Self {
        self.judges.insert(name.into(), judge);
        self
    }

    /// What these adapters can do together: what a plan for them is compiled for.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        Capabilities::of(&self.traffic.ability(), &self.deploy.ability(), self.health.lag())
    }

    /// Everything that would keep a rollout of this plan from going, found by reading alone. Nothing is
    /// changed. What the plan names and is not here is for [`Self::missing`] to say.
    pub async fn preflight(&self, plan: &Plan, revisions: &Revisions) -> Vec<Obstacle> {
        let stages = plan.stages(revisions.stable.is_none()).iter();
        let mut weights: Vec<_> = stages.filter_map(|stage| stage.goal.weight).collect();
        // The way back.
        weights.extend(revisions.stable.as_ref().map(|_| Weight::ZERO));
        weights.sort_unstable();
        weights.dedup();
        let mut metrics: Vec<_> = plan.checks().iter().map(|check| check.metric.as_str()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        self.obstacles(plan.target(), revisions, &weights, &metrics).await
    }

    /// As [`Self::preflight`], where there is no plan that compiles: for these weights and metrics.
    pub async fn obstacles(
        &self,
        target: &Target,
        revisions: &Revisions,
        weights: &[Weight],
        metrics: &[&str],
    ) -> Vec<Obstacle> {
        let mut found: Vec<_> = revisions.same().map(in_both_arms).into_iter().collect();
        found.extend(self.traffic.preflight(target, revisions, weights).await);
        found.extend(self.deploy.preflight(target, revisions).await);
        found.extend(self.health.preflight(target, revisions, metrics).await);
        found
    }

    /// What a plan names and is not here.
    #[must_use]
    pub fn missing(&self, plan: &Plan) -> Vec<Missing> {
        let hooks = plan.hooks().iter().map(|hook| &hook.name);
        let hooks = hooks.filter(|name| !self.hooks.contains_key(*name)).cloned();
        let judges = plan.checks().iter().filter_map(|check| match &check.judge {
            JudgeKind::Custom(name) if !self.judges.contains_key(name) => Some(name.clone()),
            _ => None,
        });
        hooks.map(Missing::Hook).chain(judges.map(Missing::Judge)).collect()
    }
}

fn in_both_arms(revision: &Revision) -> Obstacle {
    let what = "is named both as what serves and as what comes in, so there is nothing to release; \
                name another candidate";
    Obstacle::new(ObstacleKind::Unsuitable, format!("revision {revision}"), what)
}
