//! Deployment configurations: AWS's own by name, and custom ones, with what they mean in numbers.
//!
//! Sources: "Working with deployment configurations" and "Minimum healthy hosts" of the CodeDeploy user
//! guide. It must not know any client: nothing is read or created here.

use tidegate_core::{Span, Weight};

/// What AWS's own configurations begin with, and no other may.
pub const PREFIX: &str = "CodeDeployDefault.";
/// From the first shift to the last at most: two days.
const LONGEST: Span = Span::hours(48);
/// One increment at most, in percent: what is not the whole leaves something to follow.
const LARGEST_PERCENT: u16 = 99;

/// How traffic moves to what was deployed on ECS or Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shifting {
    /// All of it at once.
    AllAtOnce,
    /// A part of it, and after an interval the rest.
    Canary {
        /// The part, in whole percent.
        percent: u16,
        /// Whole minutes until the rest follows.
        minutes: u16,
    },
    /// Equal parts at equal intervals.
    Linear {
        /// Each part, in whole percent.
        percent: u16,
        /// Whole minutes between two.
        minutes: u16,
    },
}

/// Why a custom configuration is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name that is AWS's.
    #[error("name {0:?} begins with {PREFIX:?}, which is kept for AWS's own configurations")]
    Reserved(String),
    /// A name that is empty, or too long.
    #[error("a name has 1 to 100 characters; found {0:?}")]
    Name(String),
    /// A part of traffic that is none, or all.
    #[error("an increment is 1 to {LARGEST_PERCENT} percent; found {0}")]
    Percent(u16),
    /// No time between two parts.
    #[error("an interval is at least one minute")]
    Interval,
    /// It takes too long.
    #[error("the last shift is at most {LONGEST} after the first; found {0}")]
    TooLong(Span),
    /// More hosts than a share can say.
    #[error("a share of the fleet is 0 to 100 percent; found {0}")]
    FleetPercent(u32),
}

impl Shifting {
    /// AWS's own configuration of this name, with or without [`PREFIX`]; `None` if it is not one for
    /// ECS or Lambda. (ECS says `Every1Minutes`, and Lambda `Every1Minute`.)
    #[must_use]
    pub fn predefined(name: &str) -> Option<Self> {
        let name = name.strip_prefix(PREFIX).unwrap_or(name);
        PREDEFINED.iter().find(|(known, _)| *known == name).map(|(_, shifting)| *shifting)
    }

    /// The names of all of AWS's own, without [`PREFIX`].
    pub fn names() -> impl Iterator<Item = &'static str> {
        PREDEFINED.iter().map(|(name, _)| *name)
    }

    /// Whether AWS would take it as a custom configuration.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn check(self) -> Result<(), ConfigError> {
        let (Self::Canary { percent, minutes } | Self::Linear { percent, minutes }) = self else {
            return Ok(());
        };
        if !(1..=LARGEST_PERCENT).contains(&percent) {
            return Err(ConfigError::Percent(percent));
        }
        if minutes == 0 {
            return Err(ConfigError::Interval);
        }
        let last = self.steps().last().map_or(Span::ZERO, |(after, _)| *after);
        if last > LONGEST { Err(ConfigError::TooLong(last)) } else { Ok(()) }
    }

    /// The share that the new side has from each instant on, counted from the first shift. The last is
    /// all of it.
    #[must_use]
    pub fn steps(self) -> Vec<(Span, Weight)> {
        match self {
            Self::AllAtOnce => vec![(Span::ZERO, Weight::FULL)],
            Self::Canary { percent, minutes } => {
                let part = (Span::ZERO, Weight::percent(percent.min(100)));
                vec![part, (Span::minutes(minutes.into()), Weight::FULL)]
            }
            Self::Linear { percent, minutes } => {
                let each = percent.clamp(1, 100);
                let count = 100_u16.div_ceil(each);
                let step = |n: u16| {
                    let share = Weight::percent((n + 1).saturating_mul(each).min(100));
                    (Span::minutes(u64::from(n) * u64::from(minutes)), share)
                };
                (0..count).map(step).collect()
            }
        }
    }
}

/// Whether a custom configuration may have this name.
///
/// # Errors
/// When it is AWS's, empty or too long.
pub fn check_name(name: &str) -> Result<(), ConfigError> {
    if name.starts_with(PREFIX) {
        return Err(ConfigError::Reserved(name.to_owned()));
    }
    let fits = (1..=100).contains(&name.chars().count());
    if fits { Ok(()) } else { Err(ConfigError::Name(name.to_owned())) }
}

