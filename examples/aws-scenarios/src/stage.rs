//! A release over a fake: processes that carry it out, one after another where one is killed.
//!
//! It must not know any service.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tidegate::{
    End, Engine, EngineError, Handle, MonotonicClock, Ports,
    file::{self, Format},
    machine::{PortError, Revisions, RolloutId, Span, Timestamp},
};
use tidegate_aws::{
    Account,
    fakes::{ACCOUNT, FIRST_DAY, Fake, Service},
};
use tidegate_mock::MemoryJournal;
use tokio::time::Instant;

use crate::watch::Watch;

/// Why the infrastructure of a release could not be made.
pub type SetUpError = Box<dyn std::error::Error + Send + Sync>;

/// How a release goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// What comes in is as good as what is there.
    Good,
    /// It is not, and is taken back.
    Bad,
}

/// One release.
#[async_trait]
pub trait Release {
    /// The service that carries it out.
    type Service: Service;
    /// What the service is called with.
    type Client: Send + Sync;
    /// The plan, in YAML.
    const PLAN: &'static str;

    /// What the release assumes to be there.
    fn assumed(course: Course) -> Self::Service;

    /// What serves, and what comes in.
    fn revisions() -> Revisions;

    /// A client of the fake.
    fn client(service: &Fake<Self::Service>) -> Self::Client;

    /// A client of an emulator at this address.
    fn client_at(endpoint: &str) -> Self::Client;

    /// Makes what the release assumes to be there, in an account that has nothing of it.
    ///
    /// # Errors
    /// When the service refuses any of it.
    async fn set_up(client: &Self::Client) -> Result<(), SetUpError>;

    /// The adapters.
    ///
    /// # Errors
    /// When what they are for can not be read, or not be used.
    async fn ports(
        client: &Self::Client,
        account: &Account,
        watch: Watch,
    ) -> Result<Ports, PortError>;
}

/// A release, its service, and the journal that outlives each process.
#[derive(Debug)]
pub struct Stage<R: Release> {
    /// The service.
    pub service: Fake<R::Service>,
    course: Course,
    journal: Arc<MemoryJournal>,
    began: Instant,
}

/// One process of a release, to its end.
///
/// # Errors
/// When it could not begin, or not be gone on with.
pub async fn carry_out<R: Release>(
    client: &R::Client,
    course: Course,
    journal: Arc<MemoryJournal>,
    now: Timestamp,
) -> Result<End, Failure> {
    let bad = if course == Course::Bad { 80 } else { 1 };
    let (account, watch) = (Account::new(ACCOUNT), Watch { candidate_errors: bad });
    let ports = R::ports(client, &account, watch).await.map_err(Failure::Port)?;
    let caps = ports.capabilities();
    let plan = file::parse_plan(R::PLAN.as_bytes(), Format::Yaml, "the plan", &caps);
    let plan = plan.map_err(Failure::Plan)?;
    let clock = Arc::new(MonotonicClock::starting_at(now));
    // One name for all processes: each goes on at once with what the last one held.
    let engine = Engine::builder(journal, ports).clock(clock).name("releases").build();
    engine.recover().await.map_err(Failure::Engine)?;
    let handle = match engine.claim(RolloutId(1)).await {
        Ok(handle) => started(handle).await,
        Err(_) => engine.start(plan, R::revisions(), "ada").await,
    };
    let end = handle.map_err(Failure::Engine)?.finished().await;
    engine.shutdown().await;
    Ok(end)
}

/// Why a process could not carry a release out.
#[derive(Debug)]
pub enum Failure {
    /// The adapters.
    Port(PortError),
    /// The plan.
    Plan(file::FileErrors),
    /// The engine.
    Engine(EngineError),
}

impl<R: Release> Stage<R> {
    /// As the release assumes it.
    #[must_use]
    pub fn new(course: Course) -> Self {
        let service = Fake::new(R::assumed(course));
        Self { service, course, journal: Arc::new(MemoryJournal::new()), began: Instant::now() }
    }

    /// One process, to the end of the release; `None` when a fault of the service ended the process. The
    /// next goes on where the journal stands.
    ///
    /// # Errors
    /// When it could not begin, or not be gone on with.
    pub async fn process(&self) -> Result<Option<End>, Failure> {
        tokio::select! {
            biased;
            () = self.service.crashed() => Ok(None),
            end = self.carried_out() => end.map(Some),
        }
    }

    async fn carried_out(&self) -> Result<End, Failure> {
        let client = R::client(&self.service);
        carry_out::<R>(&client, self.course, self.journal.clone(), self.now()).await
    }

    /// The service's time.
    fn now(&self) -> Timestamp {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let first = Duration::from_secs(FIRST_DAY).as_millis();
        Timestamp(u64::try_from(first).unwrap_or(u64::MAX)).after(Span(since))
    }
}

/// A process may have ended after it had opened the rollout and before it had ordered the start.
async fn started(handle: Handle) -> Result<Handle, EngineError> {
    match handle.start("ada").await {
        // It was started long ago.
        Ok(_) | Err(EngineError::Ignored(_)) => Ok(handle),
        Err(error) => Err(error),
    }
}
