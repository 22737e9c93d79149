//! Elastic Load Balancing: rules, listeners, and the health of target groups.
//!
//! Rules and listeners are kept as trees in the words of the API, so that whatever an adapter sends or
//! forgets shows. The checks are those that the documentation names.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};

use super::{Protocol, Reply, Request, Service, client_of};

const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/// A load balancer's rules, listeners and target groups.
#[derive(Clone, Debug, Default)]
pub struct LoadBalancing {
    /// Rules by ARN, in the words of `DescribeRules`.
    pub rules: BTreeMap<String, Value>,
    /// Listeners by ARN, in the words of `DescribeListeners`.
    pub listeners: BTreeMap<String, Value>,
    /// Target groups by ARN: the state of each target, once it has been checked.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Target groups by ARN whose targets are not checked for health.
    pub unchecked: BTreeSet<String>,
    /// How long a target group has to be on a rule until its targets have been checked.
    pub first_check: Duration,
    attached: BTreeMap<String, Duration>,
}

client_of!(aws_sdk_elasticloadbalancingv2, LoadBalancing);

/// The ARN of a target group of this name.
#[must_use]
pub fn group_arn(name: &str) -> String {
    format!(
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/{name}/0123456789abcdef"
    )
}

/// The ARN of a rule of this name.
#[must_use]
pub fn rule_arn(name: &str) -> String {
    format!(
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/{name}/0123456789abcdef/0123456789abcdef/0123456789abcdef"
    )
}

/// The ARN of a listener of this name.
#[must_use]
pub fn listener_arn(name: &str) -> String {
    format!(
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/{name}/0123456789abcdef/0123456789abcdef"
    )
}

/// A `forward` action over target groups, by name and weight.
#[must_use]
pub fn forward(groups: &[(&str, u32)]) -> Value {
    let tuple = |(name, weight): &(&str, u32)| json!({ "TargetGroupArn": group_arn(name), "Weight": weight.to_string() });
    json!({
        "Type": "forward",
        "Order": "1",
        "ForwardConfig": {
            "TargetGroups": groups.iter().map(tuple).collect::<Vec<_>>(),
            "TargetGroupStickinessConfig": { "Enabled": "false" },
        },
    })
}

impl LoadBalancing {
    /// One rule and one listener that send everything to the group `blue`, and a group `green` beside it;
    /// each group has two healthy targets.
    #[must_use]
    pub fn blue_and_green() -> Self {
        let mut fake = Self::default();
        for name in ["blue", "green"] {
            fake.add_group(name, &["healthy", "healthy"]);
        }
        fake.add_rule("checkout", vec![forward(&[("blue", 100), ("green", 0)])]);
        fake.add_listener("main", vec![forward(&[("blue", 100), ("green", 0)])]);
        fake
    }

    /// A target group with these states of its targets.
    pub fn add_group(&mut self, name: &str, states: &[&str]) {
        let states = states.iter().map(|state| (*state).to_owned()).collect();
        self.groups.insert(group_arn(name), states);
    }

    /// A rule with these actions.
    pub fn add_rule(&mut self, name: &str, actions: Vec<Value>) {
        let rule = json!({
            "RuleArn": rule_arn(name),
            "Priority": "10",
            "Conditions": [{ "Field": "path-pattern", "Values": ["/*"],
                "PathPatternConfig": { "Values": ["/*"] } }],
            "Actions": actions,
            "IsDefault": "false",
        });
        self.rules.insert(rule_arn(name), rule);
    }

    /// A listener with these default actions.
    pub fn add_listener(&mut self, name: &str, actions: Vec<Value>) {
        let listener = json!({
            "ListenerArn": listener_arn(name),
            "Port": "443",
            "Protocol": "HTTPS",
            "Certificates": [{ "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0" }],
            "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
            "DefaultActions": actions,
        });
        self.listeners.insert(listener_arn(name), listener);
    }

    /// The weights of a rule's or listener's groups, by name, in order.
    #[must_use]
    pub fn weights(&self, arn: &str) -> Vec<(String, u32)> {
        let found = self.rules.get(arn).or_else(|| self.listeners.get(arn));
        let groups = found.into_iter().flat_map(actions).flat_map(groups);
        groups.map(|group| (name_of(&group), weight(&group))).collect()
    }

    fn describe(&self, request: &Request, kind: Kind) -> Reply {
        let form = request.form();
        let all = match kind {
            Kind::Rule => &self.rules,
            Kind::Listener => &self.listeners,
        };
        let mut found = Vec::new();
        for arn in texts(&form[kind.arns()]) {
            let Some(one) = all.get(&arn) else { return kind.not_found() };
            found.push(shown(one.clone(), kind));
        }
        let from = form["Marker"].as_str().and_then(|marker| marker.parse().ok()).unwrap_or(0);
        let page = request.page.unwrap_or(usize::MAX);
        let to = found.len().min(from + page.min(found.len()));
        let next = (to < found.len()).then(|| to.to_string());
        let page: Vec<_> = found.drain(from.min(to)..to).collect();
        reply(
            &format!("Describe{}s", kind.name()),
            &json!({ kind.plural(): page, "NextMarker": next }),
        )
    }

