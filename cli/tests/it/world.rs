//! A quick world and a plan for it, in a folder of their own, and the processes of a test in there.
//!
//! A rollout takes about two seconds of real time, unless it waits for a person.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// Two gates, and a person at each.
const PLAN: &str = "
target: checkout
owner: payments-oncall
strategy:
  canary:
    steps:
      - { weight: 10%, gate: { bake: 50ms, approval: true } }
      - { weight: 50%, gate: { bake: 50ms, approval: true } }
policy: { keep_warm: 50ms, observe_every: 50ms }
";

/// Everything takes milliseconds.
const WORLD: &str = "
propagation: 20ms
drain: 50ms
answers_in: 2ms
stable: { starts_in: 20ms }
candidate: { starts_in: 20ms }
shift: { late_bound: 50ms }
scale: { late_bound: 50ms }
";

/// The folder of one test.
pub(crate) struct Place(TempDir);

impl Place {
    /// With the quick world.
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With more in the world.
    pub(crate) fn with(world: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.path("plan.yaml"), PLAN).unwrap();
        fs::write(place.path("world.yaml"), format!("{WORLD}{world}")).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    /// A command of the program, in this folder and with this journal. What stands between double
    /// quotes is one argument.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        for (n, part) in line.split('"').enumerate() {
            match n % 2 {
                0 => command.args(part.split_whitespace()),
                _ => command.arg(part),
            };
        }
        command.current_dir(self.folder());
        command.env("TIDEGATE_JOURNAL", "j.db").env("USER", "ada");
        command
    }

    /// Runs it to its end.
    pub(crate) fn tidegate(&self, line: &str) -> Output {
        self.command(line).output().unwrap_or_else(|error| panic!("tidegate {line}: {error}"))
    }

    /// Starts the rollout, or goes on with it.
    pub(crate) fn start(&self) -> Running {
        self.start_with("")
    }

    pub(crate) fn start_with(&self, more: &str) -> Running {
        let run = format!("run plan.yaml --world world.yaml --stable v1 --candidate v2 {more}");
        Running::of(&mut self.command(&run))
    }
}

/// No process is silent for so long, however busy the host is.
const SILENT: Duration = Duration::from_secs(120);

/// A process that runs a rollout. Killed when it is dropped.
pub(crate) struct Running {
    child: Child,
    /// Lines of its standard error, until that is closed.
    told: Receiver<String>,
    /// What it has told so far.
    pub(crate) lines: Vec<String>,
}

impl Running {
    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = channel();
        // Ends with the process, or when nobody listens any more.
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|l| tell.send(l)));
        Self { child, told, lines: Vec::new() }
    }

    /// Its next line; none once it has ended.
    fn line(&mut self) -> Option<&str> {
        match self.told.recv_timeout(SILENT) {
            Ok(line) => {
                self.lines.push(line);
                self.lines.last().map(String::as_str)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("silent after {:#?}", self.lines),
        }
    }

    /// Reads on until it tells of something.
    pub(crate) fn until(&mut self, what: &str) {
        assert!(self.tells(what), "no {what:?} in {:#?}", self.lines);
    }

    /// Reads on until it tells of something, or has ended; whether it did tell.
    pub(crate) fn tells(&mut self, what: &str) -> bool {
        while let Some(line) = self.line() {
            if line.contains(what) {
                return true;
            }
        }
        false
    }

    /// The id of the process.
    #[cfg(all(unix, feature = "aws-fakes"))]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// As `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As Ctrl-C or a service manager would end it.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args([OsStr::new("-TERM"), pid.as_ref()]).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end: its exit code, and what it printed.
    pub(crate) fn end(mut self) -> (i32, String) {
        let (code, printed) = self.exit();
        (code.unwrap_or_else(|| panic!("killed: {:#?}", self.lines)), printed)
    }

    /// Waits for its end: its exit code, unless it was killed, and what it printed.
    pub(crate) fn exit(&mut self) -> (Option<i32>, String) {
        while self.line().is_some() {}
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).unwrap();
        (self.child.wait().unwrap().code(), printed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
