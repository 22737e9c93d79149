//! The fake's state as CodeDeploy writes it: groups, deployments, targets, pages.

use std::time::Duration;

use serde_json::{Value, json};

use super::{APPLICATION, Answer, CodeDeploy, Compute, Deployment, GROUP, Stage, refusal};
use crate::fakes::{
    Request,
    json11::{page, present, seconds},
};

impl CodeDeploy {
    pub(super) fn group_info(&self) -> Value {
        let group = &self.group;
        let kind = if group.compute.is_blue_green() { "BLUE_GREEN" } else { "IN_PLACE" };
        let ready = match group.ready_wait {
            Some(minutes) => {
                json!({ "actionOnTimeout": "STOP_DEPLOYMENT", "waitTimeInMinutes": minutes })
            }
            None => json!({ "actionOnTimeout": "CONTINUE_DEPLOYMENT", "waitTimeInMinutes": 0 }),
        };
        let end = match group.terminates_after {
            Some(minutes) => {
                json!({ "action": "TERMINATE", "terminationWaitTimeInMinutes": minutes })
            }
            None => json!({ "action": "KEEP_ALIVE" }),
        };
        let replaces = group.compute.is_replaced();
        let last = self.deployments.last().map(|one| json!({ "deploymentId": one.id }));
        let last = last.filter(|_| self.names_last);
        let alarms: Vec<_> = group.alarms.iter().map(|name| json!({ "name": name })).collect();
        json!({ "deploymentGroupInfo": present(json!({
            "applicationName": APPLICATION,
            "deploymentGroupName": GROUP,
            "computePlatform": group.compute.platform(),
            "deploymentStyle": {
                "deploymentType": kind,
                "deploymentOption": "WITH_TRAFFIC_CONTROL",
            },
            "blueGreenDeploymentConfiguration": replaces.then(|| json!({
                "deploymentReadyOption": ready,
                "terminateBlueInstancesOnDeploymentSuccess": end,
            })),
            "lastAttemptedDeployment": last,
            "autoRollbackConfiguration": {
                "enabled": !group.goes_back_on.is_empty(),
                "events": group.goes_back_on,
            },
            "alarmConfiguration": {
                "enabled": !alarms.is_empty(),
                "ignorePollAlarmFailure": false,
                "alarms": alarms,
            },
        })) })
    }

    /// Newest first, as the console shows them; the model promises no order.
    pub(super) fn listed(&self, body: &Value, request: &Request) -> Value {
        let from = body["createTimeRange"]["start"].as_f64().unwrap_or_default();
        let old_enough = |one: &&Deployment| one.created + self.listed_after <= request.at;
        let in_range = |one: &&Deployment| seconds(one.created) >= from;
        let listed = self.deployments.iter().rev().filter(old_enough).filter(in_range);
        let ids: Vec<_> = listed.map(|one| json!(one.id)).collect();
        let (part, next) = page(&ids, body, request);
        present(json!({ "deployments": part, "nextToken": next }))
    }

    pub(super) fn infos(&self, body: &Value) -> Answer {
        let wanted = body["deploymentIds"].as_array().cloned().unwrap_or_default();
        if wanted.len() > 25 {
            return Err(refusal("BatchLimitExceededException"));
        }
        let found = self.deployments.iter().filter(|one| wanted.contains(&json!(one.id)));
        let infos: Vec<_> = found.map(|one| self.info(one)).collect();
        Ok(json!({ "deploymentsInfo": infos }))
    }

    fn info(&self, one: &Deployment) -> Value {
        let status = match one.stage {
            Stage::Provisioning => "Created",
            Stage::Ready { .. } => "Ready",
            Stage::Shifting { .. } | Stage::Kept { .. } => "InProgress",
            Stage::Over => one.status.unwrap_or("Succeeded"),
        };
        let linked = one.rollback.is_some() || one.triggering.is_some();
        let rollback = present(json!({
            "rollbackDeploymentId": one.rollback,
            "rollbackTriggeringDeploymentId": one.triggering,
        }));
        present(json!({
            "applicationName": APPLICATION,
            "deploymentGroupName": GROUP,
            "deploymentId": one.id,
            "description": one.description,
            "revision": one.revision,
            "previousRevision": one.previous,
            "status": status,
            "createTime": seconds(one.created),
            "completeTime": one.ended.map(seconds),
            "creator": if one.triggering.is_some() { "codeDeployRollback" } else { "user" },
            "instanceTerminationWaitTimeStarted": matches!(one.stage, Stage::Kept { .. }),
            "rollbackInfo": linked.then_some(rollback),
            "computePlatform": self.group.compute.platform(),
        }))
    }

