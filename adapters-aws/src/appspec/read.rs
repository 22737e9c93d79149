//! Reading a file, YAML or JSON. The only file here that knows which library reads YAML.

use std::{collections::BTreeMap, str::FromStr};

use serde::Deserialize;

use super::{
    AppSpec, CapacityProvider, Context, EcsEvent, EcsSpec, File, FileExists, LambdaEvent,
    LambdaSpec, Network, Os, Permission, Script, ServerEvent, ServerSpec, Violation,
};

/// Why a text is no AppSpec that CodeDeploy would take.
#[derive(Debug, thiserror::Error)]
pub enum AppSpecError {
    /// No YAML, an unknown or missing key, or a value of another kind. Says line and column.
    #[error("{0}")]
    Syntax(String),
    /// Another version of the format.
    #[error("version is {0}; expected 0.0, the only one there is")]
    Version(f64),
    /// A value that is none of those there are.
    #[error("{place} is {found:?}; expected one of {expected}")]
    Unknown {
        /// Where.
        place: String,
        /// What was found.
        found: String,
        /// What there is.
        expected: String,
    },
    /// A key that is missing for this kind of file.
    #[error("{0} is missing")]
    Missing(String),
    /// A key that belongs to another kind of file.
    #[error("{0} does not belong into this kind of file")]
    Misplaced(&'static str),
    /// Something other than one resource.
    #[error("Resources has {0} entries; expected one")]
    Resources(usize),
    /// Rules that the file breaks.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Broken(Vec<Violation>),
}

impl FromStr for AppSpec {
    type Err = AppSpecError;

