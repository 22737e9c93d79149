//! App Mesh: routes of one virtual router.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ACCOUNT, Protocol, Reply, Request, Service, client_of};

/// The name of the one mesh.
pub const MESH: &str = "shop";
/// The name of its router.
pub const ROUTER: &str = "checkout";

/// A mesh's routes and nodes.
#[derive(Clone, Debug, Default)]
pub struct AppMesh {
    /// The specification of each route, in the words of the API.
    pub specs: BTreeMap<String, Value>,
    /// Names of virtual nodes.
    pub nodes: Vec<String>,
    /// Those of them without a health check.
    pub unchecked: Vec<String>,
    /// The account that owns the mesh. Where it is not ours, calls have to name it.
    pub owner: String,
    /// The status of every route.
    pub status: String,
    versions: BTreeMap<String, i64>,
    /// What was sent with each client token, and what was answered.
    tokens: BTreeMap<String, (Value, Value)>,
}

client_of!(aws_sdk_appmesh, AppMesh);

/// Weighted targets, by node and weight.
#[must_use]
pub fn targets(nodes: &[(&str, u32)]) -> Value {
    let target = |(node, weight): &(&str, u32)| json!({ "virtualNode": node, "weight": weight });
    Value::Array(nodes.iter().map(target).collect())
}

/// A plain HTTP route to these targets.
#[must_use]
pub fn http(nodes: &[(&str, u32)]) -> Value {
    json!({ "httpRoute": {
        "match": { "prefix": "/" },
        "action": { "weightedTargets": targets(nodes) },
    } })
}

impl AppMesh {
    /// One route `checkout` that sends everything to the node `blue`, and a node `green` beside it.
    #[must_use]
    pub fn blue_and_green() -> Self {
        let nodes = ["blue", "green"].map(ToOwned::to_owned).into();
        let (owner, status) = (ACCOUNT.to_owned(), "ACTIVE".to_owned());
        let mut fake = Self { nodes, owner, status, ..Self::default() };
        fake.set("checkout", http(&[("blue", 100), ("green", 0)]));
        fake
    }

    /// Sets a route's specification, as somebody else would: its version rises.
    pub fn set(&mut self, route: &str, spec: Value) {
        *self.versions.entry(route.to_owned()).or_default() += 1;
        self.specs.insert(route.to_owned(), spec);
    }

    /// The version of a route: how often it was written.
    #[must_use]
    pub fn version(&self, route: &str) -> i64 {
        self.versions.get(route).copied().unwrap_or_default()
    }

    fn shown(&self, route: &str) -> Value {
        let version = self.version(route);
        let arn = format!(
            "arn:aws:appmesh:eu-central-1:{}:mesh/{MESH}/virtualRouter/{ROUTER}/route/{route}",
            self.owner
        );
        json!({
            "meshName": MESH, "virtualRouterName": ROUTER, "routeName": route,
            "spec": self.specs.get(route),
            "metadata": {
                "arn": arn, "version": version, "uid": "00000000-0000-4000-8000-000000000000",
                "createdAt": 1_795_219_200, "lastUpdatedAt": 1_795_219_200 + version,
                "meshOwner": self.owner, "resourceOwner": ACCOUNT,
            },
            "status": { "status": self.status },
        })
    }

    fn node(&self, name: &str) -> Reply {
        if !self.nodes.iter().any(|node| node == name) {
            return refused(404, "NotFoundException", "There is no such virtual node");
        }
        let mut listener = json!({ "portMapping": { "port": 8080, "protocol": "http" } });
        if !self.unchecked.iter().any(|node| node == name) {
            listener["healthCheck"] = json!({
                "protocol": "http", "path": "/health", "healthyThreshold": 2,
                "unhealthyThreshold": 2, "intervalMillis": 5_000, "timeoutMillis": 2_000,
            });
        }
        let arn =
            format!("arn:aws:appmesh:eu-central-1:{}:mesh/{MESH}/virtualNode/{name}", self.owner);
        Reply::json(&json!({
            "meshName": MESH, "virtualNodeName": name,
            "spec": { "listeners": [listener] },
            "metadata": {
                "arn": arn, "version": 1, "uid": "00000000-0000-4000-8000-000000000001",
                "createdAt": 1_795_219_200, "lastUpdatedAt": 1_795_219_200,
                "meshOwner": self.owner, "resourceOwner": ACCOUNT,
            },
            "status": { "status": "ACTIVE" },
        }))
    }

    fn update(&mut self, route: &str, request: &Request) -> Reply {
        let sent = request.json();
        let token = sent["clientToken"].as_str().unwrap_or_default().to_owned();
        if let Some((before, answer)) = self.tokens.get(&token) {
            return if *before == sent["spec"] {
                Reply::json(answer)
            } else {
                refused(409, "ConflictException", "The token was used for another specification")
            };
        }
        if let Err(why) = self.check(&sent["spec"]) {
            return refused(400, "BadRequestException", &why);
        }
        self.set(route, sent["spec"].clone());
        let answer = self.shown(route);
        self.tokens.insert(token, (sent["spec"].clone(), answer.clone()));
        Reply::json(&answer)
    }

    fn check(&self, spec: &Value) -> Result<(), String> {
        let routes = ["httpRoute", "http2Route", "grpcRoute", "tcpRoute"];
        let routes: Vec<_> = routes.iter().filter_map(|name| spec.get(name)).collect();
        let [route] = routes[..] else { return Err("exactly one kind of route".to_owned()) };
        let targets = route["action"]["weightedTargets"].as_array().cloned().unwrap_or_default();
        if targets.is_empty() || targets.len() > 10 {
            return Err("one to ten targets".to_owned());
        }
        let weights = targets.iter().map(|target| target["weight"].as_u64().unwrap_or(u64::MAX));
        if weights.clone().any(|weight| weight > 100) || weights.sum::<u64>() > 100 {
            return Err("weights are 0 to 100, and 100 together".to_owned());
        }
        let known = |target: &Value| self.nodes.iter().any(|node| target["virtualNode"] == **node);
        targets.iter().all(known).then_some(()).ok_or_else(|| "no such virtual node".to_owned())
    }
}

impl Service for AppMesh {
    const MODEL: &'static str = "appmesh";
    const PROTOCOL: Protocol = Protocol::RestJson;

    fn operation(request: &Request) -> Option<String> {
        let is_route = request.segments().get(5).is_some_and(|part| part == "routes");
        let name = match request.method.as_str() {
            "GET" if is_route => "DescribeRoute",
            "PUT" if is_route => "UpdateRoute",
            "GET" if request.segments().get(3).is_some_and(|part| part == "virtualNodes") => {
                "DescribeVirtualNode"
            }
            _ => return None,
        };
        Some(name.to_owned())
    }

    fn writes(operation: &str) -> bool {
        operation == "UpdateRoute"
    }

    fn answer(&mut self, operation: &str, request: &Request) -> Reply {
        let segments = request.segments();
        let named = |index: usize| segments.get(index).map_or("", String::as_str);
        let owner = request.param("meshOwner").unwrap_or(ACCOUNT);
        if operation == "DescribeVirtualNode" {
            return self.node(named(4));
        }
        let route = named(6);
        let known = (named(2), named(4)) == (MESH, ROUTER) && owner == self.owner;
        if !known || !self.specs.contains_key(route) {
            return refused(404, "NotFoundException", "There is no such mesh, router or route");
        }
        if Self::writes(operation) {
            return self.update(route, request);
        }
        Reply::json(&self.shown(route))
    }
}

fn refused(status: u16, code: &str, why: &str) -> Reply {
    Protocol::RestJson.error(status, code, why)
}
