//! Shows each release, good and bad, in virtual time, killed once on its way.

use std::{fmt::Write as _, io, process::ExitCode};

use tidegate_aws::fakes::{Fault, When};
use tidegate_aws_scenarios::{
    Course, Release, Stage, blue_green::BlueGreen, mesh::Mesh, model::Model, rolling::Rolling,
    servers::Servers,
};
use tokio::runtime;

fn main() -> ExitCode {
    match shown() {
        Ok(lines) => {
            print!("{lines}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn shown() -> io::Result<String> {
    let mut lines = String::new();
    for course in [Course::Good, Course::Bad] {
        for (name, line) in [
            ("000 ECS behind CodeDeploy", one::<BlueGreen>(course, "CreateDeployment")?),
            ("001 servers in place", one::<Servers>(course, "CreateDeployment")?),
            ("002 two tasks of ECS", one::<Rolling>(course, "UpdateService")?),
            ("003 a model from S3", one::<Model>(course, "CreateDeployment")?),
            ("004 two nodes of a mesh", one::<Mesh>(course, "UpdateRoute")?),
        ] {
            let _ = writeln!(lines, "{name:<26} {course:?}: {line}");
        }
    }
    Ok(lines)
}

/// One release, whose first process is killed when it has just written for the first time.
fn one<R: Release>(course: Course, write: &'static str) -> io::Result<String> {
    let runtime =
        runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    Ok(runtime.block_on(async {
        let stage = Stage::<R>::new(course);
        stage.service.fault(write, When::Nth(1), Fault::Crash { after: true });
        for _ in 0..2 {
            match stage.process().await {
                Ok(Some(end)) => return format!("{end:?}"),
                Ok(None) => {}
                Err(failure) => return format!("{failure:?}"),
            }
        }
        "killed twice".to_owned()
    }))
}
