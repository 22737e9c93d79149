//! Releases on AWS from end to end: what each assumes to be there, the plan, and the adapters that carry it
//! out, over stateful fakes of the services.
//!
//! | | release |
//! | --- | --- |
//! | [`blue_green`] (000) | a service of ECS behind CodeDeploy, all traffic at once, old tasks ended after five minutes |
//! | [`servers`] (001) | CodeDeploy on servers, one healthy at least, with a rollback of the group's own |
//! | [`rolling`] (002) | two tasks of ECS behind a target group, replaced by ECS a few at a time |
//! | [`model`] (003) | a model on servers from S3, with hooks of 300 s, watched and taken back |
//! | [`mesh`] (004) | a tenth of the requests between two nodes of App Mesh, then all or none |
//!
//! `cargo run -p tidegate-aws-scenarios` shows each of them, good and bad, in virtual time. What is here is
//! for reading. [`Release::set_up`] makes what a release assumes through the SDK, for emulators. What a release
//! needs beside is a journal that outlives the process, and clients with credentials.

pub mod blue_green;
mod group;
pub mod mesh;
pub mod model;
pub mod rolling;
pub mod servers;
mod stage;
mod watch;

pub use stage::{Course, Failure, Release, SetUpError, Stage, carry_out};
pub use watch::Watch;
