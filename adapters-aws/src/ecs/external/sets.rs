//! Task sets as they are read, and how many tasks a share of the full size is.

use std::sync::PoisonError;

use aws_sdk_ecs::types::{Scale, ScaleUnit, Service, StabilityStatus, TaskSet};
use tidegate_core::{Arm, PortError};

use super::{TaskSets, setup};
use crate::{
    ecs::{described, task_definition::Definitions},
    port::{incomplete, refused},
};

/// The service with its task sets, as one reading found them.
#[derive(Debug)]
pub(super) struct Found {
    /// How many tasks the service wants.
    pub(super) full: u32,
    sets: Vec<TaskSet>,
}

impl Found {
    /// The sets of an arm. One that is being deleted is not among them.
    pub(super) fn of(&self, both: &Definitions, arm: Arm) -> impl Iterator<Item = &TaskSet> {
        let is = move |set: &&TaskSet| {
            let its = set.task_definition().and_then(|definition| both.arm(definition));
            its == Some(arm) && set.status() != Some("DRAINING")
        };
        self.sets.iter().filter(is)
    }

    /// The set that serves, as ECS has it.
    pub(super) fn primary(&self) -> Option<&TaskSet> {
        self.sets.iter().find(|set| is_primary(set))
    }
}

impl TaskSets {
    pub(super) async fn read(&self, action: &str) -> Result<Found, PortError> {
        let service: Service = described(&self.client, &self.channel, &self.name, action).await?;
        setup::check(&service, &self.name, action)?;
        let full = tasks(service.desired_count());
        Ok(Found { full, sets: service.task_sets.unwrap_or_default() })
    }

    /// Tasks that are wanted of a set, and those of them that are ready.
    pub(super) fn counted(&self, set: &TaskSet) -> (u32, u32) {
        let wanted = tasks(set.computed_desired_count());
        let running = tasks(set.running_count());
        let id = set.id().unwrap_or_default().to_owned();
        // A map of facts is whole at every instant: a panic elsewhere does not spoil it.
        let mut steady = self.steady.lock().unwrap_or_else(PoisonError::into_inner);
        if set.stability_status() == Some(&StabilityStatus::SteadyState) {
            steady.insert(id, running);
            return (wanted, running);
        }
        let surplus = running > wanted && set.pending_count() == 0;
        let before = steady.get(&id).copied().unwrap_or_default();
        // What shrinks had more than is wanted; of what grows only those from before are sure.
        let ready = if surplus { wanted.max(before) } else { before };
        (wanted, ready.min(running))
    }
}

/// One set, or none; several are an error.
pub(super) fn only<'a>(
    mut sets: impl Iterator<Item = &'a TaskSet>,
    action: &str,
) -> Result<Option<&'a TaskSet>, PortError> {
    let one = sets.next();
    match sets.next() {
        None => Ok(one),
        Some(other) => {
            let name = |set: Option<&TaskSet>| set.and_then(|set| set.id()).map(ToOwned::to_owned);
            let (one, other) =
                (name(one).unwrap_or_default(), name(Some(other)).unwrap_or_default());
            let why = format!("task sets {one} and {other} have the same task definition");
            Err(refused(action, why))
        }
    }
}

pub(super) fn is_primary(set: &TaskSet) -> bool {
    set.status() == Some("PRIMARY")
}

/// The ARN of a set.
pub(super) fn arn_of<'a>(set: &'a TaskSet, action: &str) -> Result<&'a str, PortError> {
    set.task_set_arn().ok_or_else(|| incomplete(action, "a task set lacks its ARN"))
}

/// So many tasks as ECS wants them: as a share of the full size, of which it takes the number above.
pub(super) fn scale(units: u32, full: u32, action: &str) -> Result<Scale, PortError> {
    if units > full {
        let why = format!("{units} tasks are more than the {full} that the service wants");
        return Err(refused(action, why));
    }
    // Rounded down, or the number above would be one more. It may be one more all the same where the
    // product is not exact in floating point.
    let millionths = u64::from(units) * 100_000_000 / u64::from(full.max(1));
    let above = |millionths| (percent(millionths) * f64::from(full) / 100.0).ceil();
    let over = above(millionths) > f64::from(units);
    let value = percent(millionths.saturating_sub(u64::from(over)));
    Ok(Scale::builder().value(value).unit(ScaleUnit::Percent).build())
}

#[expect(clippy::cast_precision_loss, reason = "at most a hundred million")]
fn percent(millionths: u64) -> f64 {
    millionths as f64 / 1_000_000.0
}

fn tasks(count: i32) -> u32 {
    u32::try_from(count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_tasks_is_the_one_above_its_share() {
        for full in 1..=500_u32 {
            for units in 0..=full {
                let percent = scale(units, full, "test").unwrap().value;
                let computed = (percent * f64::from(full) / 100.0).ceil();
                assert!((computed - f64::from(units)).abs() < f64::EPSILON, "{units} of {full}");
            }
        }
        assert!(scale(5, 4, "test").is_err());
    }
}
