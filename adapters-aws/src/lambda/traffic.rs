//! The alias as a router. It must not know what capacity its versions have.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use tidegate_core::{
    Call, Extra, FailureKind, Obstacle, PortError, Revisions, RouteReading, SafetyClass, Span,
    Split, Target, TrafficAbility, TrafficReading, TrafficShifter, Version, Weight,
};

use super::{LambdaAlias, LambdaOptions, UPDATE_ALIAS, WRITES, version};
use crate::{
    place::Arms,
    port::{doubtful, refused, unsuitable},
    router::{BASIS_POINT, Times, ability, copies_unsupported},
    weights::{Weighed, split, weight_of},
};

#[async_trait]
impl TrafficShifter for LambdaAlias {
    fn ability(&self) -> TrafficAbility {
        // Read, look at the version, write.
        let shift = self.channel.limits().operation(SafetyClass::CompareAndSet, 3, Span::ZERO);
        let LambdaOptions { propagation, drain } = self.options;
        // The weight of an alias is a fraction, and is sent with four digits.
        ability(BASIS_POINT, shift, 1, Times { propagation, drain })
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<TrafficReading, PortError> {
        let action = format!("read the weights of {target}");
        let arms = arms(revisions, &action)?;
        let found = self.read_alias(&action).await?;
        let targets = targets(found.function_version(), found.routing_config(), &action)?;
        let split = split(&targets, &arms).map_err(|why| unsuitable(&action, why))?;
        let version = found.revision_id().map(Version::from);
        Ok(TrafficReading { routes: vec![RouteReading { split, version }], extra: None })
    }

    async fn shift(
        &self,
        call: &Call,
        to: Split,
        version: Option<&Version>,
    ) -> Result<(), PortError> {
        let action = format!("shift traffic of {} on alias {}", call.target, self.alias);
        if call.route != 0 {
            return Err(refused(&action, format!("it has no route {}", call.route)));
        }
        let arms = arms(&call.revisions, &action)?;
        let share = to.of_arms();
        let wanted = wanted(&arms, share, &action)?;
        let found = self.read_alias(&action).await?;
        // An id read just now would prove nothing of what the shift was decided on.
        if version.is_none() || version.map(Version::as_str) != found.revision_id() {
            let why = "the alias has another revision id than when the shift was decided";
            return Err(PortError::new(FailureKind::Conflict, action).because(why));
        }
        let targets = targets(found.function_version(), found.routing_config(), &action)?;
        if let Some(other) = targets.iter().find(|one| one.weight > 0 && !arms.has(&one.place)) {
            let why =
                format!("version {} is neither arm's and would lose its traffic", other.place);
            return Err(refused(&action, why));
        }
        if share.bp() > basis_points_of(&targets, &arms.candidate) {
            self.ready(&arms.candidate, &action).await?;
        }
        self.write(&wanted, version, &action).await
    }

    async fn mirror(&self, call: &Call, to: Extra) -> Result<(), PortError> {
        copies_unsupported(call, to)
    }

    async fn preflight(
        &self,
        target: &Target,
        revisions: &Revisions,
        _: &[Weight],
    ) -> Vec<Obstacle> {
        self.obstacles(target, revisions).await
    }
}

impl LambdaAlias {
    async fn write(
        &self,
        wanted: &Routing,
        id: Option<&Version>,
        action: &str,
    ) -> Result<(), PortError> {
        let weights = wanted.beside.clone().into_iter().collect::<HashMap<_, _>>();
        // An absent map would leave the weights as they are; an empty one clears them.
        let routing =
            AliasRoutingConfiguration::builder().set_additional_version_weights(Some(weights));
        let request = self.client.update_alias().function_name(&self.function).name(&self.alias);
        let request = request.function_version(&wanted.main).routing_config(routing.build());
        let request = request.set_revision_id(id.map(|id| id.as_str().to_owned())).send();
        let told = self.channel.send(UPDATE_ALIAS, WRITES, action, request).await?;
        let told = targets(told.function_version(), told.routing_config(), action)?;
        if told == wanted.targets() {
            return Ok(());
        }
        let why = format!("the answer shows {told:?}, and {wanted:?} was sent");
        Err(doubtful(action, why))
    }
}

/// What the alias is to be: a main version, and at most one beside it.
#[derive(Debug)]
struct Routing {
    main: String,
    beside: Option<(String, f64)>,
}

impl Routing {
    fn targets(&self) -> Vec<Weighed> {
        let beside = self.beside.as_ref().map(|(version, share)| (version.as_str(), *share));
        weighed(&self.main, beside)
    }
}

fn wanted(arms: &Arms, share: Weight, action: &str) -> Result<Routing, PortError> {
    let candidate = arms.candidate.clone();
    if share == Weight::FULL {
        return Ok(Routing { main: candidate, beside: None });
    }
    let no_stable = || refused(action, "there is no stable version to take the rest");
    let main = arms.stable.clone().ok_or_else(no_stable)?;
    let part = f64::from(share.bp()) / 10_000.0;
    let beside = (share != Weight::ZERO).then_some((candidate, part));
    Ok(Routing { main, beside })
}

pub(super) fn arms(revisions: &Revisions, action: &str) -> Result<Arms, PortError> {
    let candidate = version(&revisions.candidate, action)?.to_owned();
    let stable = revisions.stable.as_ref().map(|revision| version(revision, action)).transpose()?;
    if stable == Some(candidate.as_str()) {
        return Err(refused(action, format!("both arms are version {candidate}")));
    }
    Ok(Arms { stable: stable.map(ToOwned::to_owned), candidate })
}

/// The versions behind an alias, in basis points.
pub(super) fn targets(
    main: Option<&str>,
    routing: Option<&AliasRoutingConfiguration>,
    action: &str,
) -> Result<Vec<Weighed>, PortError> {
    let main = main.ok_or_else(|| refused(action, "the alias names no version"))?;
    let beside = routing.and_then(AliasRoutingConfiguration::additional_version_weights);
    let beside: Vec<_> = beside.into_iter().flatten().collect();
    match beside[..] {
        [] => Ok(weighed(main, None)),
        [(version, share)] if (0.0..=1.0).contains(share) => {
            Ok(weighed(main, Some((version, *share))))
        }
        _ => Err(refused(action, format!("the alias has weights {beside:?} beside its version"))),
    }
}

fn weighed(main: &str, beside: Option<(&str, f64)>) -> Vec<Weighed> {
    let share = beside.map_or(0.0, |(_, share)| share);
    // Rounded: 0.07 is no binary fraction. The range was checked where it was read.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10 000")]
    let part = (share * 10_000.0).round() as u32;
    let mut targets = vec![Weighed { place: main.to_owned(), weight: 10_000 - part }];
    targets.extend(beside.map(|(version, _)| Weighed { place: version.to_owned(), weight: part }));
    targets
}

fn basis_points_of(targets: &[Weighed], version: &str) -> u16 {
    u16::try_from(weight_of(targets, version)).unwrap_or(u16::MAX)
}