    fn ids_of_targets(&self) -> Vec<Value> {
        match self.group.compute {
            Compute::Ecs => vec![json!("cluster:checkout")],
            Compute::Lambda => vec![json!("checkout:live")],
            Compute::InPlace => (0..self.group.hosts).map(|n| json!(format!("i-{n:04}"))).collect(),
            Compute::Replaced => {
                (0..2 * self.group.hosts).map(|n| json!(format!("i-{n:04}"))).collect()
            }
        }
    }

    pub(super) fn target_ids(&mut self, body: &Value, request: &Request) -> Answer {
        if !self.of(body)?.has_begun(request.at) {
            return Err(refusal("DeploymentNotStartedException"));
        }
        let (part, next) = page(&self.ids_of_targets(), body, request);
        Ok(present(json!({ "targetIds": part, "nextToken": next })))
    }

    pub(super) fn targets(&mut self, body: &Value, at: Duration) -> Answer {
        let one = self.of(body)?.clone();
        if !one.has_begun(at) {
            return Err(refusal("DeploymentNotStartedException"));
        }
        let wanted = body["targetIds"].as_array().cloned().unwrap_or_default();
        if wanted.len() > 25 {
            return Err(refusal("DeploymentTargetListSizeExceededException"));
        }
        let all = self.ids_of_targets();
        let index = |id: &Value| all.iter().position(|known| known == id);
        let targets = wanted.iter().map(|id| match index(id) {
            Some(index) => Ok(self.target(&one, id, index)),
            None => Err(refusal("DeploymentTargetDoesNotExistException")),
        });
        Ok(json!({ "deploymentTargets": targets.collect::<Result<Vec<_>, _>>()? }))
    }

    fn target(&self, one: &Deployment, id: &Value, index: usize) -> Value {
        let events = one.events.iter().map(|(name, at)| {
            json!({ "lifecycleEventName": name, "status": "Succeeded", "endTime": seconds(*at) })
        });
        let events: Vec<_> = events.collect();
        let about = json!({ "deploymentId": one.id, "targetId": id, "lifecycleEvents": events });
        let with = |kind: &str, member: &str, more: Value| {
            let (mut about, more) = (about.clone(), more);
            if let (Value::Object(about), Value::Object(more)) = (&mut about, more) {
                about.extend(more);
            }
            json!({ "deploymentTargetType": kind, member: about })
        };
        match self.group.compute {
            Compute::Ecs => with("ECSTarget", "ecsTarget", self.service(one)),
            Compute::Lambda => {
                let info = json!({ "functionName": "checkout", "targetVersionWeight": one.share });
                let info = json!({ "status": "InProgress", "lambdaFunctionInfo": info });
                with("LambdaTarget", "lambdaTarget", info)
            }
            Compute::InPlace | Compute::Replaced => {
                with("InstanceTarget", "instanceTarget", self.host(one, index, &events))
            }
        }
    }

    /// Task sets keep their names and labels through a rollback: blue is what was there before.
    fn service(&self, one: &Deployment) -> Value {
        let undone = one.triggering.as_ref();
        let undone = undone.and_then(|id| self.deployments.iter().find(|other| other.id == *id));
        let (of, green) = match undone {
            Some(undone) if one.is_over() => (undone, 0),
            Some(undone) => (undone, undone.share),
            None => (one, one.share),
        };
        let set = |label: &str, name: String, weight: u32| {
            json!({ "identifer": name, "taskSetLabel": label, "trafficWeight": weight,
                "desiredCount": 2, "runningCount": 2, "pendingCount": 0 })
        };
        let new = set("Green", format!("ecs-svc/{}", of.id), green);
        let old = set("Blue", format!("ecs-svc/before-{}", of.id), 100 - green);
        json!({ "status": "InProgress", "taskSetsInfo": [new, old] })
    }

    /// Hosts are changed in their order; of replacements the second half is new.
    fn host(&self, one: &Deployment, index: usize, events: &[Value]) -> Value {
        let hosts = self.group.hosts;
        let done = usize::try_from(hosts * one.share / 100).unwrap_or_default();
        if self.group.compute == Compute::InPlace {
            let status = if index < done { "Succeeded" } else { "Pending" };
            return json!({ "status": status });
        }
        let half = usize::try_from(hosts).unwrap_or_default();
        let (label, moved, event) = if index < half {
            ("Blue", index < done, "BlockTraffic")
        } else {
            ("Green", index - half < done, "AllowTraffic")
        };
        let mut events: Vec<_> = events.to_vec();
        events.retain(|one| one["lifecycleEventName"] != "AllowTraffic");
        if moved {
            let end = one.events.last().map_or(one.created, |(_, at)| *at);
            events.push(json!({ "lifecycleEventName": event, "status": "Succeeded",
                "endTime": seconds(end) }));
        }
        json!({ "status": "InProgress", "instanceLabel": label, "lifecycleEvents": events })
    }
}
