//! Plain HTTP to loopback, one connection a request: what tests reach emulators with.
//!
//! The package itself has no HTTP client, and one for its tests would turn on features of what the SDK is
//! built upon, so that a test of the package would build another SDK than the package has. While a request
//! is under way, tokio's paused time stands still.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

/// No emulator takes so long for one answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of an SDK crate, by its name in [`sdk`](crate::sdk), that talks to an emulator at an address,
/// as the account of the fakes.
#[macro_export]
macro_rules! client_at {
    ($sdk:ident, $endpoint:expr) => {{
        use $crate::sdk::$sdk::{Client, Config, config};
        let credentials =
            config::Credentials::new($crate::fakes::ACCOUNT, "fake", None, None, "loopback");
        Client::from_conf(
            Config::builder()
                .behavior_version(config::BehaviorVersion::v2026_01_12())
                .region(config::Region::new($crate::fakes::REGION))
                .credentials_provider(credentials)
                .endpoint_url($endpoint)
                .http_client($crate::loopback::client())
                .build(),
        )
    }};
}

/// A client for servers on loopback, in place of the SDK's own.
#[must_use]
pub fn client() -> SharedHttpClient {
    SharedHttpClient::new(Loopback)
}

#[derive(Clone, Copy, Debug)]
struct Loopback;

impl HttpClient for Loopback {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(*self)
    }
}

impl HttpConnector for Loopback {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(async move {
            let answer = tokio::task::spawn_blocking(move || exchange(&request)).await;
            let answer = answer.map_err(|error| ConnectorError::other(error.into(), None))?;
            answer.map_err(|error| ConnectorError::io(error.into()))
        })
    }
}

/// One exchange in HTTP/1.0, whose answer ends with its connection.
fn exchange(request: &HttpRequest) -> io::Result<HttpResponse> {
    let rest = request.uri().strip_prefix("http://").unwrap_or(request.uri());
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = request.body().bytes().unwrap_or_default();
    write!(stream, "{} /{path} HTTP/1.0\r\nhost: {host}\r\n", request.method())?;
    let told = ["host", "content-length", "connection"];
    for (name, value) in request.headers().iter().filter(|(name, _)| !told.contains(name)) {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "content-length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parsed(&answer).ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

fn parsed(answer: &[u8]) -> Option<HttpResponse> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let body = SdkBody::from(answer[end + 4..].to_vec());
    let mut response = HttpResponse::new(StatusCode::try_from(status).ok()?, body);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        response.headers_mut().append(name.to_ascii_lowercase(), value.to_owned());
    }
    Some(response)
}
