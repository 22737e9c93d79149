//! Finding deployments of the group: whole listings or errors, nothing in between.
//!
//! What a deployment is called never changes, so that is remembered; what is not over is read again.

use std::{collections::HashMap, sync::PoisonError, time::Duration};

use aws_sdk_codedeploy::types::{DeploymentInfo, DeploymentStatus, TimeRange};
use aws_smithy_types::DateTime;
use tidegate_core::{Call, PortError};

use super::{BATCH_GET, CodeDeploy, LIST, READS, group};
use crate::port::incomplete;

/// The most deployments one request may ask for.
const BATCH: usize = 25;

/// What is remembered of a deployment.
#[derive(Clone, Debug)]
pub(super) struct Known {
    description: Option<String>,
    created: DateTime,
    ended: bool,
    /// Whether it takes another one back.
    goes_back: bool,
}

/// All deployments of the group, as one complete look-up found them.
#[derive(Debug)]
pub(super) struct Found {
    /// Newest first.
    all: Vec<(String, Known)>,
    fresh: HashMap<String, DeploymentInfo>,
}

impl Found {
    /// The newest with this description.
    pub(super) fn tagged(&self, tag: &str) -> Option<&str> {
        self.described(|description| description == tag)
    }

    /// The newest that was created for any move of a rollout.
    pub(super) fn of_rollout(&self, call: &Call) -> Option<&str> {
        let tag = call.token();
        self.described(|description| is_of_rollout(description, &tag))
    }

    /// What was begun since a time, by anybody, and before one of the deployments (before now, if
    /// absent), newest first, up to the rollout's own. What takes another back was not begun.
    pub(super) fn by_others<'a>(
        &'a self,
        since: DateTime,
        before: Option<&'a str>,
        tag: &'a str,
    ) -> impl Iterator<Item = &'a str> {
        let newer = before.and_then(|id| self.ids().position(|one| one == id));
        let older = self.all.iter().skip(newer.map_or(0, |newer| newer + 1));
        let ours = |known: &Known| {
            known.description.as_deref().is_some_and(|text| is_of_rollout(text, tag))
        };
        older
            .take_while(move |(_, known)| known.created >= since && !ours(known))
            .filter(|(_, known)| !known.goes_back)
            .map(|(id, _)| id.as_str())
    }

    /// One that is not over.
    pub(super) fn live(&self) -> Option<&str> {
        self.all.iter().find(|(_, known)| !known.ended).map(|(id, _)| id.as_str())
    }

    /// All of them, newest first.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(id, _)| id.as_str())
    }

    fn described(&self, fits: impl Fn(&str) -> bool) -> Option<&str> {
        let fits = |known: &Known| known.description.as_deref().is_some_and(&fits);
        self.all.iter().find(|(_, known)| fits(known)).map(|(id, _)| id.as_str())
    }
}

/// Whether a description is the tag of a move of the rollout that this tag is of: its two last numbers,
/// of the move and the route, may differ.
fn is_of_rollout(description: &str, tag: &str) -> bool {
    fn rollout(tag: &str) -> Option<&str> {
        let (rest, route) = tag.rsplit_once('-')?;
        let (rollout, seq) = rest.rsplit_once('-')?;
        let number = |text: &str| text.parse::<u64>().is_ok();
        (number(route) && number(seq)).then_some(rollout)
    }
    rollout(description).is_some_and(|ours| Some(ours) == rollout(tag))
}

/// Whether a deployment is over. A state that nobody here knows is not.
pub(super) fn is_over(status: Option<&DeploymentStatus>) -> bool {
    use DeploymentStatus::{Failed, Stopped, Succeeded};
    matches!(status, Some(Failed | Stopped | Succeeded))
}

impl CodeDeploy {
    /// Looks all deployments of the group through. A listing may be late, and the group names its last
    /// deployment by itself: where nothing listed is under way, that one is read as well.
    pub(super) async fn look_through(&self, action: &str) -> Result<Found, PortError> {
        let mut ids = self.listed(action).await?;
        let mut found = self.read_through(&ids, action).await?;
        if found.live().is_none() {
            let last = group::last_attempted(&self.client, &self.channel, &self.name).await?;
            if let Some(last) = last.filter(|last| !ids.contains(last)) {
                ids.push(last);
                found = self.read_through(&ids, action).await?;
            }
        }
        Ok(found)
    }

