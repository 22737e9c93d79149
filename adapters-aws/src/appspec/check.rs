//! The rules that types do not hold by themselves. It must not know how a file is written.

use std::{collections::BTreeSet, fmt};

use super::{AppSpec, EcsSpec, LambdaSpec, Os, Permission, Script, ServerEvent, ServerSpec};

/// All scripts of one lifecycle event together, in seconds.
const LONGEST: u64 = 3_600;

/// A place in a file: the keys that lead there, and positions in lists, counted from zero.
pub type Place = String;

/// A rule that a file can break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// A text that says nothing.
    #[error("is empty")]
    Empty,
    /// A source that leads out of the revision.
    #[error("leads out of the revision: {0:?}")]
    Outside(String),
    /// A destination that is no absolute path.
    #[error("is not an absolute path: {0:?}")]
    NotAbsolute(String),
    /// Something that Windows has not.
    #[error("is for Linux only")]
    LinuxOnly,
    /// A mode that is none.
    #[error("is not a mode of three or four octal digits: {0:?}")]
    Mode(String),
    /// A kind of object that is neither.
    #[error("is neither \"file\" nor \"directory\": {0:?}")]
    ObjectType(String),
    /// No time, or more than there is.
    #[error("takes 1 to {LONGEST} seconds; found {0}")]
    Timeout(u32),
    /// Scripts of one event that together take too long.
    #[error("its scripts may take {0} seconds together; an event has {LONGEST}")]
    EventTooLong(u64),
    /// An event without a script.
    #[error("has no script")]
    NoScript,
    /// One event twice.
    #[error("is there twice")]
    Twice,
    /// Nothing is done.
    #[error("copies nothing and runs nothing")]
    Nothing,
    /// A port that is none.
    #[error("is not a port: 0")]
    Port,
    /// A revision of a task definition that is none.
    #[error("is no task definition, as family:revision or an ARN: {0:?}")]
    TaskDefinition(String),
    /// A version that is none, or may change.
    #[error("is no published version: {0:?}")]
    Version(String),
    /// It would move nothing.
    #[error("is the current version already: {0:?}")]
    SameVersion(String),
}

/// A broken rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} {rule}")]
pub struct Violation {
    /// Where.
    pub place: Place,
    /// What.
    pub rule: Rule,
}

/// Collects what is broken.
#[derive(Debug, Default)]
struct Found(Vec<Violation>);

impl Found {
    fn note(&mut self, broken: bool, place: impl fmt::Display, rule: impl FnOnce() -> Rule) {
        if broken {
            self.0.push(Violation { place: place.to_string(), rule: rule() });
        }
    }

    fn text(&mut self, text: &str, place: impl fmt::Display) {
        self.note(text.trim().is_empty(), place, || Rule::Empty);
    }

    fn hooks<E: Ord + Copy + fmt::Display>(&mut self, hooks: &[(E, String)]) {
        let mut seen = BTreeSet::new();
        for (event, function) in hooks {
            self.text(function, format_args!("Hooks.{event}"));
            self.note(!seen.insert(*event), format_args!("Hooks.{event}"), || Rule::Twice);
        }
    }
}

impl AppSpec {
    /// Every rule that it breaks; none if CodeDeploy would take it, as far as the file alone tells.
    #[must_use]
    pub fn check(&self) -> Vec<Violation> {
        let mut found = Found::default();
        match self {
            Self::Server(spec) => server(spec, &mut found),
            Self::Ecs(spec) => ecs(spec, &mut found),
            Self::Lambda(spec) => lambda(spec, &mut found),
        }
        found.0
    }
}

fn server(spec: &ServerSpec, found: &mut Found) {
    let idle = spec.files.is_empty() && spec.hooks.is_empty();
    found.note(idle, "the file", || Rule::Nothing);
    for (n, file) in spec.files.iter().enumerate() {
        found.text(&file.source, format_args!("files[{n}].source"));
        let outside = file.source.split(['/', '\\']).any(|part| part == "..");
        let source = || Rule::Outside(file.source.clone());
        found.note(outside, format_args!("files[{n}].source"), source);
        let relative = !is_absolute(&file.destination, spec.os);
        let destination = || Rule::NotAbsolute(file.destination.clone());
        found.note(relative, format_args!("files[{n}].destination"), destination);
    }
    let windows = spec.os == Os::Windows && !spec.permissions.is_empty();
    found.note(windows, "permissions", || Rule::LinuxOnly);
    for (n, one) in spec.permissions.iter().enumerate() {
        permission(one, n, found);
    }
    let mut seen = BTreeSet::new();
    for (event, scripts) in &spec.hooks {
        found.note(!seen.insert(*event), format_args!("hooks.{event}"), || Rule::Twice);
        hook(*event, scripts, spec.os, found);
    }
}

