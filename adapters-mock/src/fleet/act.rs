//! What a call does once it has arrived.

use tidegate_core::{Arm, Call, SafetyClass, Split, Version, Weight};

use super::{Ends, Fate, Fleet, Request, routes::NOWHERE};

impl Fleet {
    /// Why the target never accepts this call, whatever its state.
    pub(super) fn refusal(
        &self,
        call: &Call,
        request: &Request,
        ends: Ends,
    ) -> Option<&'static str> {
        if ends.stable == NOWHERE || ends.candidate == NOWHERE {
            return Some("there is no room for another revision");
        }
        match request {
            Request::Shift { .. } if self.spec.routerless => Some("there is no router"),
            Request::Shift { .. } if usize::from(call.route) >= self.routes.len() => {
                Some("there is no such route")
            }
            Request::Shift { to, .. } => {
                let weight = to.to_candidate();
                (weight.on_grid(self.spec.grid) != weight).then_some("the weight is off the grid")
            }
            Request::Mirror(to) if to.mirror > Weight::ZERO && !self.spec.mirror => {
                Some("requests can not be copied")
            }
            Request::Mirror(to) if to.test && !self.spec.test_traffic => {
                Some("there is no test traffic")
            }
            Request::Provision { zone: Some(zone), .. }
            | Request::Scale { zone: Some(zone), .. } => {
                (usize::from(*zone) >= self.spec.zones.len()).then_some("there is no such zone")
            }
            Request::Start | Request::Release(_) | Request::Stop | Request::Redeploy => {
                self.spec.platform.is_none().then_some("there is no platform")
            }
            _ => None,
        }
    }

    /// Does it, for `share` of the replicas or routes.
    pub(super) fn act(
        &mut self,
        entry: usize,
        request: &Request,
        ends: Ends,
        share: Weight,
    ) -> Fate {
        match request {
            Request::Shift { to, version } => {
                let route = usize::from(self.log[entry].route);
                return self.set_split(route, *to, version.as_ref(), ends, share);
            }
            Request::Mirror(to) => {
                self.extra = *to;
                self.extra_to = ends.candidate;
            }
            Request::Provision { arm, units, zone } | Request::Scale { arm, units, zone } => {
                self.set_units(ends.of(*arm), *units, *zone, share);
            }
            Request::Retire(arm) => self.remove(*arm, ends),
            Request::Start => {
                return self.start_deployment(self.log[entry].tag.clone(), ends, false);
            }
            Request::Redeploy => {
                return self.start_deployment(self.log[entry].tag.clone(), ends, true);
            }
            Request::Release(wait) => self.release_wait(*wait),
            Request::Stop => self.stop_deployment(),
        }
        Fate::Done(self.now)
    }

    fn set_split(
        &mut self,
        route: usize,
        to: Split,
        version: Option<&Version>,
        ends: Ends,
        share: Weight,
    ) -> Fate {
        let reached = share.bp() as usize * self.routes.len() / 10_000;
        if route >= reached {
            return Fate::Vanished;
        }
        let conditional = self.spec.shift.class == SafetyClass::CompareAndSet;
        let seen_at = self.now.after(self.spec.propagation);
        let route = &mut self.routes[route];
        let expected = version.and_then(|version| version.as_str().parse::<u64>().ok());
        if conditional && expected != Some(route.version) {
            return Fate::Conflicted;
        }
        let shares = route.shares_for(ends.stable, ends.candidate, to.to_candidate());
        route.write(shares, seen_at);
        route.settle(self.now);
        Fate::Done(self.now)
    }

    pub(super) fn set_units(&mut self, side: usize, units: u32, zone: Option<u8>, share: Weight) {
        let how = self.starts(side);
        let wanted = match zone {
            None => self.spread(units),
            Some(zone) => {
                let mut wanted = self.sides[side].asked;
                wanted[usize::from(zone)] = units;
                wanted
            }
        };
        let touched = |index: usize| zone.is_none_or(|zone| usize::from(zone) == index);
        for (index, units) in wanted.into_iter().enumerate().filter(|(index, _)| touched(*index)) {
            self.sides[side].set(index, units, share, how, self.now);
        }
    }

    fn remove(&mut self, arm: Arm, ends: Ends) {
        self.sides[ends.of(arm)].retire();
    }
}
