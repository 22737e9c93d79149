//! The fake's state as ECS writes it: services, deployments, revisions, pages.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ACCOUNT, Answer, CLUSTER, Deployment, Ecs, REGION, SERVICE, Setup, Status, arn};
use crate::fakes::{
    Request,
    json11::{page, present, seconds},
};

pub(super) fn service_arn() -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/{CLUSTER}/{SERVICE}")
}

pub(super) fn cluster_arn() -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}")
}

fn revision_arn(index: usize) -> String {
    arn("service-revision", &format!("{index:019}"))
}

impl Setup {
    fn configuration(&self) -> Value {
        let hooks = self.pauses.iter().map(|pause| {
            json!({
                "targetType": "PAUSE",
                "lifecycleStages": [pause.stage],
                "timeoutConfiguration": { "timeoutInMinutes": pause.minutes, "action": pause.then },
            })
        });
        let breaker = self.breaker.map(|one| json!({ "enable": true, "rollback": one.goes_back }));
        let alarms = self.alarms.as_ref().map(|(names, one)| {
            json!({ "alarmNames": names, "enable": true, "rollback": one.goes_back })
        });
        let linear = json!({ "stepPercent": f64::from(self.step),
            "stepBakeTimeInMinutes": self.step_bake });
        let canary = json!({ "canaryPercent": f64::from(self.step),
            "canaryBakeTimeInMinutes": self.step_bake });
        present(json!({
            "strategy": self.strategy,
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "bakeTimeInMinutes": (self.strategy != "ROLLING").then_some(self.bake),
            "lifecycleHooks": hooks.collect::<Vec<_>>(),
            "deploymentCircuitBreaker": breaker,
            "alarms": alarms,
            "linearConfiguration": (self.strategy == "LINEAR").then_some(linear),
            "canaryConfiguration": (self.strategy == "CANARY").then_some(canary),
        }))
    }
}

impl Ecs {
    pub(super) fn service(&self, at: Duration) -> Value {
        let last = self.deployments.last().filter(|_| self.setup.controller == "ECS");
        let named = last.filter(|one| self.names_current || one.created + self.listed_after <= at);
        let target = last.filter(|one| one.status != Status::RollbackSuccessful);
        let definition = self.revisions.get(target.map_or(self.settled, |one| one.target));
        let current = self.current().into_iter().map(|index| {
            json!({ "arn": revision_arn(index), "requestedTaskCount": self.setup.desired,
                "runningTaskCount": self.running(last, index), "pendingTaskCount": 0 })
        });
        let mut service = present(json!({
            "serviceArn": service_arn(),
            "serviceName": SERVICE,
            "clusterArn": cluster_arn(),
            "status": "ACTIVE",
            "desiredCount": self.setup.desired,
            "runningCount": self.setup.desired,
            "pendingCount": 0,
            "taskDefinition": definition,
            "deploymentController": { "type": self.setup.controller },
            "deploymentConfiguration": self.setup.configuration(),
            "deployments": last.map(|one| vec![self.rollout(one)]),
            "taskSets": self.task_sets(at),
            "currentServiceDeployment": named.map(Deployment::arn),
            "currentServiceRevisions": last.map(|_| current.collect::<Vec<_>>()),
        }));
        if let (Value::Object(service), Value::Object(other)) = (&mut service, &self.setup.other) {
            service.extend(other.clone());
        }
        service
    }

    /// A deployment as services tell of it, in an older form.
    fn rollout(&self, one: &Deployment) -> Value {
        let state = match one.status {
            Status::Successful | Status::RollbackSuccessful => "COMPLETED",
            Status::Stopped | Status::RollbackFailed => "FAILED",
            _ => "IN_PROGRESS",
        };
        json!({
            "id": format!("ecs-svc/{:019}", one.id),
            "status": "PRIMARY",
            "taskDefinition": self.revisions[one.target],
            "desiredCount": self.setup.desired,
            "rolloutState": state,
        })
    }

    /// How many tasks of a revision run.
    fn running(&self, last: Option<&Deployment>, index: usize) -> u32 {
        let desired = self.setup.desired;
        let Some(one) = last.filter(|one| !one.is_over() || one.status == Status::Stopped) else {
            return desired;
        };
        let broken = self.broken.as_ref() == Some(&self.revisions[one.target]);
        let grown = if broken { 0 } else { one.legs[one.leg].grown };
        let begun = one.status != Status::Pending;
        let new = if begun { desired * grown / 100 } else { 0 };
        match index == one.target {
            true => new,
            // Of several old ones the newest is what is left.
            false if one.sources.last() != Some(&index) => 0,
            false if self.setup.strategy == "ROLLING" => desired - new,
            false => desired,
        }
    }

