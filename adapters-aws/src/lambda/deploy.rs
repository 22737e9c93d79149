//! The versions behind an alias as capacity. It must not know how traffic is divided.

use async_trait::async_trait;
use tidegate_core::{
    Arm, ArmCapacity, Call, Capabilities, CapacityKind, DeployAbility, DeploymentActions, Obstacle,
    PortError, Revisions, SafetyClass, SeenCapacity, Span, Target, Units,
};

use super::{
    DELETE_PROVISIONED, GET_PROVISIONED, LambdaAlias, NO_PROVISIONED, NO_RESOURCE, PUT_PROVISIONED,
    READS, WRITES, version,
};
use crate::{error::code_of, port::refused};

#[async_trait]
impl DeploymentActions for LambdaAlias {
    fn ability(&self) -> DeployAbility {
        DeployAbility {
            capacity: if self.provisioned { CapacityKind::Counted } else { CapacityKind::Elastic },
            zones: Vec::new(),
            scale: self.channel.limits().operation(SafetyClass::BareSet, 2, Span::ZERO),
            platform: None,
        }
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<SeenCapacity, PortError> {
        let action = format!("count the capacity of {target}");
        let mut units = [Units::default(); 2];
        for (units, arm) in units.iter_mut().zip([Arm::Stable, Arm::Candidate]) {
            let Some(revision) = revisions.of(arm) else { continue };
            let version = version(revision, &action)?;
            *units = match (self.provisioned, arm) {
                (true, _) => self.provisioned_units(version, &action).await?,
                // What serves, serves as much as it is asked for. What comes in has no traffic yet.
                (false, Arm::Stable) => Units::steady(1),
                (false, Arm::Candidate) => Units::default(),
            };
        }
        let [stable, candidate] =
            units.map(|total| ArmCapacity { total, ..ArmCapacity::default() });
        let full = stable.total.asked.max(u32::from(!self.provisioned));
        let full_by_zone = [0; Capabilities::MAX_ZONES];
        Ok(SeenCapacity { full, full_by_zone, stable, candidate })
    }

    async fn provision(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError> {
        let action = format!("provision {arm} of {} with {units}", call.target);
        let version = self.version_of(call, arm, zone, &action)?;
        self.ready(version, &action).await?;
        self.set(version, units, &action).await
    }

    async fn scale(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError> {
        let action = format!("scale {arm} of {} to {units}", call.target);
        let version = self.version_of(call, arm, zone, &action)?;
        self.set(version, units, &action).await
    }

    /// A version costs nothing while nobody invokes it, and is the way back: it stays. Its
    /// provisioned concurrency goes.
    async fn retire(&self, call: &Call, arm: Arm) -> Result<(), PortError> {
        let action = format!("retire {arm} of {}", call.target);
        let version = self.version_of(call, arm, None, &action)?;
        self.set(version, 0, &action).await
    }

    async fn preflight(&self, _: &Target, revisions: &Revisions) -> Vec<Obstacle> {
        self.obstacles_of_versions(revisions).await
    }
}

impl LambdaAlias {
    fn version_of<'a>(
        &self,
        call: &'a Call,
        arm: Arm,
        zone: Option<u8>,
        action: &str,
    ) -> Result<&'a str, PortError> {
        if let Some(zone) = zone {
            return Err(refused(
                action,
                format!("a function has no zones, and zone {zone} was asked for"),
            ));
        }
        let revision =
            call.revisions.of(arm).ok_or_else(|| refused(action, "there is no such arm"))?;
        version(revision, action)
    }

    pub(super) async fn provisioned_units(
        &self,
        version: &str,
        action: &str,
    ) -> Result<Units, PortError> {
        let request = self.client.get_provisioned_concurrency_config();
        let request = request.function_name(&self.function).qualifier(version).send();
        let read = self.channel.send(GET_PROVISIONED, READS, action, request).await;
        let units =
            |number: Option<i32>| u32::try_from(number.unwrap_or_default()).unwrap_or_default();
        match read {
            Ok(reply) => Ok(Units {
                asked: units(reply.requested_provisioned_concurrent_executions()),
                ready: units(reply.available_provisioned_concurrent_executions()),
            }),
            Err(error) if code_of(&error) == Some(NO_PROVISIONED) => Ok(Units::default()),
            Err(error) => Err(error),
        }
    }

    /// Sets a version's provisioned concurrency. On demand, there is nothing to set.
    async fn set(&self, version: &str, units: u32, action: &str) -> Result<(), PortError> {
        if !self.provisioned {
            return Ok(());
        }
        if units == 0 {
            return self.remove(version, action).await;
        }
        let too_many = |_| refused(action, format!("{units} is more than AWS can be asked for"));
        let units = i32::try_from(units).map_err(too_many)?;
        let request = self.client.put_provisioned_concurrency_config();
        let request = request.function_name(&self.function).qualifier(version);
        let request = request.provisioned_concurrent_executions(units).send();
        self.channel.send(PUT_PROVISIONED, WRITES, action, request).await.map(drop)
    }

    async fn remove(&self, version: &str, action: &str) -> Result<(), PortError> {
        let request = self.client.delete_provisioned_concurrency_config();
        let request = request.function_name(&self.function).qualifier(version).send();
        match self.channel.send(DELETE_PROVISIONED, WRITES, action, request).await {
            Err(error) if [Some(NO_PROVISIONED), Some(NO_RESOURCE)].contains(&code_of(&error)) => {
                Ok(())
            }
            outcome => outcome.map(drop),
        }
    }
}
