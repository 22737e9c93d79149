//! Writing a file. It must not check anything.

use serde_json::{Map, Value, json};

use super::{
    AppSpec, CapacityProvider, EcsSpec, FileExists, LambdaSpec, Network, Os, Permission, Script,
    ServerSpec,
};

impl AppSpec {
    /// The file as JSON, which is YAML as well. The same specification is always the same text.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Server(spec) => server(spec),
            Self::Ecs(spec) => ecs(spec),
            Self::Lambda(spec) => lambda(spec),
        }
        .to_string()
    }
}

/// An object without what is null or empty.
fn present(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    };
    Value::Object(members.into_iter().filter(|(_, value)| says(value)).collect())
}

fn server(spec: &ServerSpec) -> Value {
    let files = spec.files.iter();
    let files: Vec<_> = files
        .map(|file| json!({ "source": file.source, "destination": file.destination }))
        .collect();
    let permissions: Vec<_> = spec.permissions.iter().map(permission).collect();
    let mut hooks = spec.hooks.clone();
    hooks.sort_by_key(|(event, _)| *event);
    let scripts = |scripts: &[Script]| scripts.iter().map(script).collect::<Vec<_>>();
    let hooks = hooks.iter().map(|(event, all)| (event.name().to_owned(), scripts(all).into()));
    present(json!({
        "version": 0.0,
        "os": match spec.os { Os::Linux => "linux", Os::Windows => "windows" },
        "files": files,
        "file_exists_behavior": spec.file_exists.map(|then| match then {
            FileExists::Disallow => "DISALLOW",
            FileExists::Overwrite => "OVERWRITE",
            FileExists::Retain => "RETAIN",
        }),
        "permissions": permissions,
        "hooks": hooks.collect::<Map<_, _>>(),
    }))
}

fn permission(one: &Permission) -> Value {
    let context = one.context.as_ref().map(|context| {
        let (user, kind, range) = (&context.user, &context.kind, &context.range);
        present(json!({ "user": user, "type": kind, "range": range }))
    });
    present(json!({
        "object": one.object,
        "pattern": one.pattern,
        "except": one.except,
        "owner": one.owner,
        "group": one.group,
        "mode": one.mode,
        "acls": one.acls,
        "context": context,
        "type": one.types,
    }))
}

fn script(one: &Script) -> Value {
    let (location, timeout) = (&one.location, one.timeout_seconds);
    present(json!({ "location": location, "timeout": timeout, "runas": one.runas }))
}

fn ecs(spec: &EcsSpec) -> Value {
    let hooks = spec.hooks.iter().map(|(event, function)| json!({ event.name(): function }));
    let properties = present(json!({
        "TaskDefinition": spec.task_definition,
        "LoadBalancerInfo": { "ContainerName": spec.container, "ContainerPort": spec.port },
        "PlatformVersion": spec.platform_version,
        "NetworkConfiguration": spec.network.as_ref().map(network),
        "CapacityProviderStrategy": spec.providers.iter().map(provider).collect::<Vec<_>>(),
    }));
    present(json!({
        "version": 0.0,
        "Resources": [{ "TargetService": {
            "Type": "AWS::ECS::Service",
            "Properties": properties,
        } }],
        "Hooks": hooks.collect::<Vec<_>>(),
    }))
}

fn network(one: &Network) -> Value {
    let public = if one.public_ip { "ENABLED" } else { "DISABLED" };
    json!({ "AwsvpcConfiguration": {
        "Subnets": one.subnets,
        "SecurityGroups": one.security_groups,
        "AssignPublicIp": public,
    } })
}

fn provider(one: &CapacityProvider) -> Value {
    json!({ "CapacityProvider": one.name, "Base": one.base, "Weight": one.weight })
}

fn lambda(spec: &LambdaSpec) -> Value {
    let hooks = spec.hooks.iter().map(|(event, function)| json!({ event.name(): function }));
    present(json!({
        "version": 0.0,
        "Resources": [{ spec.resource.as_str(): {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Name": spec.function,
                "Alias": spec.alias,
                "CurrentVersion": spec.current_version,
                "TargetVersion": spec.target_version,
            },
        } }],
        "Hooks": hooks.collect::<Vec<_>>(),
    }))
}
