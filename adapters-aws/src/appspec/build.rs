//! Building specifications step by step. What a builder makes is checked like what a person writes.

use super::{
    AppSpec, EcsEvent, EcsSpec, File, FileExists, LambdaEvent, LambdaSpec, Os, Permission, Script,
    ServerEvent, ServerSpec, Violation,
};

impl ServerSpec {
    /// For servers of an operating system; nothing is copied or run yet.
    #[must_use]
    pub fn new(os: Os) -> Self {
        let (files, permissions, hooks) = (Vec::new(), Vec::new(), Vec::new());
        Self { os, files, file_exists: None, permissions, hooks }
    }

    /// Copies something of the revision.
    #[must_use]
    pub fn file(mut self, source: impl Into<String>, destination: impl Into<String>) -> Self {
        self.files.push(File { source: source.into(), destination: destination.into() });
        self
    }

    /// Says what happens to files in the way.
    #[must_use]
    pub const fn file_exists(mut self, then: FileExists) -> Self {
        self.file_exists = Some(then);
        self
    }

    /// Sets modes and owners.
    #[must_use]
    pub fn permission(mut self, permission: Permission) -> Self {
        self.permissions.push(permission);
        self
    }

    /// Runs a script at an event, after those already there.
    #[must_use]
    pub fn run(mut self, at: ServerEvent, script: Script) -> Self {
        match self.hooks.iter_mut().find(|(event, _)| *event == at) {
            Some((_, scripts)) => scripts.push(script),
            None => self.hooks.push((at, vec![script])),
        }
        self
    }

    /// The whole file.
    ///
    /// # Errors
    /// Every rule it breaks.
    pub fn build(self) -> Result<AppSpec, Vec<Violation>> {
        checked(AppSpec::Server(self))
    }
}

impl Script {
    /// A script with an hour, run by whoever runs the agent.
    #[must_use]
    pub fn new(location: impl Into<String>) -> Self {
        Self { location: location.into(), timeout_seconds: None, runas: None }
    }

    /// With fewer seconds.
    #[must_use]
    pub const fn within(mut self, seconds: u32) -> Self {
        self.timeout_seconds = Some(seconds);
        self
    }
}

impl EcsSpec {
    /// Brings a task definition, whose container gets traffic at a port.
    #[must_use]
    pub fn new(
        task_definition: impl Into<String>,
        container: impl Into<String>,
        port: u16,
    ) -> Self {
        let (task_definition, container) = (task_definition.into(), container.into());
        let (providers, hooks) = (Vec::new(), Vec::new());
        let (platform_version, network) = (None, None);
        Self { task_definition, container, port, platform_version, network, providers, hooks }
    }

    /// Calls a function at an event.
    #[must_use]
    pub fn call(mut self, at: EcsEvent, function: impl Into<String>) -> Self {
        self.hooks.push((at, function.into()));
        self
    }

    /// The whole file.
    ///
    /// # Errors
    /// Every rule it breaks.
    pub fn build(self) -> Result<AppSpec, Vec<Violation>> {
        checked(AppSpec::Ecs(self))
    }
}

impl LambdaSpec {
    /// Moves an alias of a function from one version to another.
    #[must_use]
    pub fn new(
        function: impl Into<String>,
        alias: impl Into<String>,
        current_version: impl Into<String>,
        target_version: impl Into<String>,
    ) -> Self {
        let function = function.into();
        Self {
            resource: function.clone(),
            function,
            alias: alias.into(),
            current_version: current_version.into(),
            target_version: target_version.into(),
            hooks: Vec::new(),
        }
    }

    /// Calls a function at an event.
    #[must_use]
    pub fn call(mut self, at: LambdaEvent, function: impl Into<String>) -> Self {
        self.hooks.push((at, function.into()));
        self
    }

    /// The whole file.
    ///
    /// # Errors
    /// Every rule it breaks.
    pub fn build(self) -> Result<AppSpec, Vec<Violation>> {
        checked(AppSpec::Lambda(self))
    }
}

fn checked(spec: AppSpec) -> Result<AppSpec, Vec<Violation>> {
    let violations = spec.check();
    if violations.is_empty() { Ok(spec) } else { Err(violations) }
}