    fn modify(&mut self, request: &Request, kind: Kind) -> Reply {
        let form = request.form();
        let arn = form[kind.arn()].as_str().unwrap_or_default().to_owned();
        let all = match kind {
            Kind::Rule => &self.rules,
            Kind::Listener => &self.listeners,
        };
        let Some(mut one) = all.get(&arn).cloned() else { return kind.not_found() };
        if kind == Kind::Rule && one["IsDefault"] == "true" {
            return refused("OperationNotPermitted", "Default rules can not be modified");
        }
        let sent = &form[kind.actions()];
        if let Some(sent) = sent.as_array() {
            match self.checked(sent, &one[kind.actions()]) {
                Ok(actions) => one[kind.actions()] = actions,
                Err(refusal) => return *refusal,
            }
        }
        if let Some(conditions) = form.get("Conditions") {
            one["Conditions"] = conditions.clone();
        }
        self.note_attached(request.at, &one);
        let answer = json!({ kind.plural(): [shown(one.clone(), kind)] });
        match kind {
            Kind::Rule => self.rules.insert(arn, one),
            Kind::Listener => self.listeners.insert(arn, one),
        };
        reply(&format!("Modify{}", kind.name()), &answer)
    }

    /// What AWS would keep of the actions sent, or why it refuses them.
    fn checked(&self, sent: &[Value], before: &Value) -> Result<Value, Box<Reply>> {
        let keep = |action: &Value| {
            let mut action = action.clone();
            if sent.len() > 1 && action.get("Order").is_none() {
                return Err(invalid("Actions must have an Order where there are several"));
            }
            if let Some(oidc) = action.get_mut("AuthenticateOidcConfig") {
                keep_secret(oidc, before)?;
            }
            if action["Type"] == "forward" {
                self.check_forward(&action)?;
                let config = &mut action["ForwardConfig"];
                if config.get("TargetGroupStickinessConfig").is_none() {
                    config["TargetGroupStickinessConfig"] = json!({ "Enabled": "false" });
                }
            }
            Ok(action)
        };
        sent.iter().map(keep).collect::<Result<Vec<_>, _>>().map(Value::Array)
    }

    fn check_forward(&self, action: &Value) -> Result<(), Box<Reply>> {
        let refuse = |code, why: &str| Err(Box::new(refused(code, why)));
        let groups: Vec<_> = groups(action.clone()).collect();
        if action.get("TargetGroupArn").is_some() && groups.len() > 1 {
            return refuse(
                "InvalidLoadBalancerAction",
                "TargetGroupArn beside several target groups",
            );
        }
        if groups.is_empty() || groups.len() > 5 {
            return refuse("TooManyTargets", "A forward action takes one to five target groups");
        }
        let arns: Vec<_> =
            groups.iter().filter_map(|group| group["TargetGroupArn"].as_str()).collect();
        if arns.iter().collect::<BTreeSet<_>>().len() < arns.len() {
            return refuse("ValidationError", "A target group is named twice");
        }
        if let Some(unknown) = arns.iter().find(|arn| !self.groups.contains_key(**arn)) {
            return refuse("TargetGroupNotFound", unknown);
        }
        if groups.iter().any(|group| weight(group) > 999) {
            return refuse("ValidationError", "Weights are 0 to 999");
        }
        Ok(())
    }

    fn note_attached(&mut self, at: Duration, one: &Value) {
        for group in actions(one).flat_map(groups) {
            if let Some(arn) = group["TargetGroupArn"].as_str() {
                self.attached.entry(arn.to_owned()).or_insert(at);
            }
        }
    }

    fn target_groups(&self, request: &Request) -> Reply {
        let mut shown = Vec::new();
        for arn in texts(&request.form()["TargetGroupArns"]) {
            if !self.groups.contains_key(&arn) {
                return refused("TargetGroupNotFound", &arn);
            }
            let checked = if self.unchecked.contains(&arn) { "false" } else { "true" };
            shown.push(json!({
                "TargetGroupArn": arn, "Protocol": "HTTP", "Port": "8080",
                "TargetType": "ip", "HealthCheckEnabled": checked,
            }));
        }
        reply("DescribeTargetGroups", &json!({ "TargetGroups": shown }))
    }

