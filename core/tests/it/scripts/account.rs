//! What came of an event, in words: the decision, what is sent, where the rollout stands, and every
//! field of the state that is not as it was.

use std::collections::BTreeMap;

use super::language::{BEGIN, Stage};
use serde_json::Value;
use tidegate_core::{
    Ask, Check, GateRef, HookPlan, IndexSet, Move, Phase, Plan, Reads, Rollout, Step, Timestamp,
    WaitingOn,
};

/// Fields that say nothing new: who and when, what was sent (which has a line of its own), and when
/// traffic was read.
const LEFT_OUT: [&str; 6] =
    ["identity.", "seq", "clock", "call.sent.", "world.traffic.seen.at", "world.kind"];

/// What a field says that nobody has set.
const UNSET: [&str; 7] = ["0", "0s", "0%", "false", "none", "never", "long ago"];

/// Fields that every state has, of whatever phase: one that is not stored any more has changed.
const KEPT: [&str; 16] = [
    "holds",
    "confirm_by",
    "drained",
    "wake",
    "lacking",
    "distrusted",
    "lack_by",
    "reasserted",
    "corrections",
    "calendar",
    "counted",
    "traffic.asked",
    "traffic.matched",
    "late.traffic",
    "late.capacity",
    "late.platform",
];

/// Where the progress of a gate is in a state.
const GATES: [(&str, &str); 2] = [
    ("/phase/gating/gate", "phase.gating.gate"),
    ("/phase/handed_over/run/at_wait/gate", "phase.handed_over.run.at_wait.gate"),
];

/// Fields of a gate's progress that are not stored while they say nothing.
const GATE: [(&str, &str); 9] = [
    ("matched", "none"),
    ("baked", "0s"),
    ("passed", "0"),
    ("approved", "0"),
    ("deferred", "0"),
    ("ask_again", "never"),
    ("signed", "false"),
    ("skipped", "false"),
    ("by", "never"),
];

/// Instants that are stored as nothing when they never come.
const DEADLINES: [&str; 3] = ["drained", ".by", ".until"];

/// Parts of paths that the rest of a line says.
const UNSAID: [(&str, &str); 5] = [
    ("phase.gating.gate.", "gate."),
    ("phase.handed_over.run.at_wait.gate.", "gate."),
    ("phase.", ""),
    ("world.", ""),
    (".total.", "."),
];

/// The state as it was last told.
#[derive(Default)]
pub(super) struct Account {
    told: BTreeMap<String, String>,
}

impl Account {
    /// The rollout as it was opened.
    pub(super) fn opened(&mut self, stage: &Stage) -> String {
        self.told = fields(&stage.state);
        format!("  {}\n", standing(&stage.state, &stage.plan))
    }

    /// What a step did.
    pub(super) fn step(&mut self, stage: &Stage, step: &Step) -> String {
        let decision = &step.decision;
        let mut text = format!("  {}: {}\n", decision.rule, decision.sentence(&stage.plan));
        if let Some(intent) = &step.intent {
            text += &format!("  send {}\n", sent(intent));
        }
        text += &format!("  {}\n", standing(&step.next, &stage.plan));
        let fields = fields(&step.next);
        let new = fields.iter().filter(|(key, value)| self.is_new(key, value));
        let mut changed: Vec<_> = new.map(|(key, value)| format!("{key} {value}")).collect();
        // Fields that say nothing are not stored.
        let gone = self.told.iter().filter(|(key, value)| {
            !fields.contains_key(*key)
                && !UNSET.contains(&value.as_str())
                && KEPT.contains(&key.as_str())
        });
        changed.extend(gone.map(|(key, _)| format!("{key} unset")));
        changed.sort_unstable();
        if !changed.is_empty() {
            text += &format!("  ~ {}\n", changed.join(", "));
        }
        self.told = fields;
        text
    }

    /// Whether a field is not as it was told. One that was not there before is as good as unset.
    fn is_new(&self, key: &str, value: &str) -> bool {
        match self.told.get(key) {
            Some(told) => told != value,
            None => !UNSET.contains(&value),
        }
    }
}

fn sent(intent: &Move) -> String {
    let versions = match &intent.action {
        tidegate_core::Action::Shift { versions: Some(versions), .. } => {
            format!(" over {}", versions.iter().map(ToString::to_string).collect::<String>())
        }
        _ => String::new(),
    };
    let (id, attempt, class) = (intent.id, intent.attempt, intent.class.number());
    let limit = intent.time_limit;
    format!("{}{versions} ({id}, attempt {attempt}, class {class}, within {limit})", intent.action)
}

/// Where a rollout stands: phase, holds, what was decided for good, what comes next.
fn standing(state: &Rollout, plan: &Plan) -> String {
    let mut parts = vec![phase(state.phase())];
    if !state.holds().is_none() {
        parts.push(format!("held ({})", state.holds()));
    }
    let flags = [
        (state.is_first(), "first"),
        (state.is_promoted(), "promoted"),
        (state.is_accepted(), "accepted"),
        (state.is_past_no_return(), "past no return"),
    ];
    parts.extend(flags.into_iter().filter(|(is, _)| *is).map(|(_, name)| name.to_owned()));
    parts.extend(state.successor().map(|by| format!("for {by}")));
    parts.push(format!("asked {}", state.world().traffic.asked));
    if let Some(at) = state.next_deadline() {
        parts.push(format!("due in {}", at.since(state.clock())));
    }
    parts.push(waiting(&state.waiting_on(plan)));
    let reads = reads(&state.wanted_reads(plan), plan);
    if !reads.is_empty() {
        parts.push(format!("reads {reads}"));
    }
    parts.join("; ")
}

