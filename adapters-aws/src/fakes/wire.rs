//! Requests and replies as they cross the wire, in the protocols that AWS services speak.
//!
//! It must not know any service. What is right here is checked by somebody else's code: the real SDK
//! on one side, botocore's validators and parsers on what is recorded.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Map, Value};

/// A request that has arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path, still encoded.
    pub path: String,
    /// The query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When it arrived, counted from the beginning of the fake: in tokio's time, where the SDK sent it
    /// in this process.
    pub at: Duration,
    /// The most items a page may have, when a fault says so.
    pub page: Option<usize>,
}

impl Request {
    pub(super) fn read(request: &HttpRequest, at: Duration) -> Self {
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let body = request.body().bytes().unwrap_or_default().to_vec();
        Self { headers: headers.collect(), body, ..Self::to(request.method(), request.uri(), at) }
    }

    /// A request to an address, or to the path and the query of one, without headers and a body.
    #[must_use]
    pub fn to(method: &str, uri: &str, at: Duration) -> Self {
        let (path, query) = path_and_query(uri);
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            headers: Vec::new(),
            body: Vec::new(),
            at,
            page: None,
        }
    }

    /// A header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A member of the query.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body of a JSON protocol; an empty object where there is none.
    ///
    /// # Panics
    /// When the body is something else.
    #[must_use]
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Object(Map::new());
        }
        serde_json::from_slice(&self.body).expect("the SDK sends JSON")
    }

    /// The body of the query protocol as a tree: `A.member.1.B=c` is `{"A": [{"B": "c"}]}`. All values
    /// are texts, as they were sent.
    #[must_use]
    pub fn form(&self) -> Value {
        let mut root = Map::new();
        for (name, value) in form_urlencoded::parse(&self.body) {
            let mut parts = name.split('.').peekable();
            let mut at = &mut root;
            while let Some(part) = parts.next() {
                let entry = at.entry(part.to_owned()).or_insert_with(|| Value::Object(Map::new()));
                if parts.peek().is_none() {
                    *entry = Value::String(value.clone().into_owned());
                    break;
                }
                let Value::Object(inner) = entry else { break };
                at = inner;
            }
        }
        lists(Value::Object(root))
    }

    /// The decoded parts of the path between slashes.
    #[must_use]
    pub fn segments(&self) -> Vec<String> {
        let parts = self.path.trim_matches('/').split('/');
        parts.map(percent_decoded).collect()
    }
}

/// The path and the query of an absolute address.
fn path_and_query(uri: &str) -> (&str, &str) {
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let local = after_scheme.find('/').map_or("/", |slash| &after_scheme[slash..]);
    local.split_once('?').unwrap_or((local, ""))
}

