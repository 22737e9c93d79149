//! A Lambda alias: traffic between two published versions, and the capacity behind them.
//!
//! What a caller should know:
//!
//! - A revision is the number of a published version. Publishing one is not done here: whoever builds
//!   the code publishes it, and names the version.
//! - `UpdateAlias` with a `RevisionId` is a true compare-and-set, so shifts are class 1: the id is read
//!   with the observation that led to the shift, and what somebody else has written since is never
//!   overwritten.
//! - An alias takes one version beside its main one, in steps of 1/10 000 here. All of the traffic is
//!   given in one call: the main version becomes the candidate's, and the other goes.
//! - Requests are divided at random, one by one, so small samples scatter.
//! - The alias has to exist. A first deployment is the creation of the alias, and needs no rollout.
//! - Without provisioned concurrency a function grows with its traffic: capacity is elastic. With it,
//!   a unit is one provisioned execution environment of a version, and the candidate has its own
//!   before it gets traffic ([`LambdaAlias::provisioned`]).

mod deploy;
mod preflight;
mod traffic;

use aws_sdk_lambda::{Client, operation::get_alias::GetAliasOutput, types::State};
use tidegate_core::{FailureKind, PortError, Revision, Span};

use crate::{
    account::{Account, Bounded, Channel, bounded_client},
    error::{
        Class::{self, Conflict, Later, Refused},
        Effect, Operation,
    },
    limiter::Quota,
    port::refused,
};

/// How an alias is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LambdaOptions {
    /// How long a change of weights takes to reach every front end.
    pub propagation: Span,
    /// How long a version may go on being invoked after it has lost its weight.
    pub drain: Span,
}

impl Default for LambdaOptions {
    /// AWS states neither; ten seconds, and a minute for front ends that still have the old weights.
    fn default() -> Self {
        Self { propagation: Span::seconds(10), drain: Span::minutes(1) }
    }
}

/// One alias of one function: a router, and a deployer of its versions.
#[derive(Clone, Debug)]
pub struct LambdaAlias {
    client: Bounded<Client>,
    channel: Channel,
    function: String,
    alias: String,
    provisioned: bool,
    options: LambdaOptions,
}

impl LambdaAlias {
    /// The alias of a function, by their names (or the function's ARN). Capacity is elastic.
    #[must_use]
    pub fn new(
        client: &Client,
        account: &Account,
        function: impl Into<String>,
        alias: impl Into<String>,
    ) -> Self {
        let channel = account.channel(client.config().region().map(AsRef::as_ref));
        let client = bounded_client!(Client, client, account);
        let (function, alias) = (function.into(), alias.into());
        Self {
            client,
            channel,
            function,
            alias,
            provisioned: false,
            options: LambdaOptions::default(),
        }
    }

    /// Counts and sets the provisioned concurrency of each version. The full size is what stable's
    /// version has; it must have some.
    #[must_use]
    pub const fn provisioned(mut self) -> Self {
        self.provisioned = true;
        self
    }

    /// With other options.
    #[must_use]
    pub const fn with_options(mut self, options: LambdaOptions) -> Self {
        self.options = options;
        self
    }

    async fn read_alias(&self, action: &str) -> Result<GetAliasOutput, PortError> {
        let request = self.client.get_alias().function_name(&self.function).name(&self.alias);
        self.channel.send(GET_ALIAS, READS, action, request.send()).await
    }

    /// Whether a version can be invoked. One in a state that nobody here knows can not.
    async fn ready(&self, version: &str, action: &str) -> Result<(), PortError> {
        let request = self.client.get_function_configuration().function_name(&self.function);
        let request = request.qualifier(version).send();
        let reply = self.channel.send(GET_FUNCTION_CONFIGURATION, READS, action, request).await?;
        match reply.state() {
            // An idle version is woken by its next request.
            Some(State::Active | State::Inactive) => Ok(()),
            Some(State::Failed | State::Deleting) => {
                Err(refused(action, format!("version {version} has failed or is being deleted")))
            }
            state => {
                let state = state.map_or("unknown", State::as_str);
                let why = format!("version {version} is not ready to be invoked: {state}");
                Err(PortError::new(FailureKind::Retryable, action).because(why))
            }
        }
    }
}

/// A revision as a published version. `$LATEST` is whatever was uploaded last, and can not be rolled back.
fn version<'a>(revision: &'a Revision, action: &str) -> Result<&'a str, PortError> {
    let text = revision.as_str();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text);
    }
    Err(refused(action, format!("{text:?} is no published version; versions are numbers")))
}

const fn operation(name: &'static str, effect: Effect) -> Operation {
    Operation { service: "lambda", name, effect, refusals: REFUSALS }
}

const GET_ALIAS: Operation = operation("GetAlias", Effect::Reads);
const UPDATE_ALIAS: Operation = operation("UpdateAlias", Effect::Writes);
const GET_FUNCTION_CONFIGURATION: Operation = operation("GetFunctionConfiguration", Effect::Reads);
const GET_PROVISIONED: Operation = operation("GetProvisionedConcurrencyConfig", Effect::Reads);
const PUT_PROVISIONED: Operation = operation("PutProvisionedConcurrencyConfig", Effect::Writes);
const DELETE_PROVISIONED: Operation =
    operation("DeleteProvisionedConcurrencyConfig", Effect::Writes);

/// AWS documents 15 requests a second for all of the control plane but reads of functions. A third of
/// it is taken for reading, and less for writing.
const READS: Quota = Quota { family: "read", burst: 5, per_second: 5 };
/// See [`READS`].
const WRITES: Quota = Quota { family: "write", burst: 3, per_second: 2 };

/// The 4xx errors that the model names for these operations; throttling is known to all.
const REFUSALS: &[(&str, Class)] = &[
    ("InvalidParameterValueException", Refused),
    ("PreconditionFailedException", Conflict),
    (NO_PROVISIONED, Refused),
    ("ResourceConflictException", Later),
    (NO_RESOURCE, Refused),
];
/// The version has no provisioned concurrency.
const NO_PROVISIONED: &str = "ProvisionedConcurrencyConfigNotFoundException";
/// There is no such function, version or alias.
const NO_RESOURCE: &str = "ResourceNotFoundException";
