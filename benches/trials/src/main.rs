//! Prints the tables of docs/judges.md, or writes them into it.

use std::{env, fs, io, num::NonZeroUsize, process::ExitCode, thread, time::Instant};

use tidegate_trials::{
    goals::Goals,
    tables::{Session, TABLES},
};

const USAGE: &str = "\
usage: tidegate-trials [--seed N] [--runs full|quick] [--only TABLE,...] [--threads N] [--write FILE]

Gives simulated rollouts to the judges, and prints how they fare beside the goals, in Markdown.

  --seed N        seed of all runs (default 1)
  --runs WHICH    full (default), or quick: a twentieth of the runs
  --only TABLES   these tables alone, by name and with commas between
  --threads N     threads; they do not change the figures (default: one a core)
  --write FILE    writes the tables between the markers of this file instead of printing them
";

/// What stands around the tables in a file that they are written into.
const MARKERS: (&str, &str) = ("<!-- tables: begin -->\n", "<!-- tables: end -->\n");

/// What was asked for.
struct Options {
    session: Session,
    only: Vec<String>,
    write: Option<String>,
}

fn main() -> ExitCode {
    let done = match Options::parse(env::args().skip(1)) {
        Err(wrong) => Err(format!("{wrong}\n\n{USAGE}")),
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Ok(Some(options)) => options.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprint!("{wrong}");
            ExitCode::from(2)
        }
    }
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let session = Session { seed: 1, threads, thinned: 1 };
        let mut options = Self { session, only: Vec::new(), write: None };
        while let Some(word) = words.next() {
            if word == "--help" {
                return Ok(None);
            }
            let value = words.next().ok_or_else(|| format!("{word} wants a value"))?;
            let wrong = || format!("{word} does not take {value}");
            match word.as_str() {
                "--seed" => options.session.seed = value.parse().map_err(|_| wrong())?,
                "--threads" => options.session.threads = value.parse().map_err(|_| wrong())?,
                "--runs" => {
                    options.session.thinned = match value.as_str() {
                        "full" => 1,
                        "quick" => 20,
                        _ => return Err(wrong()),
                    };
                }
                "--only" => {
                    options.only = value.split(',').map(str::to_owned).collect();
                    let known = |name: &String| TABLES.iter().any(|(table, _)| table == name);
                    if !options.only.iter().all(known) {
                        let names: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
                        return Err(format!("{}; tables: {}", wrong(), names.join(", ")));
                    }
                }
                "--write" => options.write = Some(value),
                _ => return Err(format!("{word} is not an option")),
            }
        }
        Ok(Some(options))
    }

    fn run(&self) -> Result<(), String> {
        let mut goals = Goals::default();
        let mut text = String::new();
        let wanted = |name: &str| self.only.is_empty() || self.only.iter().any(|one| one == name);
        for (name, table) in TABLES.iter().filter(|(name, _)| wanted(name)) {
            let started = Instant::now();
            text += &table(self.session, &mut goals);
            text.push('\n');
            eprintln!("{name}: {:.1} s", started.elapsed().as_secs_f64());
        }
        let seed = self.session.seed;
        let text = format!("Seed {seed}. {}\n{}\n", goals.summary(), text.trim_end());
        match &self.write {
            None => print!("{text}"),
            Some(file) => write(file, &text).map_err(|error| format!("{file}: {error}\n"))?,
        }
        Ok(())
    }
}

/// Puts the tables between the markers of a file.
fn write(file: &str, tables: &str) -> io::Result<()> {
    let (begin, end) = MARKERS;
    let old = fs::read_to_string(file)?;
    let parts = old.split_once(begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(end)?;
        Some((before, after))
    });
    let (before, after) = parts.ok_or_else(|| io::Error::other("has no markers for the tables"))?;
    fs::write(file, format!("{before}{begin}\n{tables}\n{end}{after}"))
}