/// A phase by its name and place: `gating 2`.
pub(super) fn phase(phase: &Phase) -> String {
    let name = phase.name();
    let at = phase.gate().or_else(|| phase.position().map(|at| GateRef { at, wait: None }));
    at.map_or_else(|| name.to_string(), |at| format!("{name} {}", place(at)))
}

/// A gate without the word.
fn place(gate: GateRef) -> String {
    gate.to_string().replace("gate ", "").replace(".65536", ", all the rest")
}

fn waiting(on: &WaitingOn) -> String {
    match on {
        WaitingOn::Move { id, attempt } => format!("waits for move {id}, attempt {attempt}"),
        WaitingOn::Read(kind) => format!("waits to read {kind:?}").to_lowercase(),
        WaitingOn::Clock { until } => format!("waits until {}", at(*until)),
        WaitingOn::Person(Ask::Start) => "waits for a start".to_owned(),
        WaitingOn::Person(Ask::Approve(gate)) => format!("waits for approval of {gate}"),
        WaitingOn::Person(Ask::Resume) => "waits for a resume".to_owned(),
        WaitingOn::Person(Ask::Decide(None)) => "waits for a decision".to_owned(),
        WaitingOn::Person(Ask::Decide(Some(cause))) => {
            format!("waits for a decision, was {cause}")
        }
        WaitingOn::Rollout(id) => format!("waits for rollout {id}"),
        WaitingOn::Nothing => "over".to_owned(),
    }
}

fn reads(reads: &Reads, plan: &Plan) -> String {
    let checks = |set: IndexSet| names(set, plan.checks(), |check: &Check| &check.name);
    let mut parts = Vec::new();
    if reads.observe {
        parts.push("world".to_owned());
    }
    parts.extend(reads.platform.map(|tag| format!("platform {tag}")));
    if !reads.guards.is_empty() {
        parts.push(format!("guards {}", checks(reads.guards)));
    }
    if !reads.checks.is_empty() {
        parts.push(format!("checks {} from {}", checks(reads.checks), at(reads.gate_since)));
    }
    if !reads.hooks.is_empty() {
        let hooks = names(reads.hooks, plan.hooks(), |hook: &HookPlan| &hook.name);
        parts.push(format!("hooks {hooks}"));
    }
    if reads.calendar {
        parts.push("calendar".to_owned());
    }
    parts.join(", ")
}

fn names<T>(set: IndexSet, all: &[T], name: fn(&T) -> &String) -> String {
    let named: Vec<_> = set.iter().map(|n| name(&all[usize::from(n)]).as_str()).collect();
    named.join(" ")
}

/// An instant by its distance from the script's beginning.
fn at(instant: Timestamp) -> String {
    match instant {
        Timestamp::MAX => "never".to_owned(),
        Timestamp(0) => "long ago".to_owned(),
        past if past < BEGIN => format!("@-{}", BEGIN.since(past)),
        _ => format!("@{}", instant.since(BEGIN)),
    }
}

/// Every field of a state with its value, by its path.
fn fields(state: &Rollout) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let state = serde_json::to_value(state).unwrap();
    flatten("", &state, &mut fields);
    for (at, path) in GATES {
        if state.pointer(at).is_some() {
            for (field, unset) in GATE {
                fields.entry(format!("{path}.{field}")).or_insert_with(|| unset.to_owned());
            }
        }
    }
    fields.retain(|key, _| !LEFT_OUT.iter().any(|left_out| key.starts_with(left_out)));
    let short =
        |key: String| UNSAID.iter().fold(key, |key, (long, short)| key.replace(long, short));
    fields.into_iter().map(|(key, value)| (short(key), value)).collect()
}

/// Whether a count is one of two.
fn apart(path: &str) -> bool {
    path.ends_with(".asked") || path.ends_with(".ready")
}

fn flatten(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let key = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let text = match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| flatten(&key(name), member, fields));
            return;
        }
        Value::Array(items) => {
            let named = items.iter().enumerate();
            named.for_each(|(n, item)| flatten(&key(&n.to_string()), item, fields));
            return;
        }
        Value::Null if DEADLINES.iter().any(|name| path.ends_with(name)) => "never".to_owned(),
        Value::Null => "none".to_owned(),
        // One number where all that were asked for are ready.
        Value::Number(n)
            if path.ends_with(".total") || path.contains(".zones.") && !apart(path) =>
        {
            fields.insert(key("asked"), n.to_string());
            fields.insert(key("ready"), n.to_string());
            return;
        }
        Value::String(text) => text.clone(),
        // Numbers this large are instants.
        Value::Number(n) if n.as_u64().is_some_and(|n| n > BEGIN.0 / 2) => {
            at(Timestamp(n.as_u64().unwrap_or_default()))
        }
        other => other.to_string(),
    };
    fields.insert(path.to_owned(), text);
}