    fn from_str(text: &str) -> Result<Self, AppSpecError> {
        let options = serde_saphyr::options! {
            duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
            strict_booleans: true,
            with_snippet: false,
        };
        let raw: Raw = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| AppSpecError::Syntax(error.to_string()))?;
        let spec = raw.parsed()?;
        let violations = spec.check();
        if violations.is_empty() { Ok(spec) } else { Err(AppSpecError::Broken(violations)) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: f64,
    os: Option<String>,
    files: Option<Vec<RawFile>>,
    file_exists_behavior: Option<String>,
    permissions: Option<Vec<RawPermission>>,
    hooks: Option<BTreeMap<String, Vec<RawScript>>>,
    #[serde(rename = "Resources")]
    resources: Option<Vec<BTreeMap<String, RawResource>>>,
    #[serde(rename = "Hooks")]
    functions: Option<Vec<BTreeMap<String, String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    source: String,
    destination: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPermission {
    object: String,
    pattern: Option<String>,
    except: Option<Vec<String>>,
    owner: Option<String>,
    group: Option<String>,
    mode: Option<Text>,
    acls: Option<Vec<String>>,
    context: Option<RawContext>,
    #[serde(rename = "type")]
    types: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawContext {
    user: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    range: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    location: String,
    timeout: Option<u32>,
    runas: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawResource {
    r#type: String,
    properties: RawProperties,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawProperties {
    task_definition: Option<String>,
    load_balancer_info: Option<RawBalancer>,
    platform_version: Option<String>,
    network_configuration: Option<RawNetwork>,
    capacity_provider_strategy: Option<Vec<RawProvider>>,
    name: Option<String>,
    alias: Option<String>,
    current_version: Option<Text>,
    target_version: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawBalancer {
    container_name: String,
    container_port: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawNetwork {
    awsvpc_configuration: RawVpc,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawVpc {
    subnets: Vec<String>,
    security_groups: Option<Vec<String>>,
    assign_public_ip: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawProvider {
    capacity_provider: String,
    base: Option<u32>,
    weight: Option<u32>,
}

/// A text that people write without quotes: a mode, a version.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Number(u64),
    Text(String),
}

impl Text {
    fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

fn unknown(place: impl Into<String>, found: &str, expected: impl Into<String>) -> AppSpecError {
    let (place, found, expected) = (place.into(), found.to_owned(), expected.into());
    AppSpecError::Unknown { place, found, expected }
}

fn misplaced<T>(value: Option<&T>, key: &'static str) -> Result<(), AppSpecError> {
    value.map_or(Ok(()), |_| Err(AppSpecError::Misplaced(key)))
}

fn listed(names: impl Iterator<Item = &'static str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

impl Raw {
    fn parsed(self) -> Result<AppSpec, AppSpecError> {
        if self.version != 0.0 {
            return Err(AppSpecError::Version(self.version));
        }
        match self.resources {
            None => self.server(),
            Some(_) => self.resource(),
        }
    }

    fn server(self) -> Result<AppSpec, AppSpecError> {
        misplaced(self.functions.as_ref(), "Hooks")?;
        let os = match self.os.as_deref() {
            Some("linux") => Os::Linux,
            Some("windows") => Os::Windows,
            Some(other) => return Err(unknown("os", other, "linux, windows")),
            None => return Err(AppSpecError::Missing("os (or Resources)".to_owned())),
        };
        let file_exists = self.file_exists_behavior.map(|then| match then.as_str() {
            "DISALLOW" => Ok(FileExists::Disallow),
            "OVERWRITE" => Ok(FileExists::Overwrite),
            "RETAIN" => Ok(FileExists::Retain),
            other => Err(unknown("file_exists_behavior", other, "DISALLOW, OVERWRITE, RETAIN")),
        });
        let file = |raw: RawFile| File { source: raw.source, destination: raw.destination };
        let mut hooks = Vec::new();
        for (name, scripts) in self.hooks.unwrap_or_default() {
            let events = || listed(ServerEvent::ALL.iter().map(|event| event.name()));
            let event = ServerEvent::named(&name);
            let event = event.ok_or_else(|| unknown("an event of hooks", &name, events()))?;
            hooks.push((event, scripts.into_iter().map(RawScript::parsed).collect()));
        }
        hooks.sort_by_key(|(event, _)| *event);
        let permissions = self.permissions.unwrap_or_default().into_iter();
        Ok(AppSpec::Server(ServerSpec {
            os,
            files: self.files.unwrap_or_default().into_iter().map(file).collect(),
            file_exists: file_exists.transpose()?,
            permissions: permissions.map(RawPermission::parsed).collect(),
            hooks,
        }))
    }

    fn resource(self) -> Result<AppSpec, AppSpecError> {
        misplaced(self.os.as_ref(), "os")?;
        misplaced(self.files.as_ref(), "files")?;
        misplaced(self.file_exists_behavior.as_ref(), "file_exists_behavior")?;
        misplaced(self.permissions.as_ref(), "permissions")?;
        misplaced(self.hooks.as_ref(), "hooks")?;
        let mut resources: Vec<_> = self.resources.into_iter().flatten().flatten().collect();
        let count = resources.len();
        let one = resources.pop().filter(|_| count == 1);
        let (name, resource) = one.ok_or(AppSpecError::Resources(count))?;
        let hooks: Vec<_> = self.functions.into_iter().flatten().flatten().collect();
        match resource.r#type.as_str() {
            "AWS::ECS::Service" => resource.properties.ecs(hooks),
            "AWS::Lambda::Function" => resource.properties.lambda(name, hooks),
            other => {
                let place = format!("Resources[0].{name}.Type");
                Err(unknown(place, other, "AWS::ECS::Service, AWS::Lambda::Function"))
            }
        }
    }
}

impl RawScript {
    fn parsed(self) -> Script {
        Script { location: self.location, timeout_seconds: self.timeout, runas: self.runas }
    }
}

impl RawPermission {
    fn parsed(self) -> Permission {
        let context = self.context.map(|raw| {
            let range = raw.range.map(Text::text);
            Context { user: raw.user, kind: raw.kind, range }
        });
        Permission {
            object: self.object,
            pattern: self.pattern,
            except: self.except.unwrap_or_default(),
            owner: self.owner,
            group: self.group,
            mode: self.mode.map(Text::text),
            acls: self.acls.unwrap_or_default(),
            types: self.types.unwrap_or_default(),
            context,
        }
    }
}

impl RawProperties {
    fn ecs(self, functions: Vec<(String, String)>) -> Result<AppSpec, AppSpecError> {
        misplaced(self.name.as_ref(), "Name")?;
        misplaced(self.alias.as_ref(), "Alias")?;
        misplaced(self.current_version.as_ref(), "CurrentVersion")?;
        misplaced(self.target_version.as_ref(), "TargetVersion")?;
        let balancer = self.load_balancer_info.ok_or_else(|| missing("LoadBalancerInfo"))?;
        let providers = self.capacity_provider_strategy.unwrap_or_default().into_iter();
        let provider = |raw: RawProvider| CapacityProvider {
            name: raw.capacity_provider,
            base: raw.base.unwrap_or_default(),
            weight: raw.weight.unwrap_or_default(),
        };
        let mut hooks = Vec::new();
        for (name, function) in functions {
            let events = || listed(EcsEvent::ALL.iter().map(|event| event.name()));
            let event = EcsEvent::named(&name);
            let event = event.ok_or_else(|| unknown("an event of Hooks", &name, events()))?;
            hooks.push((event, function));
        }
        Ok(AppSpec::Ecs(EcsSpec {
            task_definition: self.task_definition.ok_or_else(|| missing("TaskDefinition"))?,
            container: balancer.container_name,
            port: balancer.container_port,
            platform_version: self.platform_version,
            network: self.network_configuration.map(RawNetwork::parsed).transpose()?,
            providers: providers.map(provider).collect(),
            hooks,
        }))
    }

    fn lambda(
        self,
        resource: String,
        functions: Vec<(String, String)>,
    ) -> Result<AppSpec, AppSpecError> {
        misplaced(self.task_definition.as_ref(), "TaskDefinition")?;
        misplaced(self.load_balancer_info.as_ref(), "LoadBalancerInfo")?;
        misplaced(self.platform_version.as_ref(), "PlatformVersion")?;
        misplaced(self.network_configuration.as_ref(), "NetworkConfiguration")?;
        misplaced(self.capacity_provider_strategy.as_ref(), "CapacityProviderStrategy")?;
        let mut hooks = Vec::new();
        for (name, function) in functions {
            let events = || listed(LambdaEvent::ALL.iter().map(|event| event.name()));
            let event = LambdaEvent::named(&name);
            let event = event.ok_or_else(|| unknown("an event of Hooks", &name, events()))?;
            hooks.push((event, function));
        }
        let version = |text: Option<Text>, key| text.map(Text::text).ok_or_else(|| missing(key));
        Ok(AppSpec::Lambda(LambdaSpec {
            resource,
            function: self.name.ok_or_else(|| missing("Name"))?,
            alias: self.alias.ok_or_else(|| missing("Alias"))?,
            current_version: version(self.current_version, "CurrentVersion")?,
            target_version: version(self.target_version, "TargetVersion")?,
            hooks,
        }))
    }
}

fn missing(key: &str) -> AppSpecError {
    AppSpecError::Missing(format!("Resources[0]: {key}"))
}

impl RawNetwork {
    fn parsed(self) -> Result<Network, AppSpecError> {
        let vpc = self.awsvpc_configuration;
        let public_ip = match vpc.assign_public_ip.as_deref() {
            None | Some("DISABLED") => false,
            Some("ENABLED") => true,
            Some(other) => return Err(unknown("AssignPublicIp", other, "ENABLED, DISABLED")),
        };
        let security_groups = vpc.security_groups.unwrap_or_default();
        Ok(Network { subnets: vpc.subnets, security_groups, public_ip })
    }
}
