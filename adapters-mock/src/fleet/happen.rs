//! What happens by itself when the clock moves.

use tidegate_core::{Arm, CapacityKind, Timestamp, Weight};

use super::{Ends, Fleet};
use crate::faults::Happens;

impl Fleet {
    /// Everything that is due now: what ran before what is only beginning.
    pub(super) fn happen(&mut self) {
        let now = self.now;
        for index in 0..self.sides.len() {
            let how = self.starts(index);
            self.sides[index].settle(now, how);
        }
        for route in &mut self.routes {
            route.settle(now);
        }
        self.land_due();
        self.interfere();
        self.run_platform();
    }

    pub(super) fn next_happening(&self) -> Timestamp {
        let next = self.spec.happenings.get(self.happened);
        next.map_or(Timestamp::MAX, |happening| self.began.after(happening.at))
    }

    fn interfere(&mut self) {
        while self.next_happening() <= self.now {
            let what = self.spec.happenings[self.happened].what;
            self.happened += 1;
            self.befall(what);
        }
    }

    /// Lets something happen now, for scripts that wait for a moment which no clock tells.
    pub fn meddle(&mut self, what: Happens) {
        self.befall(what);
        self.changed();
    }

    fn befall(&mut self, what: Happens) {
        let ends = self.oldest_and_newest();
        match what {
            Happens::PersonShifts { to } => self.write_routes(ends, to),
            Happens::PersonScales { arm, units } => {
                self.set_units(ends.of(arm), units, None, Weight::FULL);
            }
            Happens::Resized { size } => self.resize(size),
            Happens::ReplicasCrash { arm, units } => {
                let how = self.starts(ends.of(arm));
                self.sides[ends.of(arm)].crash(units, how, self.now);
            }
            Happens::ForeignDeployment { lasts } => {
                self.platform.foreign_until = self.now.after(lasts);
            }
        }
    }

    /// The revisions a person sees: the first that has replicas, and the last that is known.
    fn oldest_and_newest(&self) -> Ends {
        let stable = self.sides.iter().position(|side| !side.is_gone()).unwrap_or(0);
        Ends { stable, candidate: self.sides.len() - 1 }
    }

    fn resize(&mut self, size: u32) {
        if self.spec.capacity == CapacityKind::Percent {
            return;
        }
        self.full = self.spread(size);
        let ends = self.oldest_and_newest();
        if self.sides[ends.candidate].is_gone() || ends.stable == ends.candidate {
            self.set_units(ends.of(Arm::Stable), size, None, Weight::FULL);
        }
    }
}
