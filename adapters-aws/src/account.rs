//! What all adapters of one AWS account share: time limits, quotas, and the queues before them.
//!
//! Every call of this package goes out through a [`Channel`]. It must not know what the calls are for.

use std::{
    collections::HashMap,
    error::Error as StdError,
    fmt,
    future::Future,
    ops::Deref,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::{error::metadata::ProvideErrorMetadata, retry::RetryConfig, timeout};
use tidegate_core::{PortError, SafetyClass, Span};

use crate::{
    error::{Class, Operation},
    limiter::{Limiter, Quota},
};

/// How long calls may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// One request, from its first byte to the last of its answer. The SDK has no limit by default.
    pub request: Span,
    /// Waiting for the service's quota. A call that would wait longer is not sent, and says so.
    pub queue: Span,
    /// How long after its time limit a request may still take effect. AWS refuses a signature that
    /// is more than five minutes old ("Signature Version 4", elements of a request), so nothing
    /// that hung in the network lands later than that; a shorter time is a bet.
    pub late: Span,
}

impl Default for CallLimits {
    /// Five seconds a request, for these APIs answer in well under one; five in the queue, so that a
    /// call of several requests stays bounded in seconds; five minutes for a signature to grow too old.
    fn default() -> Self {
        Self { request: Span::seconds(5), queue: Span::seconds(5), late: Span::minutes(5) }
    }
}

impl CallLimits {
    /// What a port declares of an operation that sends up to `requests` one after another, and
    /// waits up to `pause` besides.
    pub(crate) fn operation(
        self,
        class: SafetyClass,
        requests: u64,
        pause: Span,
    ) -> tidegate_core::Operation {
        let each = self.request.plus(self.queue);
        let time_limit = Span(each.0.saturating_mul(requests)).plus(pause);
        tidegate_core::Operation { class, late_bound: self.late, time_limit }
    }
}

/// One AWS account, as all adapters of a process share it. Cloning it shares it.
///
/// Quotas belong to an account and a region, not to a client: two adapters that each kept to the
/// quota would together break it. Make one `Account` for each account id, and give it to every
/// adapter.
#[derive(Clone)]
pub struct Account {
    shared: Arc<Shared>,
    limits: CallLimits,
}

struct Shared {
    id: String,
    limiters: Mutex<HashMap<Key, Arc<Limiter>>>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    service: &'static str,
    region: String,
    family: &'static str,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Account");
        debug.field("id", &self.shared.id).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Account {
    /// The account with this id: twelve digits. It is used for nothing but to be told from others.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        let shared = Shared { id: id.into(), limiters: Mutex::default() };
        Self { shared: Arc::new(shared), limits: CallLimits::default() }
    }

    /// With other time limits, for the adapters that get this value; queues stay shared.
    #[must_use]
    pub const fn with_limits(mut self, limits: CallLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Its time limits.
    #[must_use]
    pub const fn limits(&self) -> CallLimits {
        self.limits
    }

    /// The way to a service in a region. A client without a region can not be used at all, so all
    /// such share a queue.
    pub(crate) fn channel(&self, region: Option<&str>) -> Channel {
        Channel { account: self.clone(), region: region.unwrap_or_default().to_owned() }
    }

    /// Time-outs for a client of this package. One attempt is all there is, so both are the same.
    pub(crate) fn timeouts(&self) -> timeout::TimeoutConfig {
        let limit = self.limits.request.duration();
        timeout::TimeoutConfig::builder()
            .operation_timeout(limit)
            .operation_attempt_timeout(limit)
            .build()
    }

    /// One call is one request: the SDK would send again on a lost answer, whatever the call was.
    /// The engine decides about attempts, counts them, and is asked why.
    pub(crate) fn retries() -> RetryConfig {
        RetryConfig::disabled()
    }

    fn limiter(&self, service: &'static str, region: &str, quota: Quota) -> Arc<Limiter> {
        let key = Key { service, region: region.to_owned(), family: quota.family };
        // A map of shared queues is whole at every instant: a panic elsewhere does not spoil it.
        let mut limiters = self.shared.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = limiters.entry(key).or_insert_with(|| Arc::new(Limiter::new(quota)));
        Arc::clone(limiter)
    }
}

/// A client of this package: the caller's, with our time-outs and without the SDK's retries. What it is set up
/// with is not shown: an endpoint's URL may hold a password.
#[derive(Clone)]
pub(crate) struct Bounded<C>(pub(crate) C);

impl<C> fmt::Debug for Bounded<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl<C> Deref for Bounded<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0
    }
}

/// A [`Bounded`] client of an SDK's type, like one of the caller's.
macro_rules! bounded_client {
    ($type:ty, $client:expr, $account:expr) => {
        $crate::account::Bounded(<$type>::from_conf(
            $client
                .config()
                .to_builder()
                .timeout_config($account.timeouts())
                .retry_config($crate::account::Account::retries())
                .build(),
        ))
    };
}
pub(crate) use bounded_client;

/// The way to AWS in one account and region.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    account: Account,
    region: String,
}

impl Channel {
    pub(crate) fn limits(&self) -> CallLimits {
        self.account.limits
    }

    /// Sends one request when it is its turn. `action` is what it is for, as a verb phrase.
    ///
    /// # Errors
    /// Typed by what is known of the call's effect.
    pub(crate) async fn send<T, E>(
        &self,
        operation: Operation,
        quota: Quota,
        action: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, PortError>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        // The SDK's futures are large, and are not to be moved from one to the next.
        let request = pin!(request);
        self.turn(operation, quota, action).await?.send(action, request).await
    }

    /// Waits for the turn of one request, which is then sent whenever its caller is ready: what it rests on
    /// may be read after the wait, and is no older than that reading.
    ///
    /// # Errors
    /// When too many wait. Nothing was sent.
    pub(crate) async fn turn(
        &self,
        operation: Operation,
        quota: Quota,
        action: &str,
    ) -> Result<Turn, PortError> {
        let limiter = self.account.limiter(operation.service, &self.region, quota);
        let patience = self.limits().queue.duration();
        let crowded = |_| operation.unsent(Class::Queued, action);
        limiter.turn(patience).await.map_err(crowded)?;
        Ok(Turn { operation, limiter })
    }
}

/// The turn of one request.
#[derive(Debug)]
pub(crate) struct Turn {
    operation: Operation,
    limiter: Arc<Limiter>,
}

impl Turn {
    /// Sends the request.
    ///
    /// # Errors
    /// Typed by what is known of the call's effect.
    pub(crate) async fn send<T, E>(
        self,
        action: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, PortError>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let Self { operation, limiter } = self;
        match request.await {
            Ok(reply) => {
                limiter.answered();
                Ok(reply)
            }
            Err(error) => {
                let class = operation.class(&error);
                if class == Class::Throttled {
                    limiter.throttled(fastrand::f64());
                }
                Err(operation.failed(action, class, error))
            }
        }
    }
}