fn is_absolute(path: &str, os: Os) -> bool {
    match os {
        Os::Linux => path.starts_with('/'),
        Os::Windows => {
            let mut chars = path.chars();
            let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic());
            drive && chars.next() == Some(':') && matches!(chars.next(), Some('\\' | '/'))
        }
    }
}

fn permission(one: &Permission, n: usize, found: &mut Found) {
    let relative = !is_absolute(&one.object, Os::Linux);
    let object = || Rule::NotAbsolute(one.object.clone());
    found.note(relative, format_args!("permissions[{n}].object"), object);
    if let Some(mode) = &one.mode {
        let octal = mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        let fits = octal && (3..=4).contains(&mode.len());
        found.note(!fits, format_args!("permissions[{n}].mode"), || Rule::Mode(mode.clone()));
    }
    for kind in &one.types {
        let known = ["file", "directory"].contains(&kind.as_str());
        let rule = || Rule::ObjectType(kind.clone());
        found.note(!known, format_args!("permissions[{n}].type"), rule);
    }
}

fn hook(event: ServerEvent, scripts: &[Script], os: Os, found: &mut Found) {
    found.note(scripts.is_empty(), format_args!("hooks.{event}"), || Rule::NoScript);
    for (n, script) in scripts.iter().enumerate() {
        found.text(&script.location, format_args!("hooks.{event}[{n}].location"));
        let outside = script.location.split(['/', '\\']).any(|part| part == "..");
        let location = || Rule::Outside(script.location.clone());
        found.note(outside, format_args!("hooks.{event}[{n}].location"), location);
        if let Some(seconds) = script.timeout_seconds {
            let fits = (1..=LONGEST).contains(&u64::from(seconds));
            let rule = || Rule::Timeout(seconds);
            found.note(!fits, format_args!("hooks.{event}[{n}].timeout"), rule);
        }
        let windows = os == Os::Windows && script.runas.is_some();
        found.note(windows, format_args!("hooks.{event}[{n}].runas"), || Rule::LinuxOnly);
    }
    let all: u64 = scripts.iter().filter_map(|one| one.timeout_seconds).map(u64::from).sum();
    let several = scripts.len() > 1 && all > LONGEST;
    found.note(several, format_args!("hooks.{event}"), || Rule::EventTooLong(all));
}

fn ecs(spec: &EcsSpec, found: &mut Found) {
    let at = "Resources[0].TargetService.Properties";
    let revision = spec.task_definition.rsplit_once(':').map(|(_, revision)| revision);
    let known = revision.is_some_and(|revision| revision.parse::<u32>().is_ok_and(|n| n > 0));
    let rule = || Rule::TaskDefinition(spec.task_definition.clone());
    found.note(!known, format_args!("{at}.TaskDefinition"), rule);
    found.text(&spec.container, format_args!("{at}.LoadBalancerInfo.ContainerName"));
    let port = format_args!("{at}.LoadBalancerInfo.ContainerPort").to_string();
    found.note(spec.port == 0, port, || Rule::Port);
    found.hooks(&spec.hooks);
}

fn lambda(spec: &LambdaSpec, found: &mut Found) {
    let at = format!("Resources[0].{}.Properties", spec.resource);
    found.text(&spec.resource, "Resources[0]");
    found.text(&spec.function, format_args!("{at}.Name"));
    found.text(&spec.alias, format_args!("{at}.Alias"));
    for (key, version) in
        [("CurrentVersion", &spec.current_version), ("TargetVersion", &spec.target_version)]
    {
        let known = version.parse::<u64>().is_ok_and(|n| n > 0);
        let rule = || Rule::Version(version.clone());
        found.note(!known, format_args!("{at}.{key}"), rule);
    }
    let same = spec.current_version == spec.target_version;
    let rule = || Rule::SameVersion(spec.target_version.clone());
    found.note(same, format_args!("{at}.TargetVersion"), rule);
    found.hooks(&spec.hooks);
}
