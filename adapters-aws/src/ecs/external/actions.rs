//! Task sets as capacity: provision, scale, count, retire. It must not know traffic.

use async_trait::async_trait;
use aws_sdk_ecs::types::{LoadBalancer, TaskSet};
use tidegate_core::{
    Arm, ArmCapacity, Call, Capabilities, CapacityKind, DeployAbility, DeploymentActions, Obstacle,
    PortError, Revisions, SafetyClass, SeenCapacity, Span, Target, Units,
};

use super::{
    Balanced, TaskSets,
    sets::{Found, arn_of, is_primary, only, scale},
};
use crate::{
    ecs::{api, task_definition::Definitions},
    error::code_of,
    port::{incomplete, refused},
    token,
};

#[async_trait]
impl DeploymentActions for TaskSets {
    fn ability(&self) -> DeployAbility {
        // Read, choose the primary, delete.
        let scale = self.channel.limits().operation(SafetyClass::BareSet, 3, Span::ZERO);
        DeployAbility { capacity: CapacityKind::Counted, zones: Vec::new(), scale, platform: None }
    }

    async fn observe(
        &self,
        target: &Target,
        revisions: &Revisions,
    ) -> Result<SeenCapacity, PortError> {
        let action = format!("count the tasks of {target} in service {}", self.name);
        let both = Definitions::of(revisions, &action)?;
        let found = self.read(&action).await?;
        let count = |arm| {
            let counted = found.of(&both, arm).map(|set| self.counted(set));
            let (asked, ready) = counted.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
            ArmCapacity { total: Units { asked, ready }, ..ArmCapacity::default() }
        };
        Ok(SeenCapacity {
            full: found.full,
            full_by_zone: [0; Capabilities::MAX_ZONES],
            stable: count(Arm::Stable),
            candidate: count(Arm::Candidate),
        })
    }

    async fn provision(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError> {
        let action = format!("provision {units} tasks of {arm} of {}", call.target);
        let (both, found) = self.found(call, zone, &action).await?;
        match only(found.of(&both, arm), &action)? {
            Some(set) => self.rescale(set, units, &found, &action).await,
            None => self.create(call, arm, &both, (units, &found), &action).await,
        }
    }

    async fn scale(
        &self,
        call: &Call,
        arm: Arm,
        units: u32,
        zone: Option<u8>,
    ) -> Result<(), PortError> {
        let action = format!("scale {arm} of {} to {units} tasks", call.target);
        let (both, found) = self.found(call, zone, &action).await?;
        let set = only(found.of(&both, arm), &action)?;
        let set = set.ok_or_else(|| refused(&action, "it has no task set"))?;
        self.rescale(set, units, &found, &action).await
    }

    async fn retire(&self, call: &Call, arm: Arm) -> Result<(), PortError> {
        let action = format!("retire {arm} of {}", call.target);
        let (both, found) = self.found(call, None, &action).await?;
        let heir = found.of(&both, arm.other()).next();
        for set in found.of(&both, arm) {
            match heir {
                // None is primary after a first deployment.
                Some(heir) if is_primary(set) || found.primary().is_none() => {
                    self.make_primary(heir, &action).await?;
                }
                None if is_primary(set) => {
                    let why = "it is the primary task set, and there is no other";
                    return Err(incomplete(&action, why));
                }
                _ => {}
            }
            let request = self.client.delete_task_set().cluster(&self.name.cluster);
            let request = request.service(&self.name.service).task_set(arn_of(set, &action)?);
            let sent = self.channel.send(
                api::DELETE_TASK_SET,
                api::WRITES,
                &action,
                request.force(true).send(),
            );
            match sent.await {
                Err(error) if code_of(&error) != Some(api::NO_TASK_SET) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    async fn preflight(&self, target: &Target, revisions: &Revisions) -> Vec<Obstacle> {
        self.obstacles(target, revisions).await
    }
}

impl TaskSets {
    async fn found(
        &self,
        call: &Call,
        zone: Option<u8>,
        action: &str,
    ) -> Result<(Definitions, Found), PortError> {
        if zone.is_some() {
            return Err(refused(action, "task sets are not scaled by zone"));
        }
        let both = Definitions::of(&call.revisions, action)?;
        Ok((both, self.read(action).await?))
    }

    async fn rescale(
        &self,
        set: &TaskSet,
        units: u32,
        found: &Found,
        action: &str,
    ) -> Result<(), PortError> {
        let request = self.client.update_task_set().cluster(&self.name.cluster);
        let request = request.service(&self.name.service).task_set(arn_of(set, action)?);
        let request = request.scale(scale(units, found.full, action)?).send();
        self.channel.send(api::UPDATE_TASK_SET, api::WRITES, action, request).await.map(drop)
    }

    async fn create(
        &self,
        call: &Call,
        arm: Arm,
        both: &Definitions,
        (units, found): (u32, &Found),
        action: &str,
    ) -> Result<(), PortError> {
        let definition = both.get(arm).ok_or_else(|| refused(action, "there is none"))?;
        let balancers = self.balancers(call, arm).await?;
        let print = &self.blueprint;
        let some = |list: &Vec<_>| Some(list.clone()).filter(|list| !list.is_empty());
        let request = self.client.create_task_set().cluster(&self.name.cluster);
        let request = request.service(&self.name.service).task_definition(definition);
        let request = request.external_id(call.token());
        // The body as far as it may differ between two sendings of one move.
        let request = request.client_token(token::of(call, &format!("{units} of {}", found.full)));
        let request = request.scale(scale(units, found.full, action)?);
        let request = request.set_load_balancers(balancers.map(|balancer| vec![balancer]));
        let request = request.set_network_configuration(print.network.clone());
        let request = request.set_launch_type(print.launch.clone());
        let request = request.set_capacity_provider_strategy(some(&print.capacity_providers));
        let request = request.set_platform_version(print.platform_version.clone());
        let registries = Some(print.registries.clone()).filter(|list| !list.is_empty());
        let request = request.set_service_registries(registries).send();
        self.channel.send(api::CREATE_TASK_SET, api::WRITES, action, request).await.map(drop)
    }

    async fn balancers(&self, call: &Call, arm: Arm) -> Result<Option<LoadBalancer>, PortError> {
        let Some(Balanced { container, groups }) = &self.blueprint.balanced else {
            return Ok(None);
        };
        let Some(revision) = call.revisions.of(arm) else { return Ok(None) };
        let group = groups.place(&call.target, revision, arm).await?;
        let balancer = LoadBalancer::builder().target_group_arn(group);
        let balancer = balancer.container_name(&container.name);
        Ok(Some(balancer.container_port(i32::from(container.port)).build()))
    }

    async fn make_primary(&self, set: &TaskSet, action: &str) -> Result<(), PortError> {
        let request = self.client.update_service_primary_task_set();
        let request = request.cluster(&self.name.cluster).service(&self.name.service);
        let request = request.primary_task_set(arn_of(set, action)?).send();
        self.channel.send(api::SET_PRIMARY, api::WRITES, action, request).await.map(drop)
    }
}
