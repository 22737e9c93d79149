//! VPC Lattice: rules and listeners of one service.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Protocol, Reply, Request, Service, client_of, stamp};

/// The id of the one service.
pub const SERVICE: &str = "svc-0123456789abcdef0";
/// The id of its listener.
pub const LISTENER: &str = "listener-0123456789abcdef0";

/// A service's rules by id, with its listeners.
#[derive(Clone, Debug, Default)]
pub struct Lattice {
    /// Rules by id, in the words of `GetRule`.
    pub rules: BTreeMap<String, Value>,
    /// Listeners by id, in the words of `GetListener`.
    pub listeners: BTreeMap<String, Value>,
    /// Target groups by id.
    pub groups: Vec<String>,
    /// Those of them whose targets are not checked for health.
    pub unchecked: Vec<String>,
}

client_of!(aws_sdk_vpclattice, Lattice);

/// The id of a target group of this name: 17 characters, as theirs.
#[must_use]
pub fn group_id(name: &str) -> String {
    format!("tg-{name:0>17}")
}

/// The id of a rule of this name.
#[must_use]
pub fn rule_id(name: &str) -> String {
    format!("rule-{name:0>17}")
}

fn arn(kind: &str, id: &str) -> String {
    format!("arn:aws:vpc-lattice:eu-central-1:123456789012:{kind}/{id}")
}

/// The ARN of a target group of this name.
#[must_use]
pub fn group_arn(name: &str) -> String {
    arn("targetgroup", &group_id(name))
}

/// A forward action over target groups, by name and weight.
#[must_use]
pub fn forward(groups: &[(&str, u32)]) -> Value {
    let group = |(name, weight): &(&str, u32)| json!({ "targetGroupIdentifier": group_id(name), "weight": weight });
    json!({ "forward": { "targetGroups": groups.iter().map(group).collect::<Vec<_>>() } })
}

impl Lattice {
    /// One rule and one listener that send everything to the group `blue`, and a group `green` beside it.
    #[must_use]
    pub fn blue_and_green() -> Self {
        let mut fake =
            Self { groups: vec![group_id("blue"), group_id("green")], ..Self::default() };
        fake.add_rule("checkout", forward(&[("blue", 100), ("green", 0)]));
        fake.add_listener(LISTENER, forward(&[("blue", 100), ("green", 0)]));
        fake
    }

    /// A rule with this action.
    pub fn add_rule(&mut self, name: &str, action: Value) {
        let id = rule_id(name);
        let path = format!("{SERVICE}/listener/{LISTENER}/rule/{id}");
        let rule = json!({
            "id": id, "name": name, "arn": arn("service", &path), "isDefault": false, "priority": 10,
            "match": { "httpMatch": { "pathMatch": { "match": { "prefix": "/" } } } },
            "action": action,
        });
        self.rules.insert(id, rule);
    }

    /// A listener with this default action.
    pub fn add_listener(&mut self, id: &str, action: Value) {
        let listener = json!({
            "id": id, "name": "main", "arn": arn("service", &format!("{SERVICE}/listener/{id}")),
            "protocol": "HTTPS", "port": 443,
            "serviceId": SERVICE, "serviceArn": arn("service", SERVICE),
            "defaultAction": action,
        });
        self.listeners.insert(id.to_owned(), listener);
    }

    /// The weights of a rule's or listener's groups, in order.
    #[must_use]
    pub fn weights(&self, id: &str) -> Vec<(String, u64)> {
        let found = self.rules.get(id).map(|rule| &rule["action"]);
        let found = found.or_else(|| self.listeners.get(id).map(|one| &one["defaultAction"]));
        let groups = found.and_then(|action| action.pointer("/forward/targetGroups"));
        let groups = groups.and_then(Value::as_array).into_iter().flatten();
        groups.map(|group| (name_of(group), weight(group))).collect()
    }

    fn target_group(&self, id: &str) -> Reply {
        let id = id.rsplit('/').next().unwrap_or(id);
        if !self.groups.iter().any(|known| known == id) {
            return not_found(id);
        }
        let checked = !self.unchecked.iter().any(|one| one == id);
        Reply::json(&json!({
            "id": id, "arn": arn("targetgroup", id), "name": id, "type": "IP", "status": "ACTIVE",
            "config": { "port": 8080, "protocol": "HTTP", "healthCheck": { "enabled": checked } },
        }))
    }

    fn find(&self, kind: Kind, id: &str) -> Option<&Value> {
        match kind {
            Kind::Rule => self.rules.get(id),
            Kind::Listener => self.listeners.get(id),
        }
    }

