//! Reading and writing the actions of one route, or of all. It must not know weights.

use aws_sdk_elasticloadbalancingv2::types::{Action, Listener, Rule};
use tidegate_core::PortError;

use super::{AlbRoute, AlbRoutes, api};
use crate::{account::Turn, port::incomplete};

impl AlbRoutes {
    /// The actions of every route, in the order of the routes. Rules are read together, and so are
    /// listeners: a poll costs two requests at most, unless AWS answers in pages.
    pub(super) async fn read_all(&self, action: &str) -> Result<Vec<Vec<Action>>, PortError> {
        let (mut rules, mut listeners) = (Vec::new(), Vec::new());
        for route in self.routes.iter() {
            match route {
                AlbRoute::Rule(arn) => rules.push(arn.clone()),
                AlbRoute::Listener(arn) => listeners.push(arn.clone()),
            }
        }
        let rules = self.rules(rules, action).await?;
        let listeners = self.listeners(listeners, action).await?;
        self.routes.iter().map(|route| pick(route, &rules, &listeners, action)).collect()
    }

    /// The actions of one route.
    pub(super) async fn read(
        &self,
        route: &AlbRoute,
        action: &str,
    ) -> Result<Vec<Action>, PortError> {
        let (rules, listeners) = match route {
            AlbRoute::Rule(arn) => (self.rules(vec![arn.clone()], action).await?, Vec::new()),
            AlbRoute::Listener(arn) => {
                (Vec::new(), self.listeners(vec![arn.clone()], action).await?)
            }
        };
        pick(route, &rules, &listeners, action)
    }

    async fn rules(&self, arns: Vec<String>, action: &str) -> Result<Vec<Rule>, PortError> {
        let mut found = Vec::new();
        let mut marker = None;
        while !arns.is_empty() {
            let request = self.client.describe_rules().set_rule_arns(Some(arns.clone()));
            let request = request.set_marker(marker).send();
            let sent = self.channel.send(api::DESCRIBE_RULES, api::READS, action, request);
            let reply = sent.await?;
            found.extend_from_slice(reply.rules());
            marker = reply.next_marker;
            if marker.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn listeners(&self, arns: Vec<String>, action: &str) -> Result<Vec<Listener>, PortError> {
        let mut found = Vec::new();
        let mut marker = None;
        while !arns.is_empty() {
            let request = self.client.describe_listeners().set_listener_arns(Some(arns.clone()));
            let request = request.set_marker(marker).send();
            let sent = self.channel.send(api::DESCRIBE_LISTENERS, api::READS, action, request);
            let reply = sent.await?;
            found.extend_from_slice(reply.listeners());
            marker = reply.next_marker;
            if marker.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// The turn of a write of one route.
    pub(super) async fn turn(&self, route: &AlbRoute, action: &str) -> Result<Turn, PortError> {
        let operation = match route {
            AlbRoute::Rule(_) => api::MODIFY_RULE,
            AlbRoute::Listener(_) => api::MODIFY_LISTENER,
        };
        self.channel.turn(operation, api::WRITES, action).await
    }

    /// Replaces the actions of one route, and returns what it then has, as the answer says.
    pub(super) async fn write(
        &self,
        route: &AlbRoute,
        turn: Turn,
        actions: Vec<Action>,
        action: &str,
    ) -> Result<Vec<Action>, PortError> {
        let (rules, listeners) = match route {
            AlbRoute::Rule(arn) => {
                let request = self.client.modify_rule().rule_arn(arn).set_actions(Some(actions));
                let sent = turn.send(action, request.send());
                (sent.await?.rules.unwrap_or_default(), Vec::new())
            }
            AlbRoute::Listener(arn) => {
                let request = self.client.modify_listener().listener_arn(arn);
                let request = request.set_default_actions(Some(actions)).send();
                let sent = turn.send(action, request);
                (Vec::new(), sent.await?.listeners.unwrap_or_default())
            }
        };
        Ok(find(route, &rules, &listeners).unwrap_or_default())
    }
}

fn find(route: &AlbRoute, rules: &[Rule], listeners: &[Listener]) -> Option<Vec<Action>> {
    match route {
        AlbRoute::Rule(arn) => {
            let rule = rules.iter().find(|rule| rule.rule_arn() == Some(arn));
            rule.map(|rule| rule.actions().to_vec())
        }
        AlbRoute::Listener(arn) => {
            let listener = listeners.iter().find(|one| one.listener_arn() == Some(arn));
            listener.map(|listener| listener.default_actions().to_vec())
        }
    }
}

fn pick(
    route: &AlbRoute,
    rules: &[Rule],
    listeners: &[Listener],
    action: &str,
) -> Result<Vec<Action>, PortError> {
    let missing = || incomplete(action, format!("{route} is not in the answer"));
    find(route, rules, listeners).ok_or_else(missing)
}
