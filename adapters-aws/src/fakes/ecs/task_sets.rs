//! Task sets of the fake: a share of the service's tasks each, which start and stop in virtual time.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Answer, Ecs, SERVICE, arn, definition,
    wire::{cluster_arn, service_arn},
};
use crate::fakes::json11::{present, seconds};

/// From its creation until a new task runs, and until it is healthy.
const STARTS: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(20));
/// Until a task that is not wanted any more has stopped.
const STOPS: Duration = Duration::from_secs(5);

/// One task set.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskSet {
    /// Its task definition.
    pub definition: String,
    /// What its creator calls it.
    pub external_id: Option<String>,
    /// What it was created with, to tell repeats.
    pub token: Option<(String, Value)>,
    /// Its share of the service's tasks, in percent.
    pub percent: f64,
    /// Tasks that were healthy when it was last changed.
    pub healthy: u32,
    /// When it was last changed.
    pub changed: Duration,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The members it was created with.
    pub created_with: Value,
}

impl TaskSet {
    pub(super) fn of(definition: String, percent: f64, healthy: u32) -> Self {
        Self {
            definition,
            external_id: None,
            token: None,
            percent,
            healthy,
            changed: Duration::ZERO,
            deleted: false,
            created_with: json!({}),
        }
    }

    /// The same behind a target group, by its ARN.
    #[must_use]
    pub fn behind(mut self, group: &str) -> Self {
        let balancer =
            json!({ "targetGroupArn": group, "containerName": "web", "containerPort": 8080 });
        self.created_with["loadBalancers"] = json!([balancer]);
        self
    }

    /// How many tasks it is to have: its share, of which ECS takes the number above.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a small number"
    )]
    pub fn wanted(&self, desired: u32) -> u32 {
        if self.deleted { 0 } else { (self.percent * f64::from(desired) / 100.0).ceil() as u32 }
    }

    /// How many tasks run, and how many of them are healthy.
    fn tasks(&self, desired: u32, at: Duration) -> (u32, u32) {
        let (wanted, age) = (self.wanted(desired), at.saturating_sub(self.changed));
        let (runs, healthy) = STARTS;
        match wanted > self.healthy {
            true if age >= healthy => (wanted, wanted),
            true if age >= runs => (wanted, self.healthy),
            false if age >= STOPS => (wanted, wanted),
            _ => (self.healthy, self.healthy),
        }
    }
}

impl Ecs {
    fn id(index: usize) -> String {
        format!("ecs-svc/{index:019}")
    }

    pub(super) fn task_sets(&self, at: Duration) -> Vec<Value> {
        let all = self.sets.iter().enumerate();
        let there = all.filter(|(_, set)| !set.deleted || at < set.changed + STOPS);
        there.map(|(index, _)| self.task_set(index, at)).collect()
    }

    fn task_set(&self, index: usize, at: Duration) -> Value {
        let set = &self.sets[index];
        let wanted = set.wanted(self.setup.desired);
        let (running, healthy) = set.tasks(self.setup.desired, at);
        let steady = running == wanted && healthy == wanted;
        let status = match () {
            () if set.deleted => "DRAINING",
            () if Some(index) == self.primary => "PRIMARY",
            () => "ACTIVE",
        };
        present(json!({
            "id": Self::id(index),
            "taskSetArn": arn("task-set", &Self::id(index)),
            "serviceArn": service_arn(),
            "clusterArn": cluster_arn(),
            "externalId": set.external_id,
            "status": status,
            "taskDefinition": set.definition,
            "computedDesiredCount": wanted,
            "pendingCount": wanted.saturating_sub(running),
            "runningCount": running,
            "scale": { "value": set.percent, "unit": "PERCENT" },
            "stabilityStatus": if steady { "STEADY_STATE" } else { "STABILIZING" },
            "stabilityStatusAt": seconds(at),
            "loadBalancers": set.created_with.get("loadBalancers"),
        }))
    }

