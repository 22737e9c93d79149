//! AppSpec files: what CodeDeploy is to do on servers, for an ECS service, or for a Lambda function.
//!
//! A file is read into types in which most mistakes can not be written down; what is left is checked by
//! [`AppSpec::check`], which names every problem and its place. A builder's file and a person's pass
//! the same checks. Source: "AppSpec file reference" of the CodeDeploy user guide. This module must not
//! know any client.

mod build;
mod check;
mod read;
mod write;

use std::fmt;

pub use check::{Place, Rule, Violation};
pub use read::AppSpecError;

/// A whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppSpec {
    /// For EC2 instances and on-premises servers.
    Server(ServerSpec),
    /// For a service of ECS.
    Ecs(EcsSpec),
    /// For a Lambda function.
    Lambda(LambdaSpec),
}

/// The operating system of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Linux: has permissions, and its scripts may have an owner.
    Linux,
    /// Windows.
    Windows,
}

/// What is done on servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// Their operating system.
    pub os: Os,
    /// What is copied, in order.
    pub files: Vec<File>,
    /// What is there already stays, is overwritten, or is an error.
    pub file_exists: Option<FileExists>,
    /// Modes and owners, set after copying. Linux only.
    pub permissions: Vec<Permission>,
    /// Scripts by lifecycle event, each event once.
    pub hooks: Vec<(ServerEvent, Vec<Script>)>,
}

/// What happens to a file that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileExists {
    /// The deployment fails.
    Disallow,
    /// It is overwritten.
    Overwrite,
    /// It stays.
    Retain,
}

/// Something to copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// A file or directory of the revision; `/` is all of it. An archive is copied, not unpacked.
    pub source: String,
    /// The directory to put it in.
    pub destination: String,
}

/// Modes and owners of what was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// The file or directory.
    pub object: String,
    /// Which names in it, `**` for all.
    pub pattern: Option<String>,
    /// Names in it that are left alone.
    pub except: Vec<String>,
    /// The owner.
    pub owner: Option<String>,
    /// The group.
    pub group: Option<String>,
    /// Three or four octal digits.
    pub mode: Option<String>,
    /// Entries of access control lists.
    pub acls: Vec<String>,
    /// Whether files, directories or both are meant.
    pub types: Vec<String>,
    /// The labels of SELinux.
    pub context: Option<Context>,
}

/// Labels of SELinux.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The user.
    pub user: Option<String>,
    /// The type.
    pub kind: String,
    /// The range.
    pub range: Option<String>,
}

/// A script of a server's lifecycle event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The script, in the revision.
    pub location: String,
    /// Seconds it may take. An event's scripts together have an hour, which is also the default.
    pub timeout_seconds: Option<u32>,
    /// Who runs it. Linux only.
    pub runas: Option<String>,
}

macro_rules! events {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $event:ident,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$doc])* $event,)+ }

        impl $name {
            /// All that a hook can be for, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$event,)+];

            /// Its name in a file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$event => stringify!($event),)+ }
            }

            /// The event of this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|event| event.name() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

events! {
    /// Lifecycle events of servers that scripts can be run at, in the order of a deployment in place.
    /// (What CodeDeploy does itself, as `DownloadBundle`, `Install` and `AllowTraffic`, has none.) Of a
    /// replacement the original hosts have the `BlockTraffic` pair last.
    ServerEvent {
        /// Before a load balancer takes a host out.
        BeforeBlockTraffic,
        /// After it has.
        AfterBlockTraffic,
        /// With the scripts of the revision before; never on a first deployment.
        ApplicationStop,
        /// Before files are copied.
        BeforeInstall,
        /// After they were.
        AfterInstall,
        /// Starts what was stopped.
        ApplicationStart,
        /// Whether it works.
        ValidateService,
        /// Before a load balancer takes a host in.
        BeforeAllowTraffic,
        /// After it has.
        AfterAllowTraffic,
    }
}

events! {
    /// Lifecycle events of an ECS deployment that a function can be called at, in their order.
    EcsEvent {
        /// Before the new task set; nothing can be rolled back here.
        BeforeInstall,
        /// When it is there.
        AfterInstall,
        /// When test traffic reaches it.
        AfterAllowTestTraffic,
        /// Before production traffic does.
        BeforeAllowTraffic,
        /// After it does.
        AfterAllowTraffic,
    }
}

events! {
    /// Lifecycle events of a Lambda deployment that a function can be called at, in their order.
    LambdaEvent {
        /// Before traffic moves.
        BeforeAllowTraffic,
        /// After it has moved.
        AfterAllowTraffic,
    }
}

/// What is done for a service of ECS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcsSpec {
    /// The ARN of the task definition.
    pub task_definition: String,
    /// The container that gets traffic.
    pub container: String,
    /// Its port.
    pub port: u16,
    /// The version of the platform, on Fargate.
    pub platform_version: Option<String>,
    /// Where tasks are connected; as the service says, if absent.
    pub network: Option<Network>,
    /// Which providers give capacity; as the service says, if empty.
    pub providers: Vec<CapacityProvider>,
    /// Functions by lifecycle event, by name or ARN, each event once.
    pub hooks: Vec<(EcsEvent, String)>,
}

/// Where tasks are connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Ids of subnets.
    pub subnets: Vec<String>,
    /// Ids of security groups.
    pub security_groups: Vec<String>,
    /// Whether tasks get public addresses.
    pub public_ip: bool,
}

/// A part of a service's capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapacityProvider {
    /// Its name.
    pub name: String,
    /// Tasks that it has at least.
    pub base: u32,
    /// Its share of the others.
    pub weight: u32,
}

/// What is done for a Lambda function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LambdaSpec {
    /// What the resource is called in the file.
    pub resource: String,
    /// The function's name.
    pub function: String,
    /// The alias that is moved.
    pub alias: String,
    /// The version it points at.
    pub current_version: String,
    /// The version it is to point at.
    pub target_version: String,
    /// Functions by lifecycle event, by name or ARN, each event once.
    pub hooks: Vec<(LambdaEvent, String)>,
}

impl AppSpec {
    /// The SHA-256 of the file as [`Self::to_json`] writes it, in hexadecimal digits: what CodeDeploy
    /// checks an AppSpec that comes with the request by.
    #[must_use]
    pub fn sha256(&self) -> String {
        crate::codedeploy::sha256(&self.to_json())
    }
}
