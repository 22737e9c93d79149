//! Lambda: versions of one function, its aliases, and provisioned concurrency.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{Protocol, Reply, Request, Service, client_of, stamp};

/// The name of the one function.
pub const FUNCTION: &str = "checkout";

/// A function's versions and aliases.
#[derive(Clone, Debug, Default)]
pub struct Lambda {
    /// The state of each version, such as `Active`.
    pub versions: BTreeMap<String, String>,
    /// Aliases by name, in the words of `GetAlias`.
    pub aliases: BTreeMap<String, Value>,
    /// How long provisioned concurrency takes to be there.
    pub allocation: Duration,
    provisioned: BTreeMap<String, Provisioned>,
    writes: u64,
}

/// Environments of one version: those there already, and those asked for.
#[derive(Clone, Copy, Debug)]
struct Provisioned {
    asked: u64,
    before: u64,
    since: Duration,
}

client_of!(aws_sdk_lambda, Lambda);

impl Lambda {
    /// The alias `live` at version 1, a version 2 and a version 3 beside it. Version 1 has two
    /// provisioned environments.
    #[must_use]
    pub fn live() -> Self {
        let active = |version: &str| (version.to_owned(), "Active".to_owned());
        let mut fake = Self {
            versions: ["1", "2", "3"].map(active).into(),
            allocation: Duration::from_secs(20),
            ..Self::default()
        };
        let two = Provisioned { asked: 2, before: 2, since: Duration::ZERO };
        fake.provisioned.insert("1".to_owned(), two);
        fake.point("1", &[]);
        fake
    }

    /// Points the alias `live` at a version, and at others beside it, as somebody else would.
    pub fn point(&mut self, main: &str, beside: &[(&str, f64)]) {
        let mut alias = self.aliases.get("live").cloned().unwrap_or_else(|| {
            json!({
                "AliasArn": format!("arn:aws:lambda:eu-central-1:123456789012:function:{FUNCTION}:live"),
                "Name": "live",
                "Description": "what customers see",
            })
        });
        alias["FunctionVersion"] = json!(main);
        let weights: BTreeMap<_, _> = beside.iter().copied().collect();
        set_weights(&mut alias, &json!(weights));
        alias["RevisionId"] = json!(self.next_revision());
        self.aliases.insert("live".to_owned(), alias);
    }

    fn next_revision(&mut self) -> String {
        self.writes += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.writes)
    }

    fn update_alias(&mut self, name: &str, request: &Request) -> Reply {
        let sent = request.json();
        let Some(mut alias) = self.aliases.get(name).cloned() else { return not_found("alias") };
        let expected = sent["RevisionId"].as_str();
        if expected.is_some_and(|id| alias["RevisionId"] != id) {
            let why = "The RevisionId provided does not match the latest RevisionId.";
            return refused(412, "PreconditionFailedException", why);
        }
        for member in ["FunctionVersion", "Description"] {
            if let Some(value) = sent.get(member) {
                alias[member] = value.clone();
            }
        }
        if let Some(weights) = sent["RoutingConfig"].get("AdditionalVersionWeights") {
            set_weights(&mut alias, weights);
        }
        if let Err(refusal) = self.check(&alias) {
            return *refusal;
        }
        alias["RevisionId"] = json!(self.next_revision());
        self.aliases.insert(name.to_owned(), alias.clone());
        Reply::json(&alias)
    }

    fn check(&self, alias: &Value) -> Result<(), Box<Reply>> {
        let invalid =
            |why: &str| Err(Box::new(refused(400, "InvalidParameterValueException", why)));
        let main = alias["FunctionVersion"].as_str().unwrap_or_default();
        let beside = alias["RoutingConfig"]["AdditionalVersionWeights"].as_object();
        let beside: Vec<_> = beside.into_iter().flatten().collect();
        let known = |version: &str| self.versions.contains_key(version);
        if !known(main) || beside.iter().any(|(version, _)| !known(version)) {
            return Err(Box::new(not_found("version")));
        }
        if beside.len() > 1 {
            return invalid("An alias has one additional version at most");
        }
        if beside.iter().any(|(version, _)| *version == main) {
            return invalid("The additional version is the main version");
        }
        let in_range = |weight: &Value| weight.as_f64().is_some_and(|w| (0.0..=1.0).contains(&w));
        if beside.iter().any(|(_, weight)| !in_range(weight)) {
            return invalid("Weights are 0.0 to 1.0");
        }
        Ok(())
    }

    fn configuration(&self, request: &Request) -> Reply {
        let version = request.param("Qualifier").unwrap_or_default();
        let Some(state) = self.versions.get(version) else { return not_found("version") };
        Reply::json(&json!({
            "FunctionName": FUNCTION,
            "FunctionArn": format!("arn:aws:lambda:eu-central-1:123456789012:function:{FUNCTION}:{version}"),
            "Version": version,
            "State": state,
            "CodeSize": 1_024,
            "LastUpdateStatus": "Successful",
        }))
    }

    fn put_provisioned(&mut self, request: &Request) -> Reply {
        let version = request.param("Qualifier").unwrap_or_default().to_owned();
        if !self.versions.contains_key(&version) {
            return not_found("version");
        }
        let asked = request.json()["ProvisionedConcurrentExecutions"].as_u64().unwrap_or_default();
        if asked == 0 {
            let why = "ProvisionedConcurrentExecutions is 1 at least";
            return refused(400, "InvalidParameterValueException", why);
        }
        let there = self.available(&version, request.at);
        let provisioned = Provisioned { asked, before: there.min(asked), since: request.at };
        self.provisioned.insert(version.clone(), provisioned);
        self.show_provisioned(&version, request).status(202)
    }

    fn available(&self, version: &str, at: Duration) -> u64 {
        let Some(found) = self.provisioned.get(version) else { return 0 };
        if at >= found.since + self.allocation { found.asked } else { found.before }
    }

    fn show_provisioned(&self, version: &str, request: &Request) -> Reply {
        let Some(found) = self.provisioned.get(version) else {
            let why = "No Provisioned Concurrency Config found for this function";
            return refused(404, "ProvisionedConcurrencyConfigNotFoundException", why);
        };
        let available = self.available(version, request.at);
        Reply::json(&json!({
            "RequestedProvisionedConcurrentExecutions": found.asked,
            "AvailableProvisionedConcurrentExecutions": available,
            "AllocatedProvisionedConcurrentExecutions": available,
            "Status": if available == found.asked { "READY" } else { "IN_PROGRESS" },
            "LastModified": stamp(found.since),
        }))
    }
}