    fn update(&mut self, kind: Kind, id: &str, request: &Request) -> Reply {
        let sent = request.json();
        let Some(mut one) = self.find(kind, id).cloned() else { return not_found(id) };
        for member in kind.members() {
            if let Some(value) = sent.get(member) {
                one[*member] = value.clone();
            }
        }
        if let Err(refusal) = self.check(&one[kind.action()]) {
            return *refusal;
        }
        let mut answer = one.clone();
        one["lastUpdatedAt"] = json!(stamp(request.at));
        match kind {
            Kind::Rule => self.rules.insert(id.to_owned(), one),
            Kind::Listener => self.listeners.insert(id.to_owned(), one),
        };
        // The answer of an update has no times.
        let members = answer.as_object_mut().into_iter();
        members.for_each(|members| {
            members.remove("lastUpdatedAt");
            members.remove("createdAt");
        });
        Reply::json(&answer)
    }

    fn check(&self, action: &Value) -> Result<(), Box<Reply>> {
        let refuse = |why: &str| Err(Box::new(invalid(why)));
        let Some(groups) = action.pointer("/forward/targetGroups").and_then(Value::as_array) else {
            return Ok(());
        };
        if groups.is_empty() || groups.len() > 10 {
            return refuse("a forward action has one to ten target groups");
        }
        for group in groups {
            let id = group["targetGroupIdentifier"].as_str().unwrap_or_default();
            let id = id.rsplit('/').next().unwrap_or(id);
            if !self.groups.iter().any(|known| known == id) {
                return Err(Box::new(not_found(id)));
            }
            if groups.len() > 1 && group.get("weight").is_none() {
                return refuse("weight is required where there are several target groups");
            }
            if weight(group) > 999 {
                return refuse("weight is 0 to 999");
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Rule,
    Listener,
}

impl Kind {
    const fn action(self) -> &'static str {
        match self {
            Self::Rule => "action",
            Self::Listener => "defaultAction",
        }
    }

    const fn members(self) -> &'static [&'static str] {
        match self {
            Self::Rule => &["match", "priority", "action"],
            Self::Listener => &["defaultAction"],
        }
    }
}

/// What a path addresses: `/services/S/listeners/L` or `/services/S/listeners/L/rules/R`.
fn addressed(request: &Request) -> Option<(Kind, String)> {
    let segments = request.segments();
    match &segments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["services", SERVICE, "listeners", listener] => {
            Some((Kind::Listener, (*listener).to_owned()))
        }
        ["services", SERVICE, "listeners", _, "rules", rule] => {
            Some((Kind::Rule, (*rule).to_owned()))
        }
        _ => None,
    }
}

/// The target group of a path `/targetgroups/G`.
fn group_of(request: &Request) -> Option<String> {
    let mut segments = request.segments();
    (segments.len() == 2 && segments[0] == "targetgroups").then(|| segments.remove(1))
}

impl Service for Lattice {
    const MODEL: &'static str = "vpc-lattice";
    const PROTOCOL: Protocol = Protocol::RestJson;

    fn operation(request: &Request) -> Option<String> {
        if request.method == "GET" && group_of(request).is_some() {
            return Some("GetTargetGroup".to_owned());
        }
        let name = match (request.method.as_str(), addressed(request)?.0) {
            ("GET", Kind::Rule) => "GetRule",
            ("GET", Kind::Listener) => "GetListener",
            ("PATCH", Kind::Rule) => "UpdateRule",
            ("PATCH", Kind::Listener) => "UpdateListener",
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn writes(operation: &str) -> bool {
        operation.starts_with("Update")
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        if let Some(group) = group_of(request) {
            return self.target_group(&group);
        }
        let Some((kind, id)) = addressed(request) else { return not_found(&request.path) };
        if Self::writes(operation) {
            return self.update(kind, &id, request);
        }
        self.find(kind, &id).map_or_else(|| not_found(&id), Reply::json)
    }
}

fn not_found(id: &str) -> Reply {
    let body = json!({ "message": "not found", "resourceId": id, "resourceType": "RULE" });
    Protocol::RestJson.error_with(404, "ResourceNotFoundException", &body)
}

fn invalid(why: &str) -> Reply {
    let body = json!({ "message": why, "reason": "fieldValidationFailed" });
    Protocol::RestJson.error_with(400, "ValidationException", &body)
}

fn weight(group: &Value) -> u64 {
    group["weight"].as_u64().unwrap_or(1)
}

fn name_of(group: &Value) -> String {
    let id = group["targetGroupIdentifier"].as_str().unwrap_or_default();
    id.trim_start_matches("tg-").trim_start_matches('0').to_owned()
}