    fn health(&self, request: &Request) -> Reply {
        let form = request.form();
        let arn = form["TargetGroupArn"].as_str().unwrap_or_default();
        let Some(states) = self.groups.get(arn) else {
            return refused("TargetGroupNotFound", arn);
        };
        let used = self.rules.values().chain(self.listeners.values());
        let used = used.flat_map(actions).flat_map(groups).any(|one| one["TargetGroupArn"] == *arn);
        let checked = self.attached.get(arn).is_none_or(|at| request.at >= *at + self.first_check);
        let shown = |state: &String| match (used, checked) {
            (false, _) => json!({ "State": "unused", "Reason": "Target.NotInUse" }),
            (true, false) => json!({ "State": "initial", "Reason": "Elb.InitialHealthChecking" }),
            (true, true) => json!({ "State": state }),
        };
        let targets = states.iter().enumerate().map(|(index, state)| {
            json!({
                "Target": { "Id": format!("i-{index:017x}"), "Port": 8080 },
                "HealthCheckPort": "8080",
                "TargetHealth": shown(state),
            })
        });
        let targets: Vec<_> = targets.collect();
        reply("DescribeTargetHealth", &json!({ "TargetHealthDescriptions": targets }))
    }
}

impl Service for LoadBalancing {
    const MODEL: &'static str = "elbv2";
    const PROTOCOL: Protocol = Protocol::Query;

    fn writes(operation: &str) -> bool {
        operation.starts_with("Modify")
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        match operation {
            "DescribeRules" => self.describe(request, Kind::Rule),
            "DescribeListeners" => self.describe(request, Kind::Listener),
            "ModifyRule" => self.modify(request, Kind::Rule),
            "ModifyListener" => self.modify(request, Kind::Listener),
            "DescribeTargetGroups" => self.target_groups(request),
            "DescribeTargetHealth" => self.health(request),
            other => refused("InvalidAction", other),
        }
    }
}

/// The secret of an OIDC client is sent, or kept where AWS is told so; else it is missing.
fn keep_secret(oidc: &mut Value, before: &Value) -> Result<(), Box<Reply>> {
    let keeps = oidc["UseExistingClientSecret"] == "true";
    if let Some(members) = oidc.as_object_mut() {
        members.remove("UseExistingClientSecret");
    }
    if oidc.get("ClientSecret").is_some() {
        return Ok(());
    }
    let mut existing = before.as_array().into_iter().flatten();
    let secret = existing.find_map(|one| one["AuthenticateOidcConfig"].get("ClientSecret"));
    let secret = secret.filter(|_| keeps).cloned();
    oidc["ClientSecret"] = secret.ok_or_else(|| invalid("A client secret is required"))?;
    Ok(())
}

fn invalid(why: &str) -> Box<Reply> {
    Box::new(refused("ValidationError", why))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rule,
    Listener,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Rule => "Rule",
            Self::Listener => "Listener",
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Self::Rule => "Rules",
            Self::Listener => "Listeners",
        }
    }

    const fn arn(self) -> &'static str {
        match self {
            Self::Rule => "RuleArn",
            Self::Listener => "ListenerArn",
        }
    }

    const fn arns(self) -> &'static str {
        match self {
            Self::Rule => "RuleArns",
            Self::Listener => "ListenerArns",
        }
    }

    const fn actions(self) -> &'static str {
        match self {
            Self::Rule => "Actions",
            Self::Listener => "DefaultActions",
        }
    }

    fn not_found(self) -> Reply {
        match self {
            Self::Rule => refused("RuleNotFound", "One or more rules not found"),
            Self::Listener => refused("ListenerNotFound", "One or more listeners not found"),
        }
    }
}

fn reply(operation: &str, result: &Value) -> Reply {
    Reply::xml(operation, NAMESPACE, result)
}

fn refused(code: &str, why: &str) -> Reply {
    Protocol::Query.error(400, code, why)
}

/// As AWS answers: without secrets, and with the one group of a plain action in both forms.
fn shown(mut one: Value, kind: Kind) -> Value {
    for action in one[kind.actions()].as_array_mut().into_iter().flatten() {
        if let Some(oidc) = action.get_mut("AuthenticateOidcConfig").and_then(Value::as_object_mut)
        {
            oidc.remove("ClientSecret");
        }
        let groups: Vec<_> = groups(action.clone()).collect();
        if let ([only], "forward") = (&groups[..], action["Type"].as_str().unwrap_or_default()) {
            action["TargetGroupArn"] = only["TargetGroupArn"].clone();
        }
    }
    one
}

fn actions(one: &Value) -> impl Iterator<Item = Value> {
    let lists = [&one["Actions"], &one["DefaultActions"]];
    let all: Vec<_> = lists.into_iter().filter_map(Value::as_array).flatten().cloned().collect();
    all.into_iter()
}

/// The weighed groups of an action. A plain action's one group has weight 1.
fn groups(action: Value) -> impl Iterator<Item = Value> {
    let listed = action["ForwardConfig"]["TargetGroups"].as_array().cloned();
    let plain = action["TargetGroupArn"].as_str();
    let plain = plain.map(|arn| json!({ "TargetGroupArn": arn, "Weight": "1" }));
    listed.unwrap_or_else(|| plain.into_iter().collect()).into_iter()
}

fn weight(group: &Value) -> u32 {
    group["Weight"].as_str().and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn name_of(group: &Value) -> String {
    let arn = group["TargetGroupArn"].as_str().unwrap_or_default();
    arn.split('/').nth(1).unwrap_or(arn).to_owned()
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}