fn percent_decoded(part: &str) -> String {
    // Of a form's encoding, paths have all but the plus sign.
    let encoded = part.replace('+', "%2B");
    form_urlencoded::parse(encoded.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}

/// Objects of the form `{"member": {"1": a, "2": b}}` become `[a, b]`.
fn lists(value: Value) -> Value {
    let Value::Object(mut object) = value else { return value };
    if let (1, Some(Value::Object(members))) = (object.len(), object.remove("member")) {
        let mut items: Vec<_> = members.into_iter().collect();
        items.sort_by_key(|(index, _)| index.parse::<usize>().unwrap_or(usize::MAX));
        return Value::Array(items.into_iter().map(|(_, item)| lists(item)).collect());
    }
    Value::Object(object.into_iter().map(|(name, inner)| (name, lists(inner))).collect())
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// JSON of a rest-json service.
    #[must_use]
    pub fn json(value: &Value) -> Self {
        Self::of("application/json", value.to_string().into_bytes())
    }

    /// JSON 1.0 or 1.1, as the protocol says.
    #[must_use]
    pub fn rpc_json(protocol: Protocol, value: &Value) -> Self {
        Self::of(protocol.content_type(), value.to_string().into_bytes())
    }

    /// XML of the query protocol: the result of an operation, wrapped as its model says.
    #[must_use]
    pub fn xml(operation: &str, namespace: &str, result: &Value) -> Self {
        let result = element(&format!("{operation}Result"), result);
        let tag = format!("{operation}Response");
        let about = "<ResponseMetadata><RequestId>fake</RequestId></ResponseMetadata>";
        let text = format!("<{tag} xmlns=\"{namespace}\">{result}{about}</{tag}>");
        Self::of("text/xml", text.into_bytes())
    }

    /// CBOR, encoded already.
    #[must_use]
    pub fn cbor(body: Vec<u8>) -> Self {
        let mut reply = Self::of("application/cbor", body);
        reply.headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
        reply
    }

    fn of(content_type: &str, body: Vec<u8>) -> Self {
        let id = ("x-amzn-requestid", "00000000-0000-4000-8000-000000000000".to_owned());
        let headers = vec![("content-type", content_type.to_owned()), id];
        Self { status: 200, headers, body }
    }

    /// With another status.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(super) fn into_http(self) -> HttpResponse {
        let status = StatusCode::try_from(self.status);
        let status = status.expect("fakes answer with statuses of HTTP");
        let mut response = HttpResponse::new(status, SdkBody::from(self.body));
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// A value as an XML element: objects by their members, lists as `member`s, null as nothing.
fn element(tag: &str, value: &Value) -> String {
    let inner = match value {
        Value::Null => return String::new(),
        Value::Object(members) => members.iter().map(|(name, one)| element(name, one)).collect(),
        Value::Array(items) => items.iter().map(|one| element("member", one)).collect(),
        Value::String(text) => escaped(text),
        other => other.to_string(),
    };
    format!("<{tag}>{inner}</{tag}>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// How a service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Forms in, XML out: Elastic Load Balancing, SNS.
    Query,
    /// JSON with `X-Amz-Target`, version 1.0: DynamoDB.
    Json10,
    /// JSON with `X-Amz-Target`, version 1.1: ECS, CodeDeploy, EventBridge.
    Json11,
    /// JSON over paths: Lambda, Lattice, App Mesh.
    RestJson,
    /// CBOR with the operation in the path: CloudWatch.
    Cbor,
}

impl Protocol {
    /// The operation that a request asks for; rest-json services have to look at the path themselves.
    #[must_use]
    pub fn operation(self, request: &Request) -> Option<String> {
        match self {
            Self::Query => request.form().get("Action")?.as_str().map(ToOwned::to_owned),
            Self::Json10 | Self::Json11 => {
                let target = request.header("x-amz-target")?;
                target.rsplit('.').next().map(ToOwned::to_owned)
            }
            Self::Cbor => request.segments().pop(),
            Self::RestJson => None,
        }
    }

    /// An error in the service's protocol.
    #[must_use]
    pub fn error(self, status: u16, code: &str, message: &str) -> Reply {
        let body = serde_json::json!({ "__type": code, "message": message });
        let reply = match self {
            Self::Query => Reply::of("text/xml", query_error(status, code, message)),
            Self::Cbor => Reply::cbor(cbor_error(code, message)),
            Self::RestJson => {
                return self.error_with(status, code, &serde_json::json!({ "message": message }));
            }
            Self::Json10 | Self::Json11 => Reply::rpc_json(self, &body),
        };
        reply.status(status)
    }

    /// An error of a JSON protocol with members of its own.
    #[must_use]
    pub fn error_with(self, status: u16, code: &str, members: &Value) -> Reply {
        let mut reply = Reply::of(self.content_type(), members.to_string().into_bytes());
        reply.headers.push(("x-amzn-errortype", code.to_owned()));
        reply.status(status)
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Query => "text/xml",
            Self::Json10 => "application/x-amz-json-1.0",
            Self::Json11 => "application/x-amz-json-1.1",
            Self::RestJson => "application/json",
            Self::Cbor => "application/cbor",
        }
    }
}

fn query_error(status: u16, code: &str, message: &str) -> Vec<u8> {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    let error = serde_json::json!({ "Type": fault, "Code": code, "Message": message });
    let error = element("Error", &error);
    format!("<ErrorResponse>{error}<RequestId>fake</RequestId></ErrorResponse>").into_bytes()
}

fn cbor_error(code: &str, message: &str) -> Vec<u8> {
    let mut body = vec![0xa2];
    for text in ["__type", code, "message", message] {
        push_text(&mut body, text);
    }
    body
}

/// A text of CBOR (RFC 8949, major type 3), with its length in two bytes.
fn push_text(body: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    body.push(0x79);
    body.extend(length.to_be_bytes());
    body.extend(&text.as_bytes()[..usize::from(length)]);
}