    /// The index of the set that is meant, by its id or ARN.
    fn meant(&self, body: &Value, member: &str) -> Result<usize, &'static str> {
        self.checked(body)?;
        let named = body[member].as_str().unwrap_or_default();
        let is = |index: &usize| named.ends_with(&Self::id(*index)) && !self.sets[*index].deleted;
        (0..self.sets.len()).find(is).ok_or("TaskSetNotFoundException")
    }

    pub(super) fn set_created(&mut self, body: &Value, at: Duration) -> Answer {
        self.checked(body)?;
        if self.setup.controller != "EXTERNAL" {
            return Err("InvalidParameterException");
        }
        let token = body["clientToken"].as_str().map(ToOwned::to_owned);
        if token.as_ref().is_some_and(|token| token.len() > 36) {
            return Err("InvalidParameterException");
        }
        let known = |set: &TaskSet| set.token.as_ref().map(|(token, _)| token) == token.as_ref();
        if let Some(index) = token.as_ref().and_then(|_| self.sets.iter().position(known)) {
            let same = self.sets[index].token.as_ref().is_some_and(|(_, with)| with == body);
            let repeated = json!({ "taskSet": self.task_set(index, at) });
            return if same { Ok(repeated) } else { Err("InvalidParameterException") };
        }
        let definition = body["taskDefinition"].as_str().unwrap_or_default().to_owned();
        let percent = body["scale"]["value"].as_f64().unwrap_or(100.0);
        let set = TaskSet {
            external_id: body["externalId"].as_str().map(ToOwned::to_owned),
            token: token.map(|token| (token, body.clone())),
            changed: at,
            created_with: body.clone(),
            ..TaskSet::of(definition, percent, 0)
        };
        self.sets.push(set);
        Ok(json!({ "taskSet": self.task_set(self.sets.len() - 1, at) }))
    }

    pub(super) fn set_scaled(&mut self, body: &Value, at: Duration) -> Answer {
        let index = self.meant(body, "taskSet")?;
        let percent = body["scale"]["value"].as_f64().unwrap_or(-1.0);
        if !(0.0..=100.0).contains(&percent) {
            return Err("InvalidParameterException");
        }
        let (_, healthy) = self.sets[index].tasks(self.setup.desired, at);
        let set = &mut self.sets[index];
        (set.percent, set.healthy, set.changed) = (percent, healthy, at);
        Ok(json!({ "taskSet": self.task_set(index, at) }))
    }

    pub(super) fn set_deleted(&mut self, body: &Value, at: Duration) -> Answer {
        let index = self.meant(body, "taskSet")?;
        let wanted = self.sets[index].wanted(self.setup.desired);
        if Some(index) == self.primary || (wanted > 0 && body["force"] != true) {
            return Err("InvalidParameterException");
        }
        let (_, healthy) = self.sets[index].tasks(self.setup.desired, at);
        let set = &mut self.sets[index];
        (set.deleted, set.healthy, set.changed) = (true, healthy, at);
        Ok(json!({ "taskSet": self.task_set(index, at) }))
    }

    pub(super) fn set_primary(&mut self, body: &Value, at: Duration) -> Answer {
        let index = self.meant(body, "primaryTaskSet")?;
        self.primary = Some(index);
        Ok(json!({ "taskSet": self.task_set(index, at) }))
    }

    /// A task definition as `family:revision` or ARN names it, with a container `web` at port 8080.
    pub(super) fn registered(&self, body: &Value) -> Answer {
        let named = body["taskDefinition"].as_str().unwrap_or_default();
        let name = named.rsplit_once('/').map_or(named, |(_, name)| name);
        let revision = name.strip_prefix(SERVICE).and_then(|rest| rest.strip_prefix(':'));
        let number = revision.and_then(|number| number.parse().ok());
        let number: u32 = number.ok_or("ClientException")?;
        let arn = definition(number);
        if self.unregistered.contains(&arn) {
            return Err("ClientException");
        }
        let ports = json!([{ "containerPort": 8080, "hostPort": 0, "protocol": "tcp" }]);
        let container = json!({ "name": "web", "image": "shop/checkout", "portMappings": ports });
        let mut found = json!({
            "taskDefinitionArn": arn,
            "family": SERVICE,
            "revision": number,
            "status": "ACTIVE",
            "networkMode": "bridge",
            "containerDefinitions": [container],
            "compatibilities": ["EXTERNAL", "EC2"],
        });
        if let (Value::Object(found), Value::Object(other)) = (&mut found, &self.registered) {
            found.extend(other.clone());
        }
        Ok(json!({ "taskDefinition": found }))
    }
}
