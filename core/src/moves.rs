//! Intended changes of the world. Every move is absolute, and is journalled before it is sent.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Arm, Extra, MoveId, PlatformAbility, SafetyClass, Span, Versions, Wait, Weight,
    capability::{Capabilities, Operation},
};

/// What a move does. Absolute: carrying it out twice is carrying it out once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Make the arm's revision exist, with so many units.
    Provision {
        /// Which arm.
        arm: Arm,
        /// Units in total, or in the zone.
        units: u32,
        /// The zone, where they are taken one after another.
        zone: Option<u8>,
    },
    /// Give an arm so many units. Going down, an adapter removes unready ones first.
    Scale {
        /// Which arm.
        arm: Arm,
        /// Units in total, or in the zone.
        units: u32,
        /// The zone, where they are taken one after another.
        zone: Option<u8>,
    },
    /// Give the candidate this share of what both arms get on every route, stable the rest.
    Shift {
        /// The candidate's share.
        to: Weight,
        /// What the routes said of themselves when this was decided; sent with a class-1 call.
        versions: Option<Versions>,
    },
    /// Set the share of copied requests, and whether test traffic reaches the candidate.
    Mirror {
        /// Both, absolutely.
        to: Extra,
    },
    /// Remove an arm. Retiring stable is the point of no return.
    Retire {
        /// Which arm.
        arm: Arm,
    },
    /// Hand the stage over to the platform.
    Start,
    /// Let a wait point of the platform go.
    Release {
        /// Which wait, and no other at the same point.
        wait: Wait,
    },
    /// Tell the platform to go back.
    Stop,
    /// Deploy the previous revision again, after the platform is done.
    Redeploy,
}

impl Action {
    /// What the target offers for this action.
    #[must_use]
    pub fn operation(&self, caps: &Capabilities) -> Operation {
        let platform = |pick: fn(&PlatformAbility) -> Operation| {
            caps.platform.as_ref().map_or(caps.scale, pick)
        };
        match self {
            Self::Shift { .. } | Self::Mirror { .. } => caps.shift,
            Self::Provision { .. } | Self::Scale { .. } | Self::Retire { .. } => caps.scale,
            Self::Start | Self::Redeploy => platform(|p| p.start),
            Self::Release { .. } | Self::Stop => platform(|p| p.control),
        }
    }

    /// What the action acts on.
    #[must_use]
    pub const fn surface(&self) -> Surface {
        match self {
            Self::Shift { .. } | Self::Mirror { .. } => Surface::Traffic,
            Self::Provision { .. } | Self::Scale { .. } | Self::Retire { .. } => Surface::Capacity,
            Self::Start | Self::Release { .. } | Self::Stop | Self::Redeploy => Surface::Platform,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_zone = |zone: &Option<u8>| {
            zone.map_or_else(String::new, |index| format!(" in zone {}", index + 1))
        };
        match self {
            Self::Provision { arm, units, zone } => {
                write!(f, "provision {arm} with {units}{}", in_zone(zone))
            }
            Self::Scale { arm, units, zone } => {
                write!(f, "scale {arm} to {units}{}", in_zone(zone))
            }
            Self::Shift { to, .. } => write!(f, "shift {to} to the candidate"),
            Self::Mirror { to } => {
                let test = if to.test { "on" } else { "off" };
                write!(f, "mirror {}, test traffic {test}", to.mirror)
            }
            Self::Retire { arm } => write!(f, "retire {arm}"),
            Self::Start => f.write_str("start the platform's deployment"),
            Self::Release { wait } => write!(f, "release the platform's wait point {wait}"),
            Self::Stop => f.write_str("tell the platform to go back"),
            Self::Redeploy => f.write_str("redeploy the previous revision"),
        }
    }
}

/// What calls act on. Calls of different surfaces can not overwrite each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// The router.
    Traffic,
    /// The deployer.
    Capacity,
    /// A platform that sets its own pace.
    Platform,
}

/// An intent: what the engine is to send, once the record that holds it is durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Move {
    /// Kept across retries.
    pub id: MoveId,
    /// 1 for the first sending, one more for each retry.
    pub attempt: u8,
    /// What to do.
    pub action: Action,
    /// What the target offers for it.
    pub class: SafetyClass,
    /// How long a call may take before its outcome counts as unknown.
    pub time_limit: Span,
}