    async fn read_through(&self, ids: &[String], action: &str) -> Result<Found, PortError> {
        let unsettled = ids.iter().filter(|id| !self.is_settled(id)).cloned().collect::<Vec<_>>();
        let mut fresh = HashMap::new();
        for batch in unsettled.chunks(BATCH) {
            for info in self.read(batch, action).await? {
                fresh.insert(info.deployment_id().unwrap_or_default().to_owned(), info);
            }
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let all = ids.iter().map(|id| known.get(id).cloned().map(|one| (id.clone(), one)));
        let all = all.collect::<Option<Vec<_>>>();
        drop(known);
        let mut all = all.ok_or_else(|| incomplete(action, "a listed deployment was not read"))?;
        all.sort_by(|(a, one), (b, two)| two.created.cmp(&one.created).then_with(|| b.cmp(a)));
        Ok(Found { all, fresh })
    }

    /// One of the deployments found, as it is now.
    pub(super) async fn now_of(
        &self,
        found: &Found,
        id: &str,
        action: &str,
    ) -> Result<DeploymentInfo, PortError> {
        if let Some(info) = found.fresh.get(id) {
            return Ok(info.clone());
        }
        self.one(id, action).await
    }

    /// One deployment by its id.
    pub(super) async fn one(&self, id: &str, action: &str) -> Result<DeploymentInfo, PortError> {
        let read = self.read(&[id.to_owned()], action).await?;
        let none = || incomplete(action, format!("deployment {id} was not read"));
        read.into_iter().next().ok_or_else(none)
    }

    /// Reads deployments by id: all of them, or none.
    async fn read(&self, ids: &[String], action: &str) -> Result<Vec<DeploymentInfo>, PortError> {
        let request = self.client.batch_get_deployments();
        let request = request.set_deployment_ids(Some(ids.to_vec())).send();
        let reply = self.channel.send(BATCH_GET, READS, action, request).await?;
        let infos = reply.deployments_info.unwrap_or_default();
        let read = |id: &String| infos.iter().any(|info| info.deployment_id() == Some(id));
        if let Some(missing) = ids.iter().find(|id| !read(id)) {
            return Err(incomplete(action, format!("deployment {missing} is not in the answer")));
        }
        self.remember(&infos);
        Ok(infos)
    }

    fn remember(&self, infos: &[DeploymentInfo]) {
        // A map of facts is whole at every instant: a panic elsewhere does not spoil it.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for info in infos {
            let Some((id, created)) = info.deployment_id().zip(info.create_time()) else {
                continue;
            };
            let description = info.description().map(ToOwned::to_owned);
            let undone = info.rollback_info().and_then(|of| of.rollback_triggering_deployment_id());
            let one = Known {
                description,
                created: *created,
                ended: is_over(info.status()),
                goes_back: undone.is_some(),
            };
            known.insert(id.to_owned(), one);
        }
    }

    fn is_settled(&self, id: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(id).is_some_and(|known| known.ended)
    }

    /// The ids of all deployments of the group, as far back as is looked.
    async fn listed(&self, action: &str) -> Result<Vec<String>, PortError> {
        let mut ids = Vec::new();
        let mut token = None;
        for _ in 0..self.options.pages {
            let request = self.client.list_deployments().application_name(&self.name.application);
            let request = request.deployment_group_name(&self.name.group);
            let request = request.create_time_range(self.range()).set_next_token(token).send();
            let reply = self.channel.send(LIST, READS, action, request).await?;
            ids.extend(reply.deployments.unwrap_or_default());
            token = reply.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(ids);
            }
        }
        let pages = self.options.pages;
        Err(incomplete(action, format!("the listing has more than {pages} pages")))
    }

    fn range(&self) -> TimeRange {
        let back = self.options.looks_back.duration();
        TimeRange::builder().start(earlier(self.now(), back)).build()
    }
}

/// An instant before another, in whole seconds.
pub(super) fn earlier(at: DateTime, by: Duration) -> DateTime {
    let by = i64::try_from(by.as_secs()).unwrap_or(i64::MAX);
    DateTime::from_secs(at.secs().saturating_sub(by).max(0))
}

#[cfg(test)]
mod tests {
    use tidegate_core::{Epoch, Generation, Identity, MoveId, Revisions, RolloutId, Seq};

    use super::*;

    #[test]
    fn a_rollout_s_deployments_are_told_from_those_of_targets_with_longer_names() {
        let of = Identity { rollout: RolloutId(2), generation: Generation(1) };
        let call = Call {
            target: "a".into(),
            revisions: Revisions { stable: None, candidate: "2".into() },
            id: MoveId { of, seq: Seq(9) },
            attempt: 1,
            epoch: Epoch(1),
            route: 0,
        };
        let tag = call.token();
        assert!(is_of_rollout("a-1-2-3-0", &tag));
        for other in ["a-1-2-3-4-0", "a-1-3-3-0", "b-1-2-3-0", "a-1-2-x-0", "released by hand", ""]
        {
            assert!(!is_of_rollout(other, &tag), "{other}");
        }
    }
}
