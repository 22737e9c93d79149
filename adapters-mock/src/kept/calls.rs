//! The file of a kept world: what it was made from, then every call, one a line, oldest first.
//!
//! A process holds the file's lock while it reads what others have added and adds its own call. Of
//! a line that a killed process left half, the call was never sent. Nothing is synced: the file
//! outlives a process, not the host.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tidegate_core::{Call, HookAnswer, Query, Revisions, Span, Target, Timestamp};

use super::{KeptError, Origin};
use crate::fleet::{Fleet, Request};

/// A call of any port, with all that its answer hangs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Asked {
    Traffic(Target, Revisions),
    Capacity(Revisions),
    Platform(Target, String),
    Look(Query),
    Hook(String),
    Send(Call, Request),
}

/// A line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: Timestamp,
    asked: Asked,
}

/// The file, and the world as of the last line read of it.
#[derive(Debug)]
pub(super) struct Calls {
    path: PathBuf,
    file: File,
    /// Bytes and lines of it that were read.
    read_to: u64,
    lines: usize,
    fleet: Fleet,
    last: Timestamp,
    /// How often each hook was asked.
    asked: BTreeMap<String, usize>,
}

impl Calls {
    /// Opens a file, or begins one with `origin`. The world, and when it began.
    pub(super) fn open(path: &Path, origin: &Origin) -> Result<(Self, Timestamp), KeptError> {
        let io = |source| KeptError::Io { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let mut calls = Self {
            path: path.to_owned(),
            file: file.map_err(io)?,
            read_to: 0,
            lines: 0,
            fleet: Fleet::new(origin.spec.clone(), origin.seed),
            last: Timestamp::default(),
            asked: BTreeMap::new(),
        };
        let found = calls.locked(|calls| {
            let mut lines = calls.unread()?.into_iter();
            let Some(first) = lines.next() else {
                calls.add(origin)?;
                return Ok(origin.clone());
            };
            let found: Origin = calls.parse(&first)?;
            // The rest is read before the first call.
            calls.read_to = first.len() as u64;
            Ok(found)
        })?;
        let differs = |what| Err(KeptError::Other { path: path.to_owned(), what });
        match origin {
            one if one.target != found.target => differs("target"),
            one if one.seed != found.seed => differs("seed"),
            one if one.speed != found.speed => differs("speed"),
            one if one.spec != found.spec => differs("world file"),
            _ => {
                let spec = found.spec;
                calls.fleet = Fleet::beginning_at(spec, found.seed, found.began);
                Ok((calls, found.began))
            }
        }
    }

    /// The world at `now`, with what every process has sent.
    pub(super) fn look<T>(
        &mut self,
        now: Timestamp,
        look: impl FnOnce(&mut Fleet) -> T,
    ) -> Result<T, KeptError> {
        self.locked(|calls| {
            calls.catch_up()?;
            // A look must not move the world past a call that another process sends next.
            let mut fleet = calls.fleet.clone();
            fleet.advance_to(now);
            Ok(look(&mut fleet))
        })
    }

    /// How long a read takes; longer than any limit where its answer never comes.
    pub(super) fn answer_time(&self, never: bool) -> Span {
        self.fleet.answer_time(never)
    }

    /// Keeps a call, then carries it out.
    pub(super) fn call<T>(
        &mut self,
        now: Timestamp,
        asked: Asked,
        carry_out: impl FnOnce(&mut Fleet) -> T,
    ) -> Result<T, KeptError> {
        self.locked(|calls| {
            calls.catch_up()?;
            // The clocks of two processes may differ a little; time never goes back.
            let line = Line { at: now.max(calls.last), asked };
            calls.add(&line)?;
            calls.last = line.at;
            calls.fleet.advance_to(line.at);
            Ok(carry_out(&mut calls.fleet))
        })
    }

    /// What a hook answers when it is asked next, as the world's script says; one without a script
    /// approves.
    pub(super) fn ask(&mut self, now: Timestamp, hook: &str) -> Result<HookAnswer, KeptError> {
        self.call(now, Asked::Hook(hook.to_owned()), |_| ())?;
        let turn = self.asked.entry(hook.to_owned()).or_default();
        let answers = self.fleet.spec().hooks.get(hook);
        let answer = answers.and_then(|answers| answers.get(*turn).or(answers.last())).copied();
        *turn += 1;
        Ok(answer.unwrap_or(HookAnswer::Approved))
    }

    fn locked<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, KeptError>,
    ) -> Result<T, KeptError> {
        self.file.lock().map_err(|error| self.io(error))?;
        let result = run(self);
        self.file.unlock().map_err(|error| self.io(error))?;
        result
    }

    /// Lets the fleet have what other processes have sent.
    fn catch_up(&mut self) -> Result<(), KeptError> {
        for text in self.unread()? {
            let Line { at, asked } = self.parse(&text)?;
            self.last = self.last.max(at);
            self.fleet.advance_to(at);
            self.again(&asked);
        }
        Ok(())
    }

    /// The same call once more. Its answer was for whoever called.
    fn again(&mut self, asked: &Asked) {
        let fleet = &mut self.fleet;
        match asked {
            Asked::Traffic(target, revisions) => drop(fleet.read_traffic(target, revisions)),
            Asked::Capacity(revisions) => drop(fleet.read_capacity(revisions)),
            Asked::Platform(target, tag) => drop(fleet.platform(target, tag)),
            Asked::Look(query) => drop(fleet.look(query)),
            Asked::Send(call, request) => drop(fleet.send(call, request.clone())),
            Asked::Hook(hook) => *self.asked.entry(hook.clone()).or_default() += 1,
        }
    }

    /// Whole lines that were not read yet; a half one at the end is cut off.
    fn unread(&mut self) -> Result<Vec<String>, KeptError> {
        let read = |calls: &mut Self| -> io::Result<String> {
            let mut text = String::new();
            calls.file.seek(SeekFrom::Start(calls.read_to))?;
            calls.file.read_to_string(&mut text)?;
            let whole = text.rfind('\n').map_or(0, |at| at + 1);
            if whole < text.len() {
                calls.file.set_len(calls.read_to + whole as u64)?;
            }
            text.truncate(whole);
            Ok(text)
        };
        let text = read(self).map_err(|error| self.io(error))?;
        self.read_to += text.len() as u64;
        Ok(text.split_inclusive('\n').map(str::to_owned).collect())
    }

    /// Adds a line at the end, where this process has read to.
    fn add<T: Serialize>(&mut self, line: &T) -> Result<(), KeptError> {
        let add = |calls: &mut Self| -> io::Result<()> {
            let text = serde_json::to_string(line)? + "\n";
            calls.file.seek(SeekFrom::Start(calls.read_to))?;
            calls.file.write_all(text.as_bytes())?;
            calls.read_to += text.len() as u64;
            calls.lines += 1;
            Ok(())
        };
        add(self).map_err(|error| self.io(error))
    }

    fn parse<T: DeserializeOwned>(&mut self, text: &str) -> Result<T, KeptError> {
        self.lines += 1;
        let (path, line) = (self.path.clone(), self.lines);
        serde_json::from_str(text).map_err(|why| KeptError::Line { path, line, why })
    }

    fn io(&self, source: io::Error) -> KeptError {
        KeptError::Io { path: self.path.clone(), source }
    }
}
