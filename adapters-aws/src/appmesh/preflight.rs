//! What would keep routes of App Mesh from carrying a rollout. It writes nothing.

use aws_sdk_appmesh::types::VirtualNodeData;
use tidegate_core::{Obstacle, ObstacleKind, PortError, Revisions, Target, Weight};

use super::{DESCRIBE_VIRTUAL_NODE, MeshRoute, MeshRoutes, READS, SCALE, gone, spec};
use crate::{
    place::Arms,
    port::incomplete,
    preflight::{no_arms, no_carrier, obstacle, unfit},
};

impl MeshRoutes {
    pub(super) async fn obstacles(
        &self,
        target: &Target,
        revisions: &Revisions,
        weights: &[Weight],
    ) -> Vec<Obstacle> {
        let arms = match Arms::find(&*self.placement, target, revisions).await {
            Ok(arms) => arms,
            Err(error) => return vec![no_arms(target, &error)],
        };
        let mut found = Vec::new();
        let mut meshes: Vec<(&str, &Option<String>)> = Vec::new();
        for route in self.routes.iter() {
            found.extend(self.of_route(route, &arms, weights).await);
            let mesh = (route.mesh.as_str(), &route.mesh_owner);
            if meshes.contains(&mesh) {
                continue;
            }
            meshes.push(mesh);
            for node in arms.all() {
                found.extend(self.of_node(route, node).await);
            }
        }
        found
    }

    async fn of_route(&self, route: &MeshRoute, arms: &Arms, weights: &[Weight]) -> Vec<Obstacle> {
        let subject = route.to_string();
        let read = match self.read(route, &format!("read {route}")).await {
            Ok(read) => read,
            Err(error) => return vec![obstacle(subject, &error)],
        };
        let targets = spec::targets(&read.spec, route.protocol)
            .and_then(|targets| spec::both_and_nobody_else(&targets, arms).map(|()| targets));
        match targets {
            Ok(targets) => unfit(&subject, &targets, arms, weights, SCALE),
            Err(why) => vec![no_carrier(&subject, why)],
        }
    }

    async fn of_node(&self, route: &MeshRoute, name: &str) -> Option<Obstacle> {
        let subject = format!("virtual node {name} in mesh {}", route.mesh);
        let node = match self.node(route, name).await {
            Ok(node) => node,
            Err(error) => return Some(obstacle(subject, &error)),
        };
        let listeners = node.spec().map(|spec| spec.listeners()).unwrap_or_default();
        let checked = listeners.iter().any(|listener| listener.health_check().is_some());
        let what = "is not checked for health: no listener of it has a health check";
        (!checked).then(|| Obstacle::new(ObstacleKind::HealthChecks, subject, what))
    }

    async fn node(&self, route: &MeshRoute, name: &str) -> Result<VirtualNodeData, PortError> {
        let action = format!("read virtual node {name}");
        let request = self.client.describe_virtual_node().mesh_name(&route.mesh);
        let request = request.set_mesh_owner(route.mesh_owner.clone()).virtual_node_name(name);
        let sent = self.channel.send(DESCRIBE_VIRTUAL_NODE, READS, &action, request.send()).await;
        let node = sent.map_err(gone::told_apart)?.virtual_node;
        node.ok_or_else(|| incomplete(&action, "it is not in the answer"))
    }
}
