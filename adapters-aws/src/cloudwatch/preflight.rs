//! What would keep a plan's metrics from being measured. It writes nothing.

use tidegate_core::{Obstacle, ObstacleKind, PortError};

use super::{Alarms, CloudWatchHealth, Named, already_fire, described::NoAlarms};
use crate::preflight::obstacle;

impl CloudWatchHealth {
    pub(super) async fn obstacles(&self, metrics: &[&str]) -> Vec<Obstacle> {
        let mut found = Vec::new();
        for name in metrics {
            match self.named.get(*name) {
                Some(Named::Alarms(alarms)) => found.extend(self.of_alarms(name, alarms).await),
                Some(Named::Metric(_)) => {}
                None => {
                    let what = format!("stands for nothing: {}", self.unknown(&[name]));
                    let subject = format!("metric {name}");
                    found.push(Obstacle::new(ObstacleKind::Missing, subject, what));
                }
            }
        }
        found
    }

    async fn of_alarms(&self, name: &str, alarms: &Alarms) -> Vec<Obstacle> {
        let subject = format!("the alarms {name}");
        match self.states(alarms, &format!("read {subject}")).await {
            Ok(states) => already_fire(alarms, &states).into_iter().map(fires).collect(),
            Err(error) => unread(subject, &error),
        }
    }
}

fn fires(alarm: &str) -> Obstacle {
    Obstacle::new(ObstacleKind::NotAtRest, format!("alarm {alarm}"), "fires already")
}

fn unread(subject: String, error: &PortError) -> Vec<Obstacle> {
    let missing = |alarm: &String| {
        Obstacle::new(ObstacleKind::Missing, format!("alarm {alarm}"), "does not exist")
    };
    match error.source.as_ref().and_then(|source| source.downcast_ref()) {
        Some(NoAlarms(names)) => names.iter().map(missing).collect(),
        None => vec![obstacle(subject, error)],
    }
}