/// An empty map of weights clears them, and no answer shows an empty one. Without a map they stay.
fn set_weights(alias: &mut Value, weights: &Value) {
    let Some(members) = alias.as_object_mut() else { return };
    if weights.as_object().is_some_and(|weights| !weights.is_empty()) {
        members.insert("RoutingConfig".to_owned(), json!({ "AdditionalVersionWeights": weights }));
    } else {
        members.remove("RoutingConfig");
    }
}

impl Service for Lambda {
    const MODEL: &'static str = "lambda";
    const PROTOCOL: Protocol = Protocol::RestJson;

    fn operation(request: &Request) -> Option<String> {
        let segments = request.segments();
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let name = match (request.method.as_str(), &segments[..]) {
            ("GET", [_, "functions", FUNCTION, "aliases", _]) => "GetAlias",
            ("PUT", [_, "functions", FUNCTION, "aliases", _]) => "UpdateAlias",
            ("GET", [_, "functions", FUNCTION, "configuration"]) => "GetFunctionConfiguration",
            (method, [_, "functions", FUNCTION, "provisioned-concurrency"]) => match method {
                "GET" => "GetProvisionedConcurrencyConfig",
                "PUT" => "PutProvisionedConcurrencyConfig",
                "DELETE" => "DeleteProvisionedConcurrencyConfig",
                _ => return None,
            },
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn writes(operation: &str) -> bool {
        !operation.starts_with("Get")
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        let version = request.param("Qualifier").unwrap_or_default();
        let alias = request.segments().pop().unwrap_or_default();
        match operation {
            "GetAlias" => self.aliases.get(&alias).map_or_else(|| not_found("alias"), Reply::json),
            "UpdateAlias" => self.update_alias(&alias, request),
            "GetFunctionConfiguration" => self.configuration(request),
            "GetProvisionedConcurrencyConfig" => self.show_provisioned(version, request),
            "PutProvisionedConcurrencyConfig" => self.put_provisioned(request),
            _ => {
                self.provisioned.remove(version);
                Reply { status: 204, body: Vec::new(), ..Reply::json(&Value::Null) }
            }
        }
    }
}

fn refused(status: u16, code: &str, why: &str) -> Reply {
    let body = json!({ "Type": "User", "message": why });
    Protocol::RestJson.error_with(status, code, &body)
}

fn not_found(what: &str) -> Reply {
    let body = json!({ "Type": "User", "Message": format!("Cannot find {what}") });
    Protocol::RestJson.error_with(404, "ResourceNotFoundException", &body)
}