const fn canary(minutes: u16) -> Shifting {
    Shifting::Canary { percent: 10, minutes }
}

const fn linear(minutes: u16) -> Shifting {
    Shifting::Linear { percent: 10, minutes }
}

const PREDEFINED: &[(&str, Shifting)] = &[
    ("ECSAllAtOnce", Shifting::AllAtOnce),
    ("ECSCanary10Percent5Minutes", canary(5)),
    ("ECSCanary10Percent15Minutes", canary(15)),
    ("ECSLinear10PercentEvery1Minutes", linear(1)),
    ("ECSLinear10PercentEvery3Minutes", linear(3)),
    ("LambdaAllAtOnce", Shifting::AllAtOnce),
    ("LambdaCanary10Percent5Minutes", canary(5)),
    ("LambdaCanary10Percent10Minutes", canary(10)),
    ("LambdaCanary10Percent15Minutes", canary(15)),
    ("LambdaCanary10Percent30Minutes", canary(30)),
    ("LambdaLinear10PercentEvery1Minute", linear(1)),
    ("LambdaLinear10PercentEvery2Minutes", linear(2)),
    ("LambdaLinear10PercentEvery3Minutes", linear(3)),
    ("LambdaLinear10PercentEvery10Minutes", linear(10)),
];

/// How many hosts have to stay healthy while servers are deployed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MinimumHealthy {
    /// So many hosts.
    Hosts(u32),
    /// A share of the fleet, 0 to 100 percent, rounded up to whole hosts.
    FleetPercent(u32),
    /// All but one: `CodeDeployDefault.OneAtATime`, which nobody else can set.
    AllButOne,
}

impl MinimumHealthy {
    /// AWS's own configuration of this name, with or without [`PREFIX`]; `None` if it is not one for
    /// servers.
    #[must_use]
    pub fn predefined(name: &str) -> Option<Self> {
        match name.strip_prefix(PREFIX).unwrap_or(name) {
            "OneAtATime" => Some(Self::AllButOne),
            "HalfAtATime" => Some(Self::FleetPercent(50)),
            "AllAtOnce" => Some(Self::Hosts(0)),
            _ => None,
        }
    }

    /// Whether AWS would take it.
    ///
    /// # Errors
    /// When a share is more than the whole.
    pub const fn check(self) -> Result<(), ConfigError> {
        match self {
            Self::FleetPercent(percent) if percent > 100 => Err(ConfigError::FleetPercent(percent)),
            _ => Ok(()),
        }
    }

    /// How many of `fleet` hosts have to be healthy.
    #[must_use]
    pub fn hosts(self, fleet: u32) -> u32 {
        match self {
            Self::Hosts(hosts) => hosts,
            Self::FleetPercent(percent) => {
                let exact = u64::from(fleet) * u64::from(percent);
                u32::try_from(exact.div_ceil(100)).unwrap_or(u32::MAX)
            }
            Self::AllButOne => fleet.saturating_sub(1),
        }
    }

    /// How many hosts are deployed to at a time, of a fleet that is healthy. None where the deployment
    /// would fail at once.
    #[must_use]
    pub fn at_a_time(self, fleet: u32) -> u32 {
        fleet.saturating_sub(self.hosts(fleet))
    }

    /// How many hosts have to succeed: one at least.
    #[must_use]
    pub fn to_succeed(self, fleet: u32) -> u32 {
        self.hosts(fleet).max(1)
    }

    /// Whether a deployment can begin: one host may be missing while so many are healthy. CodeDeploy
    /// fails it with `HEALTH_CONSTRAINTS_INVALID` otherwise.
    #[must_use]
    pub fn can_begin(self, fleet: u32, healthy: u32) -> bool {
        healthy > 0 && healthy > self.hosts(fleet)
    }
}

/// Servers one zone after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zonal {
    /// Watched after each zone.
    pub monitor: Span,
    /// Watched after the first; as after each, if absent.
    pub monitor_first: Option<Span>,
    /// How many hosts of a zone have to stay healthy.
    pub minimum: MinimumHealthy,
}

impl Default for Zonal {
    /// No time, and no host: what CodeDeploy takes where nothing is said.
    fn default() -> Self {
        Self { monitor: Span::ZERO, monitor_first: None, minimum: MinimumHealthy::FleetPercent(0) }
    }
}

