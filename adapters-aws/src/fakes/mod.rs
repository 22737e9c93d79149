//! Stateful fakes of AWS services, plugged into the real SDK in place of its HTTP client.
//!
//! No socket, no clock but tokio's, no thread: a test pauses time and sees everything twice the same.
//! Each service is a value with its own rules ([`Service`]); what is common stands here: a script of
//! [faults](Fault), a log of what was asked, and a record for `.ci/botocore_check.py`, which judges
//! requests and replies by AWS's published models. Fakes must not know any adapter.
//!
//! They are for tests, ours and those of programs that embed these adapters, and panic where a test
//! is wrong.

#[cfg(feature = "cloudwatch")]
mod cbor;
#[cfg(any(feature = "codedeploy", feature = "ecs"))]
mod json11;
mod record;
mod script;
mod wire;

#[cfg(feature = "alb")]
pub mod alb;
#[cfg(feature = "appmesh")]
pub mod appmesh;
#[cfg(feature = "cloudwatch")]
pub mod cloudwatch;
#[cfg(feature = "codedeploy")]
pub mod codedeploy;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "ecs")]
pub mod ecs;
#[cfg(feature = "events")]
pub mod eventbridge;
#[cfg(feature = "lambda")]
pub mod lambda;
#[cfg(feature = "lattice")]
pub mod lattice;
#[cfg(feature = "events")]
pub mod sns;

use std::{
    fmt,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use tokio::{sync::Notify, time::Instant};

pub use record::RECORD;
pub use script::{Edit, Fault, Foreign, When};
pub use wire::{Protocol, Reply, Request};

/// The region of every fake.
pub const REGION: &str = "eu-central-1";
/// The account of every fake.
pub const ACCOUNT: &str = "123456789012";

/// The day that all fakes begin on, 2026-11-21, in seconds since the Unix epoch.
pub const FIRST_DAY: u64 = 1_795_219_200;

/// A time of a fake as the JSON protocols write it, RFC 3339: fakes begin on a fixed day.
#[must_use]
pub fn stamp(at: Duration) -> String {
    let seconds = i64::try_from(FIRST_DAY + at.as_secs()).unwrap_or_default();
    let time = aws_smithy_types::DateTime::from_secs(seconds);
    let text = time.fmt(aws_smithy_types::date_time::Format::DateTime);
    text.expect("this time has a calendar's form")
}

/// The time of a fake: tokio's, from [`FIRST_DAY`] on.
#[derive(Clone, Copy, Debug)]
pub struct FakeTime(Instant);

impl TimeSource for FakeTime {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(FIRST_DAY) + self.0.elapsed()
    }
}

/// One service's state and rules, without any of the wire's troubles.
pub trait Service: Clone + fmt::Debug + Send + 'static {
    /// The name of its model in botocore.
    const MODEL: &'static str;
    /// How it speaks.
    const PROTOCOL: Protocol;

    /// The operation that a request asks for.
    #[must_use]
    fn operation(request: &Request) -> Option<String> {
        Self::PROTOCOL.operation(request)
    }

    /// Whether an operation changes anything: a stale read answers from before the last that does.
    #[must_use]
    fn writes(operation: &str) -> bool;

    /// Carries one request out, at `request.at` of the fake's time.
    fn answer(&mut self, operation: &str, request: &Request) -> Reply;
}

/// A request that arrived, or was to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The operation.
    pub operation: String,
    /// When, counted from the beginning of the fake.
    pub at: Duration,
    /// Whether it was carried out: the service saw it, and may have refused it.
    pub carried_out: bool,
    /// What went wrong with it, by name.
    pub fault: Option<&'static str>,
}

/// A service behind the SDK. Cloning it shares it.
pub struct Fake<S> {
    inner: Arc<Mutex<Inner<S>>>,
    crash: Arc<Notify>,
}

impl<S> Clone for Fake<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), crash: Arc::clone(&self.crash) }
    }
}

impl<S: fmt::Debug> fmt::Debug for Fake<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").field("state", &self.lock().state).finish_non_exhaustive()
    }
}

struct Inner<S> {
    state: S,
    before_last_write: S,
    script: Script<S>,
    log: Vec<Asked>,
    began: Instant,
}

use script::Script;

/// What comes of a request.
enum Delivery {
    Answered(Reply),
    Broken,
    Silence,
    SilenceUntil { lands: Duration, asked: usize },
    Crashed,
}

impl<S> Fake<S> {
    fn lock(&self) -> MutexGuard<'_, Inner<S>> {
        self.inner.lock().expect("no test panics inside a fake")
    }

    /// Looks at the state, or changes it past the SDK, as a person at the console would.
    pub fn with<T>(&self, act: impl FnOnce(&mut S) -> T) -> T {
        act(&mut self.lock().state)
    }

    /// From now on this goes wrong. An operation of `None` stands for all; they are then counted
    /// together. Of several that match, the first added befalls.
    pub fn fault(&self, operation: impl Into<Option<&'static str>>, when: When, fault: Fault<S>) {
        self.lock().script.add(operation.into(), when, fault);
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.lock().script.clear();
    }

    /// All requests so far, in order.
    #[must_use]
    pub fn log(&self) -> Vec<Asked> {
        self.lock().log.clone()
    }

    /// How many requests of an operation were carried out.
    #[must_use]
    pub fn carried_out(&self, operation: &str) -> usize {
        let log = &self.lock().log;
        log.iter().filter(|asked| asked.carried_out && asked.operation == operation).count()
    }

    /// Returns once a [`Fault::Crash`] has befallen a request: the caller's process is to be taken
    /// for ended, and everything of it dropped.
    pub async fn crashed(&self) {
        self.crash.notified().await;
    }
}