    /// Newest first; the model promises no order.
    pub(super) fn listed(&self, body: &Value, request: &Request) -> Value {
        let from = body["createdAt"]["after"].as_f64().unwrap_or_default();
        let old_enough = |one: &&Deployment| one.created + self.listed_after <= request.at;
        let in_range = |one: &&Deployment| seconds(one.created) >= from;
        let known = self.deployments.iter().skip(self.forgotten).rev();
        let listed = known.filter(old_enough).filter(in_range);
        let brief = |one: &Deployment| {
            present(json!({
                "serviceDeploymentArn": one.arn(),
                "serviceArn": service_arn(),
                "clusterArn": cluster_arn(),
                "createdAt": seconds(one.created),
                "finishedAt": one.finished.map(seconds),
                "targetServiceRevisionArn": revision_arn(one.target),
                "status": one.status.name(),
                "statusReason": one.reason,
            }))
        };
        let (part, next) = page(&listed.map(brief).collect::<Vec<_>>(), body, request);
        present(json!({ "serviceDeployments": part, "nextToken": next }))
    }

    pub(super) fn described(&self, body: &Value) -> Answer {
        let wanted = body["serviceDeploymentArns"].as_array().cloned().unwrap_or_default();
        if wanted.is_empty() || wanted.len() > 20 {
            return Err("InvalidParameterException");
        }
        let known = self.deployments.iter().skip(self.forgotten);
        let found = known.filter(|one| wanted.contains(&json!(one.arn())));
        let found: Vec<_> = found.map(|one| self.deployment(one)).collect();
        let told = |arn: &&Value| found.iter().any(|one| one["serviceDeploymentArn"] == **arn);
        let failures = wanted.iter().filter(|arn| !told(arn));
        let failures = failures.map(|arn| json!({ "arn": arn, "reason": "MISSING" }));
        let failures: Vec<_> = failures.collect();
        Ok(json!({ "serviceDeployments": found, "failures": failures }))
    }

    fn deployment(&self, one: &Deployment) -> Value {
        let weighs = self.setup.strategy != "ROLLING";
        let summary = |index: usize, weight: u32| {
            present(json!({
                "arn": revision_arn(index),
                "requestedTaskCount": self.setup.desired,
                "runningTaskCount": self.running(Some(one), index),
                "pendingTaskCount": 0,
                "requestedProductionTrafficWeight": weighs.then(|| f64::from(weight)),
            }))
        };
        // Of several old revisions the newest has what the new one has not.
        let newest = one.sources.last();
        let rest = |index: &usize| if Some(index) == newest { 100 - one.share() } else { 0 };
        let sources = one.sources.iter().map(|index| summary(*index, rest(index)));
        let goes_back = matches!(
            one.status,
            Status::RollbackRequested | Status::RollbackInProgress | Status::RollbackSuccessful
        );
        let rollback = json!({ "reason": one.reason, "startedAt": seconds(one.since),
            "serviceRevisionArn": revision_arn(self.settled) });
        present(json!({
            "serviceDeploymentArn": one.arn(),
            "serviceArn": service_arn(),
            "clusterArn": cluster_arn(),
            "createdAt": seconds(one.created),
            "startedAt": (one.status != Status::Pending).then(|| seconds(one.created)),
            "finishedAt": one.finished.map(seconds),
            "sourceServiceRevisions": sources.collect::<Vec<_>>(),
            "targetServiceRevision": summary(one.target, one.share()),
            "status": one.status.name(),
            "statusReason": one.reason,
            // The model has no word for the stage before a shift.
            "lifecycleStage": Some(one.legs[one.leg].stage)
                .filter(|stage| *stage != "PRE_PRODUCTION_TRAFFIC_SHIFT"),
            "lifecycleHookDetails": hooks(one),
            "deploymentConfiguration": self.setup.configuration(),
            "rollback": goes_back.then_some(rollback),
        }))
    }

    pub(super) fn revisions(&self, body: &Value) -> Answer {
        let wanted = body["serviceRevisionArns"].as_array().cloned().unwrap_or_default();
        if wanted.is_empty() || wanted.len() > 20 {
            return Err("InvalidParameterException");
        }
        let all = self.revisions.iter().enumerate();
        let all = all.map(|(index, definition)| (revision_arn(index), definition));
        let found = all.filter(|(arn, _)| wanted.contains(&json!(arn))).map(|(arn, definition)| {
            json!({ "serviceRevisionArn": arn, "serviceArn": service_arn(),
                "clusterArn": cluster_arn(), "taskDefinition": definition })
        });
        Ok(json!({ "serviceRevisions": found.collect::<Vec<_>>(), "failures": [] }))
    }
}

/// The hooks of a deployment's stage so far.
fn hooks(one: &Deployment) -> Vec<Value> {
    let before = one.legs.iter().enumerate().take(one.leg + usize::from(one.answered));
    let passed = before.filter(|(_, leg)| leg.pause.is_some()).map(|(index, _)| {
        json!({ "hookId": format!("hook-{}-{index}", one.id), "targetType": "PAUSE",
            "status": "SUCCEEDED" })
    });
    let waits = one.paused().map(|pause| {
        json!({ "hookId": one.hook(), "targetType": "PAUSE", "status": "AWAITING_ACTION",
            "expiresAt": one.expires().map(seconds), "timeoutAction": pause.then })
    });
    passed.chain(waits).collect()
}
