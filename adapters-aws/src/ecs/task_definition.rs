//! Revisions as ECS names them: task definitions. It must not know any client.

use tidegate_core::{Arm, PortError, Revision, Revisions};

use crate::port::refused;

/// What stands before a task definition's own name in its ARN.
const IN_ARN: &str = "task-definition/";

/// Two task definitions, one for each arm.
#[derive(Clone, Debug)]
pub(super) struct Definitions {
    stable: Option<String>,
    candidate: String,
}

impl Definitions {
    /// The task definitions of both arms.
    ///
    /// # Errors
    /// When one is no task definition with a revision, or both are the same.
    pub(super) fn of(revisions: &Revisions, action: &str) -> Result<Self, PortError> {
        let stable = revisions.stable.as_ref().map(|stable| checked(stable, action)).transpose()?;
        let candidate = checked(&revisions.candidate, action)?;
        if stable.as_ref().is_some_and(|stable| is_same(stable, &candidate)) {
            return Err(refused(action, format!("both arms are task definition {candidate}")));
        }
        Ok(Self { stable, candidate })
    }

    /// That of one arm; absent for a stable arm that does not exist.
    pub(super) fn get(&self, arm: Arm) -> Option<&str> {
        match arm {
            Arm::Stable => self.stable.as_deref(),
            Arm::Candidate => Some(&self.candidate),
        }
    }

    /// Whose a task definition is; neither's if absent.
    pub(super) fn arm(&self, definition: &str) -> Option<Arm> {
        let is = |arm| self.get(arm).is_some_and(|known| is_same(known, definition));
        [Arm::Candidate, Arm::Stable].into_iter().find(|arm| is(*arm))
    }
}

/// A family without a number would stand for whatever was registered last.
fn checked(revision: &Revision, action: &str) -> Result<String, PortError> {
    let text = revision.as_str();
    let named = name(text).rsplit_once(':').is_some_and(|(family, number)| {
        !family.is_empty() && !family.contains(['/', ':']) && number.parse::<u32>().is_ok()
    });
    if named {
        return Ok(text.to_owned());
    }
    let why = format!("revision {text:?} is no task definition: an ARN, or family:revision");
    Err(refused(action, why))
}

fn is_same(one: &str, other: &str) -> bool {
    let both_whole = one.contains(IN_ARN) && other.contains(IN_ARN);
    if both_whole { one == other } else { name(one) == name(other) }
}

/// `family:revision`.
fn name(text: &str) -> &str {
    text.rsplit_once(IN_ARN).map_or(text, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/shop:7";

    fn of(stable: &str, candidate: &str) -> Result<Definitions, PortError> {
        let revisions = Revisions { stable: Some(stable.into()), candidate: candidate.into() };
        Definitions::of(&revisions, "test")
    }

    #[test]
    fn a_name_and_its_arn_are_one_and_two_arns_are_compared_whole() {
        let both = of("shop:6", "shop:7").unwrap();
        assert_eq!(both.arm(ARN), Some(Arm::Candidate));
        assert_eq!(both.arm("shop:6"), Some(Arm::Stable));
        assert_eq!(both.arm("shop:66"), None);
        let elsewhere = ARN.replace("eu-central-1", "eu-west-1");
        assert_eq!(of("shop:6", ARN).unwrap().arm(&elsewhere), None);
        assert!(of("shop:7", ARN).is_err(), "the arms can not be told apart");
    }

    #[test]
    fn a_family_without_a_number_is_refused() {
        for text in ["shop", "shop:", "shop:latest", ":7", "", "a/b:7"] {
            assert!(of("shop:6", text).is_err(), "{text}");
        }
    }
}