impl<S: Service> Fake<S> {
    /// A service in this state. Its time begins now.
    #[must_use]
    pub fn new(state: S) -> Self {
        let before_last_write = state.clone();
        let (script, log, began) = (Script::new(), Vec::new(), Instant::now());
        let inner = Inner { state, before_last_write, script, log, began };
        Self { inner: Arc::new(Mutex::new(inner)), crash: Arc::default() }
    }

    /// What stands in for the SDK's HTTP client.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// Somebody without an account.
    #[must_use]
    pub fn credentials() -> Credentials {
        Credentials::new("AKIDFAKE", "fake", None, None, "fakes")
    }

    /// The time of this fake, for the client that talks to it.
    #[must_use]
    pub fn time(&self) -> FakeTime {
        FakeTime(self.lock().began)
    }

    async fn serve(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let at = self.lock().began.elapsed();
        let reply = self.deliver(Request::read(&request, at)).await;
        let broken = || ConnectorError::io("connection reset by a script".into());
        reply.map(Reply::into_http).ok_or_else(broken)
    }

    /// What comes of a request that arrives in some other way than from an SDK of this process: a reply,
    /// or none where the connection breaks. Waits for ever where the sender is to.
    pub async fn deliver(&self, request: Request) -> Option<Reply> {
        let delivery = self.lock().receive(request.clone());
        match delivery {
            Delivery::Answered(reply) => Some(reply),
            Delivery::Broken => None,
            Delivery::Silence => pending().await,
            Delivery::SilenceUntil { lands, asked } => {
                self.land_later(lands, asked, request);
                pending().await
            }
            Delivery::Crashed => {
                self.crash.notify_one();
                pending().await
            }
        }
    }

    /// Carries a request out when its sender has long given up.
    fn land_later(&self, lands: Duration, asked: usize, request: Request) {
        let fake = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(lands).await;
            let mut inner = fake.lock();
            let at = inner.began.elapsed();
            let operation = S::operation(&request).unwrap_or_default();
            inner.carry_out(asked, &operation, &Request { at, ..request });
        });
    }
}

impl<S: Service> Inner<S> {
    fn receive(&mut self, mut request: Request) -> Delivery {
        let Some(operation) = S::operation(&request) else {
            let text = format!("{} {}", request.method, request.path);
            return Delivery::Answered(S::PROTOCOL.error(404, "UnknownOperationException", &text));
        };
        let fault = self.script.next(&operation, request.at);
        if let Some(Fault::PartialPage(items)) = &fault {
            request.page = Some(*items);
        }
        let asked = Asked {
            operation: operation.clone(),
            at: request.at,
            carried_out: false,
            fault: fault.as_ref().map(Fault::name),
        };
        self.log.push(asked);
        self.befall(fault, &operation, &request)
    }

    fn befall(&mut self, fault: Option<Fault<S>>, operation: &str, request: &Request) -> Delivery {
        let asked = self.log.len() - 1;
        let error = |status, code| Delivery::Answered(S::PROTOCOL.error(status, code, "scripted"));
        match fault {
            Some(Fault::NotSent) => Delivery::Broken,
            Some(Fault::ServerError { after: false }) => error(500, "InternalFailure"),
            Some(Fault::Throttled) => error(400, "ThrottlingException"),
            Some(Fault::Denied) => error(403, "AccessDeniedException"),
            Some(Fault::Gone) => error(404, "UnknownOperationException"),
            Some(Fault::Hang { lands: None }) => Delivery::Silence,
            Some(Fault::Hang { lands: Some(lands) }) => Delivery::SilenceUntil { lands, asked },
            Some(Fault::Crash { after: false }) => Delivery::Crashed,
            Some(Fault::StaleRead) if !S::writes(operation) => {
                Delivery::Answered(self.before_last_write.clone().answer(operation, request))
            }
            Some(Fault::ForeignBefore(writes)) => {
                writes(&mut self.state);
                Delivery::Answered(self.carry_out(asked, operation, request))
            }
            reached => {
                let mut reply = self.carry_out(asked, operation, request);
                match reached {
                    Some(Fault::ReplyLost) => return Delivery::Broken,
                    Some(Fault::ServerError { .. }) => return error(500, "InternalFailure"),
                    Some(Fault::Crash { .. }) => return Delivery::Crashed,
                    Some(Fault::ForeignAfter(writes)) => writes(&mut self.state),
                    Some(Fault::OtherAnswer(edit)) => {
                        reply.body = edit(&String::from_utf8_lossy(&reply.body)).into_bytes();
                    }
                    _ => {}
                }
                Delivery::Answered(reply)
            }
        }
    }

    fn carry_out(&mut self, asked: usize, operation: &str, request: &Request) -> Reply {
        if S::writes(operation) {
            self.before_last_write = self.state.clone();
        }
        let reply = self.state.answer(operation, request);
        record::exchange(S::MODEL, operation, request, &reply);
        self.log[asked].carried_out = true;
        reply
    }
}

impl<S: Service> HttpClient for Fake<S> {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl<S: Service> HttpConnector for Fake<S> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().serve(request))
    }
}

/// A client of an SDK crate that talks to a fake.
macro_rules! client_of {
    ($sdk:ident, $service:ty) => {
        impl $crate::fakes::Fake<$service> {
            /// An SDK client that talks to this fake, and has its time.
            #[must_use]
            pub fn client(&self) -> $sdk::Client {
                let region = $sdk::config::Region::new($crate::fakes::REGION);
                let config = $sdk::Config::builder()
                    .behavior_version($sdk::config::BehaviorVersion::v2026_01_12())
                    .region(region)
                    .credentials_provider(Self::credentials())
                    .time_source(self.time())
                    .http_client(self.http_client());
                $sdk::Client::from_conf(config.build())
            }
        }
    };
}
pub(crate) use client_of;