impl Zonal {
    /// How long is watched after the zone of an index, counted from zero.
    #[must_use]
    pub fn watched_after(&self, zone: usize) -> Span {
        if zone == 0 { self.monitor_first.unwrap_or(self.monitor) } else { self.monitor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_predefined_name_says_its_own_numbers() {
        for name in Shifting::names() {
            let digits = name.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
            let numbers: Vec<u16> = digits.filter_map(|part| part.parse().ok()).collect();
            let said = match Shifting::predefined(&format!("{PREFIX}{name}")) {
                Some(Shifting::AllAtOnce) => (name.ends_with("AllAtOnce"), vec![]),
                Some(Shifting::Canary { percent, minutes }) => {
                    (name.contains("Canary"), vec![percent, minutes])
                }
                Some(Shifting::Linear { percent, minutes }) => {
                    (name.contains("Linear"), vec![percent, minutes])
                }
                None => (false, vec![]),
            };
            assert_eq!(said, (true, numbers), "{name}");
        }
        assert_eq!(Shifting::names().count(), 14);
        assert_eq!(Shifting::predefined("ECSLinear10PercentEvery1Minute"), None);
    }

    #[test]
    fn steps_end_with_everything_and_a_remainder_is_the_last() {
        let shares = |shifting: Shifting| {
            let steps = shifting.steps().into_iter();
            steps.map(|(after, share)| (after.0 / 60_000, share.bp())).collect::<Vec<_>>()
        };
        assert_eq!(shares(Shifting::AllAtOnce), [(0, 10_000)]);
        let canary = Shifting::Canary { percent: 25, minutes: 7 };
        assert_eq!(shares(canary), [(0, 2_500), (7, 10_000)]);
        let linear = Shifting::Linear { percent: 40, minutes: 2 };
        assert_eq!(shares(linear), [(0, 4_000), (2, 8_000), (4, 10_000)]);
    }

    #[test]
    fn a_custom_configuration_is_refused_for_each_rule_it_breaks() {
        let linear = |percent, minutes| Shifting::Linear { percent, minutes }.check();
        let canary = |percent, minutes| Shifting::Canary { percent, minutes }.check();
        assert_eq!(canary(0, 5), Err(ConfigError::Percent(0)));
        assert_eq!(canary(100, 5), Err(ConfigError::Percent(100)));
        assert_eq!(linear(10, 0), Err(ConfigError::Interval));
        assert_eq!((canary(99, 2_880), linear(10, 320)), (Ok(()), Ok(())));
        assert_eq!(canary(10, 2_881), Err(ConfigError::TooLong(Span::minutes(2_881))));
        assert_eq!(linear(10, 321), Err(ConfigError::TooLong(Span::minutes(2_889))));
        let reserved = "CodeDeployDefault.Mine".to_owned();
        assert_eq!(check_name(&reserved), Err(ConfigError::Reserved(reserved)));
        assert_eq!(check_name(""), Err(ConfigError::Name(String::new())));
        assert_eq!(check_name("slow"), Ok(()));
        let share = MinimumHealthy::FleetPercent;
        assert_eq!(
            (share(100).check(), share(101).check()),
            (Ok(()), Err(ConfigError::FleetPercent(101)))
        );
    }

    #[test]
    fn minimum_healthy_hosts_are_the_numbers_of_the_guide() {
        // Of nine hosts: at a time, and needed to succeed.
        for (name, at_a_time, to_succeed) in
            [("OneAtATime", 1, 8), ("HalfAtATime", 4, 5), ("AllAtOnce", 9, 1)]
        {
            let minimum = MinimumHealthy::predefined(name);
            let numbers = minimum.map(|one| (one.at_a_time(9), one.to_succeed(9)));
            assert_eq!(numbers, Some((at_a_time, to_succeed)), "{name}");
        }
        let share = MinimumHealthy::FleetPercent(40);
        assert_eq!((share.hosts(9), share.at_a_time(9)), (4, 5));
        assert!(MinimumHealthy::Hosts(1).can_begin(2, 2));
        assert!(!MinimumHealthy::Hosts(1).can_begin(1, 1), "healthy is not above the minimum");
        assert!(!MinimumHealthy::Hosts(0).can_begin(3, 0), "one host at least has to succeed");
    }

    #[test]
    fn the_first_zone_is_watched_as_the_others_unless_told_otherwise() {
        let each = Zonal { monitor: Span::minutes(5), ..Zonal::default() };
        let first = Zonal { monitor_first: Some(Span::minutes(30)), ..each };
        assert_eq!([0, 1].map(|zone| each.watched_after(zone)), [Span::minutes(5); 2]);
        assert_eq!([0, 1].map(|n| first.watched_after(n)), [Span::minutes(30), Span::minutes(5)]);
    }
}
