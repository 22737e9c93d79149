//! A service whose deployments ECS carries out itself: rolling, blue/green, linear or canary.
//!
//! What a caller should know:
//!
//! - `UpdateService` takes no client token and deployments carry no tag, so starting is class 4. A
//!   deployment is the move's if it deploys the task definition of the move's arm and was created
//!   since the rollout was opened. `UpdateService` is sent only when nothing is under way and
//!   something else serves; it names the task definition, and nothing else of the service.
//! - Traffic is held where the service has a `PAUSE` hook: at
//!   [`WaitPoint::Ready`](tidegate_core::WaitPoint) before the first shift, at `Step` between two, at
//!   `Termination` after the last. ECS runs hooks of `PRE_PRODUCTION_TRAFFIC_SHIFT` before each step of
//!   a linear or canary deployment. A wait is told from the next by its hook's id, and only that hook is
//!   continued: an answer that comes late does not let a later step go.
//! - Success is a deployment that succeeded, and whose revision alone serves. A rollback that is
//!   finished is none.
//! - Exactly one may call for the way back ([`RollbackOwner`]).
//! - Somebody else's deployment is waited for, is reported, and is never stopped.
//! - Traffic is read from what ECS has requested, or from running tasks where there are no weights.

mod actions;
mod lookup;
mod preflight;
mod setup;
mod state;
mod traffic;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use aws_sdk_ecs::Client;
use aws_smithy_async::time::SharedTimeSource;
use tidegate_core::{PortError, Span};

pub use preflight::obstacles;
pub use setup::{Pause, Problem, Setup, Strategy};

use super::ServiceName;
use crate::account::{Account, Bounded, Channel, bounded_client};

/// Who calls for the way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RollbackOwner {
    /// The engine, which tells ECS to go back. A service whose circuit breaker or alarms end a
    /// deployment by themselves is refused.
    #[default]
    Engine,
    /// The service as well, by its circuit breaker and alarms. What it does is followed and reported.
    Service,
}

/// How a service is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EcsOptions {
    /// Who calls for the way back.
    pub rollback: RollbackOwner,
    /// How far back deployments are looked for: longer than any rollout lives.
    pub looks_back: Span,
    /// Pages of a listing that are read at most; a longer one is an incomplete look-up.
    pub pages: u16,
    /// How far the engine's clock may be ahead of AWS's. An earlier deployment of the same revision
    /// that was created within this time before a rollout was opened is taken for the rollout's own.
    pub clock_skew: Span,
    /// How long ECS may take from its word to the data plane.
    pub propagation: Span,
    /// How long the old side may get requests after its weight is zero.
    pub drain: Span,
}

impl Default for EcsOptions {
    /// Thirty days: a hook may wait fourteen. A listing of 50 pages has thousands of deployments. Half
    /// a minute between clocks, for AWS refuses requests of clocks that are five minutes off. A minute
    /// for weights, and the five that a target group drains by default.
    fn default() -> Self {
        Self {
            rollback: RollbackOwner::Engine,
            looks_back: Span::hours(30 * 24),
            pages: 50,
            clock_skew: Span::seconds(30),
            propagation: Span::minutes(1),
            drain: Span::minutes(5),
        }
    }
}

/// One service: a platform that sets its own pace, and the traffic it moves.
#[derive(Clone, Debug)]
pub struct EcsService {
    client: Bounded<Client>,
    channel: Channel,
    name: ServiceName,
    setup: Setup,
    options: EcsOptions,
    /// Task definitions of service revisions, which never change.
    definitions: Arc<Mutex<HashMap<String, String>>>,
    /// The tokens of moves that are known to have been carried out.
    done: Arc<Mutex<HashSet<String>>>,
    time: SharedTimeSource,
}

impl EcsService {
    /// The service of this name, as it is set up now: what it is able to do follows from that. It is
    /// read again before each start, and must not have changed.
    ///
    /// # Errors
    /// When it can not be read, or what is found does not allow to be driven by an engine
    /// ([`Problems`](super::Problems) of [`Problem`], all of them, as the source).
    pub async fn open(
        client: &Client,
        account: &Account,
        name: ServiceName,
        options: EcsOptions,
    ) -> Result<Self, PortError> {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let time = client.config().time_source().unwrap_or_default();
        let client = bounded_client!(Client, client, account);
        let action = format!("read service {name}");
        let service = super::described(&client, &channel, &name, &action).await?;
        let setup = setup::read(&service, &name, options.rollback, &action)?;
        Ok(Self {
            client,
            channel,
            name,
            setup,
            options,
            definitions: Arc::default(),
            done: Arc::default(),
            time,
        })
    }

    /// How the service was set up when it was opened.
    #[must_use]
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }
}
