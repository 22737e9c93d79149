//! The service: four routes over an engine.
//!
//! Must not know adapters, worlds or journals: it is given an engine and a plan.

use std::{collections::VecDeque, convert::Infallible, sync::Arc};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{get, post},
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate::{
    End, Engine, EngineError, Handle, Status,
    machine::{Ask, JournalError, Order, Plan, Revisions, RolloutId, Seq, WaitingOn},
};
use tokio::sync::watch;

/// What every request is answered from.
#[derive(Clone)]
struct Service {
    engine: Arc<Engine>,
    plan: Plan,
}

pub(crate) fn router(engine: Arc<Engine>, plan: Plan) -> Router {
    Router::new()
        .route("/rollouts", post(start))
        .route("/rollouts/{id}", get(show))
        .route("/rollouts/{id}/commands", post(command))
        .route("/rollouts/{id}/decisions", get(decisions))
        .with_state(Service { engine, plan })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    revisions: Revisions,
    actor: String,
}

async fn start(
    State(Service { engine, plan }): State<Service>,
    Json(Start { revisions, actor }): Json<Start>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let rollout = engine.start(plan, revisions, actor).await?;
    Ok((StatusCode::CREATED, Json(shown(&rollout.status()))))
}

async fn show(service: State<Service>, Path(id): Path<u64>) -> Result<Json<Value>, Problem> {
    Ok(Json(shown(&service.rollout(id).await?.status())))
}

/// The parts of a status that a page would show.
fn shown(status: &Status) -> Value {
    json!({
        "rollout": status.rollout,
        "target": status.target,
        "phase": status.phase.name().to_string(),
        "holds": status.holds.to_string(),
        "waiting_on": status.waiting_on,
        "next_deadline": status.next_deadline.map(|at| at.to_string()),
        "because": status.sentence,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    order: Order,
    actor: String,
    #[serde(default)]
    reason: String,
}

async fn command(
    service: State<Service>,
    Path(id): Path<u64>,
    Json(Told { order, actor, reason }): Json<Told>,
) -> Result<Json<Value>, Problem> {
    let seq = service.rollout(id).await?.command(order, actor, reason).await?;
    Ok(Json(json!({ "record": seq })))
}

async fn decisions(
    service: State<Service>,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let telling = Telling::after(Seq(last.unwrap_or(0)), service.rollout(id).await?);
    Ok(Sse::new(stream::unfold(telling, Telling::next)).keep_alive(KeepAlive::default()))
}

impl Service {
    /// Whether it runs here, elsewhere, or is over.
    async fn rollout(&self, id: u64) -> Result<Handle, Problem> {
        self.engine.attach(RolloutId(id)).await.map_err(|error| match error {
            EngineError::Journal(JournalError::Unknown(_)) => Problem::Unknown(id),
            error => error.into(),
        })
    }
}

/// A stream under way: `decision` for each record, `asked` when a person is waited for, `ended`.
///
/// Told from the journal whenever the status changes, so that a slow listener misses nothing and
/// one that comes back goes on where it was.
struct Telling {
    rollout: Handle,
    statuses: watch::Receiver<Status>,
    told: Seq,
    asked: Option<Ask>,
    events: VecDeque<Event>,
    over: bool,
}

impl Telling {
    fn after(told: Seq, rollout: Handle) -> Self {
        let (statuses, events) = (rollout.watch(), VecDeque::new());
        Self { rollout, statuses, told, asked: None, events, over: false }
    }

    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some((Ok(event), self));
            }
            // A journal that can not be read ends the stream; the listener comes back later.
            if self.over || self.listen().await.is_err() {
                return None;
            }
        }
    }

    /// Queues what is new, or waits until something is.
    async fn listen(&mut self) -> Result<(), EngineError> {
        let status = self.statuses.borrow_and_update().clone();
        self.decided().await?;
        self.ask(&status);
        if let Some(end) = &status.end {
            self.events.push_back(Event::default().event("ended").data(ended(end)));
            self.over = true;
        } else if self.events.is_empty() {
            self.over = self.statuses.changed().await.is_err();
        }
        Ok(())
    }

    async fn decided(&mut self) -> Result<(), EngineError> {
        let plan = &self.rollout.head().plan;
        for record in self.rollout.records().await? {
            if record.seq > self.told {
                let event = Event::default().event("decision").id(record.seq.0.to_string());
                self.events.push_back(event.data(record.decision.sentence(plan)));
                self.told = record.seq;
            }
        }
        Ok(())
    }

    fn ask(&mut self, status: &Status) {
        let asked = match status.waiting_on {
            WaitingOn::Person(ask) => Some(ask),
            _ => None,
        };
        if let Some(ask) = asked.filter(|_| asked != self.asked) {
            self.events.push_back(Event::default().event("asked").data(json!(ask).to_string()));
        }
        self.asked = asked;
    }
}

fn ended(end: &End) -> String {
    match end {
        End::Over(phase) => phase.name().to_string(),
        other => format!("{other:?}"),
    }
}

/// Why a request is not done.
enum Problem {
    Unknown(u64),
    Engine(EngineError),
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Unknown(id) => (StatusCode::NOT_FOUND, format!("there is no rollout {id} here")),
            Self::Engine(error) => (status_of(&error), error.to_string()),
        };
        (status, Json(json!({ "error": text }))).into_response()
    }
}

/// A refusal is the caller's to know; a journal or an adapter that fails is ours.
const fn status_of(error: &EngineError) -> StatusCode {
    match error {
        EngineError::Ignored(_)
        | EngineError::Refused { .. }
        | EngineError::NotAtRest { .. }
        | EngineError::NotOver(_) => StatusCode::CONFLICT,
        EngineError::NotHere(_) => StatusCode::GONE,
        EngineError::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
