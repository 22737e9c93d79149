//! The words of scripts: one line an event.
//!
//! ```text
//! [+5s] start | pause | resume | promote-full | abort | retry | accept | give-up | supersede r9
//! [+5s] approve 1 | deny 1.2 | promote 1@step        a gate: stage, batch, wait point
//! [+5s] ack | retryable | permanent | ambiguous | conflict    an answer to what was last sent
//! [+5s] observe                                      the world of the script is read
//! [+5s] guard errors fail | check errors pass        a verdict
//! [+5s] hook smoke approved
//! [+5s] calendar frozen +9s | open +9s | shut never  what it says, and until when
//! [+5s] freed | freed other                          the rollout before is over; who serves
//! [+5s] deadline                                     it is said that one has come
//! wait                                               the clock goes on to the next deadline
//! [+5s] clock +3s | clock -3s                        rollout time is moved
//! ```
//!
//! `+5s` lets time pass first. The script has a world of its own, which follows a move that is
//! acknowledged (`ack unseen`: not). Words with `=` change it, before it is read and after it
//! followed: `weight=20` or `weight=10-20`, `other=5`, `stable=4/3` for four asked and three ready,
//! `candidate.1=2/2` for the second zone, `full=6`, `mirror=10`, `test=on`, `version=7`,
//! `platform=running` or `platform=step+9s` for a wait point that expires.
//!
//! Other words with `=` speak of the event: `without=traffic,capacity` for parts that could not be
//! read, `began=-1s` and `from=-1s` for when a reading or a window began, `answers=3:1` for an answer
//! to the first attempt of move 3, `past=limit` for a verdict that is missing for too long,
//! `because=words`.

use std::collections::BTreeMap;

use super::{account::phase, plans};
use tidegate_core::{
    Action, Answer, Arm, CalendarState, CallState, CapacityKind, CheckIndex, Command, Event, Extra,
    GateRef, Generation, HookAnswer, HookIndex, Identity, Judged, Move, MoveId, Observation, Order,
    Outcome, Plan, PlatformSeen, Position, Reading, Role, Rollout, RolloutId, SafetyClass,
    SeenCapacity, SeenTraffic, Seq, Span, Step, Timestamp, Units, Verdict, Version, Wait, WaitId,
    WaitPoint, Weight, Window, World,
};

/// Noon on the first of July 2026, a Wednesday: when every script begins.
pub(super) const BEGIN: Timestamp = Timestamp(1_782_907_200_000);

/// A rollout, and the world around it.
pub(super) struct Stage {
    pub(super) plan: Plan,
    pub(super) state: Rollout,
    pub(super) now: Timestamp,
    /// What was last sent.
    sent: Option<Move>,
    /// The world as it is.
    world: World,
    version: u32,
    platform: PlatformSeen,
}

type Words<'a> = BTreeMap<&'a str, &'a str>;

impl Stage {
    /// Opens a rollout of the plan of this name.
    pub(super) fn open(name: &str) -> Option<Self> {
        let (name, after) = match name.split_once(", behind r") {
            Some((name, before)) => (name, Some(RolloutId(before.parse().ok()?))),
            None => (name, None),
        };
        let (plan, mut world) = plans::named(name)?;
        if let Some(seen) = &mut world.traffic.seen {
            seen.at = BEGIN;
        }
        let id = Identity { rollout: RolloutId(1), generation: Generation(1) };
        let state = match after {
            None => Rollout::open(id, &plan, &world, BEGIN),
            Some(before) => Rollout::open_after(id, &plan, &world, BEGIN, before),
        };
        let state = state.next;
        let platform = PlatformSeen::Absent;
        Some(Self { plan, state, now: BEGIN, sent: None, world, version: 1, platform })
    }

    pub(super) fn adopt(&mut self, step: &Step) {
        self.state = step.next.clone();
        // A step of the clock moves what the clock shows.
        self.now = self.state.clock();
        if step.intent.is_some() {
            self.sent.clone_from(&step.intent);
        }
    }

    /// Goes a way without telling it: events with `;` between them, and `go gating 2` for a world in
    /// which all goes well until the rollout is there.
    pub(super) fn given(&mut self, way: &str) -> Result<(), String> {
        for words in way.split(';').map(str::trim) {
            match words.strip_prefix("go ") {
                Some(phase) => self.go(phase)?,
                None => {
                    let event = self.event(words)?;
                    let step = self.state.apply(&self.plan, self.now, &event);
                    self.adopt(&step.map_err(|ignored| format!("{words}: {ignored}"))?);
                }
            }
        }
        Ok(())
    }

    fn go(&mut self, to: &str) -> Result<(), String> {
        for _ in 0..100 {
            if phase(self.state.phase()) == to {
                return Ok(());
            }
            let under_way = self.state.outstanding().map(|call| call.state);
            let checks = self.state.wanted_reads(&self.plan).checks;
            let guards = self.state.unjudged(&self.plan);
            let tries = match under_way {
                Some(CallState::InFlight { .. }) => vec!["ack".to_owned()],
                _ => {
                    let name = |n: u8| &self.plan.checks()[usize::from(n)].name;
                    let judged = guards.iter().map(|n| format!("guard {} pass", name(n)));
                    let passes = checks.iter().map(|n| format!("check {} pass", name(n)));
                    let world = ["observe", "wait"].map(str::to_owned);
                    passes.chain(judged).chain(world).collect()
                }
            };
            let happens = |words: &String| {
                let event = self.event(words).ok()?;
                self.state.apply(&self.plan, self.now, &event).ok()
            };
            let Some(step) = tries.iter().find_map(happens) else {
                return Err(format!("stuck before {to}"));
            };
            self.adopt(&step);
        }
        Err(format!("never {to}"))
    }

    /// The event that a line speaks of; the clock and the world of the script move with it.
    pub(super) fn event(&mut self, line: &str) -> Result<Event, String> {
        let mut words: Vec<_> = line.split_whitespace().collect();
        if let Some(later) = words.first().and_then(|word| word.strip_prefix('+')) {
            self.now = self.now.after(span(later)?);
            words.remove(0);
        }
        let options: Words<'_> = words.iter().filter_map(|word| word.split_once('=')).collect();
        words.retain(|word| !word.contains('='));
        let (verb, rest) = words.split_first().ok_or("an empty event")?;
        if *verb != "ack" {
            self.change(&options)?;
        }
        match (*verb, rest) {
            ("ack" | "retryable" | "throttled" | "permanent" | "ambiguous" | "conflict", rest) => {
                self.answer(verb, rest.contains(&"unseen"), &options)
            }
            ("observe", []) => self.observation(&options),
            ("guard" | "check" | "history", [check, verdict]) => {
                self.verdict(verb, check, verdict, &options)
            }
            ("hook", [hook, answer]) => self.hook(hook, answer),
            ("calendar", [says, until]) => self.calendar(says, until),
            ("freed", serves) => {
                let world = Box::new(self.world.clone());
                Ok(Event::Freed { world, stable_serves: serves.is_empty() })
            }
            ("deadline", []) => Ok(Event::DeadlineReached),
            ("wait", []) => {
                self.now = self.state.next_deadline().unwrap_or(self.now).max(self.now);
                Ok(Event::DeadlineReached)
            }
            ("unread", [lost]) => Ok(Event::ReadsThrottled { lost: span(lost)? }),
            ("clock", [by]) => Ok(Event::ClockStepped { by_ms: signed(by)? }),
            ("set", ["back"]) => Ok(Event::SetBack { drawn: 1 }),
            (order, rest) => command(order, rest, &options),
        }
    }

    fn answer(&mut self, word: &str, unseen: bool, options: &Words<'_>) -> Result<Event, String> {
        let sent = self.sent.clone().ok_or("nothing was sent")?;
        let outcome = match word {
            "ack" => Outcome::Accepted,
            "retryable" => Outcome::Retryable,
            "throttled" => Outcome::Throttled,
            "permanent" => Outcome::Permanent,
            "ambiguous" => Outcome::Ambiguous,
            _ => Outcome::Conflict,
        };
        if outcome == Outcome::Accepted && !unseen {
            self.follow(&sent.action);
            self.change(options)?;
        }
        let mut answer = Answer { id: sent.id, attempt: sent.attempt, outcome };
        if let Some((seq, attempt)) = options.get("answers").and_then(|to| to.split_once(':')) {
            answer.id = MoveId { seq: Seq(number(seq)?), ..sent.id };
            answer.attempt = number(attempt)?;
        }
        Ok(Event::Answered(answer))
    }

    /// The world does as it was told.
    fn follow(&mut self, action: &Action) {
        let world = &mut self.world;
        match *action {
            Action::Shift { to, .. } => {
                self.version += 1;
                if let Some(seen) = &mut world.traffic.seen {
                    (seen.low, seen.high) = (to, to);
                }
            }
            Action::Mirror { to } => world.extra.seen = Some(to),
            Action::Provision { arm, units, zone } | Action::Scale { arm, units, zone } => {
                set(world, arm, zone, Units::steady(units));
            }
            Action::Retire { arm } => *world.arm_mut(arm) = Default::default(),
            Action::Start | Action::Release { .. } => self.platform = PlatformSeen::Running,
            Action::Stop => self.platform = PlatformSeen::RolledBack,
            Action::Redeploy => self.platform = PlatformSeen::Succeeded,
        }
    }

    /// Somebody or something changes the world.
    fn change(&mut self, options: &Words<'_>) -> Result<(), String> {
        let world = &mut self.world;
        for (key, value) in options {
            let seen = world.traffic.seen.as_mut().ok_or("no traffic")?;
            match key.split_once('.').unwrap_or((key, "")) {
                ("weight", _) => {
                    let (low, high) = value.split_once('-').unwrap_or((value, value));
                    (seen.low, seen.high) = (weight(low)?, weight(high)?);
                }
                ("other", _) => seen.other = weight(value)?,
                ("mirror", _) => extra(world).mirror = weight(value)?,
                ("test", _) => extra(world).test = *value == "on",
                ("full", "") => world.full = number(value)?,
                ("full", zone) => {
                    world.full_by_zone[number::<usize>(zone)?] = number(value)?;
                    world.full = world.full_by_zone.iter().sum();
                }
                ("version", _) => self.version = number(value)?,
                ("platform", _) => self.platform = platform(value, self.now)?,
                (arm @ ("stable" | "candidate"), zone) => {
                    let arm = if arm == "stable" { Arm::Stable } else { Arm::Candidate };
                    let zone = (!zone.is_empty()).then(|| number(zone)).transpose()?;
                    set(world, arm, zone, units(value)?);
                }
                ("without" | "began" | "from" | "answers" | "past" | "because", _) => {}
                _ => return Err(format!("what is {key}={value}?")),
            }
        }
        Ok(())
    }

    fn observation(&self, options: &Words<'_>) -> Result<Event, String> {
        let world = &self.world;
        let began = options.get("began").map_or(Ok(0), |began| signed(began))?;
        let without = options.get("without").copied().unwrap_or_default();
        let read = |part: &str| !without.split(',').any(|left_out| left_out == part);
        let routed = !world.follows_capacity();
        let counted = world.kind != CapacityKind::Elastic;
        let ordered = self.plan.capabilities().shift.class == SafetyClass::CompareAndSet;
        let traffic = world
            .traffic
            .seen
            .filter(|_| routed && read("traffic"))
            .map(|seen| SeenTraffic { at: self.now, ..seen });
        let version = || [Version::from(format!("v{}", self.version))].into();
        let capacity = SeenCapacity {
            full: world.full,
            full_by_zone: world.full_by_zone,
            stable: world.stable,
            candidate: world.candidate,
        };
        let asked = self.state.wanted_reads(&self.plan).platform.is_some();
        let told = self.plan.is_platform_paced() && (asked || options.contains_key("platform"));
        Ok(Event::Observed(Box::new(Observation {
            began: self.now.moved(began),
            traffic,
            versions: (ordered && traffic.is_some() && read("versions")).then(version),
            extra: world.extra.seen.filter(|_| routed && read("extra")),
            capacity: (counted && read("capacity")).then_some(capacity),
            platform: (told && read("platform")).then_some(self.platform),
        })))
    }

    fn verdict(
        &self,
        role: &str,
        check: &str,
        verdict: &str,
        options: &Words<'_>,
    ) -> Result<Event, String> {
        let place = self.plan.checks().iter().position(|known| known.name == check);
        let role = match role {
            "guard" => Role::Guard,
            "check" => Role::Gate,
            _ => Role::History,
        };
        let verdict = Verdict::ALL.into_iter().find(|v| v.to_string().replace(' ', "-") == verdict);
        let since = self.state.wanted_reads(&self.plan).gate_since;
        let from = if role == Role::Gate { since.max(BEGIN) } else { self.now.moved(-1_000) };
        let from = from.moved(options.get("from").map_or(Ok(0), |from| signed(from))?);
        let reading = Reading {
            candidate: Some(0.02),
            limit: Some(0.01),
            samples: 100,
            looks: 3,
            failed: 1,
            ..Reading::default()
        };
        Ok(Event::Judged(Judged {
            check: CheckIndex(place.map_or(99, |n| u8::try_from(n).unwrap_or(99))),
            role,
            verdict: verdict.ok_or("no such verdict")?,
            past_limit: options.contains_key("past"),
            window: Window { from, to: self.now },
            reading,
        }))
    }

    fn hook(&self, hook: &str, answer: &str) -> Result<Event, String> {
        let place = self.plan.hooks().iter().position(|known| known.name == hook);
        let answer = match answer {
            "approved" => HookAnswer::Approved,
            "denied" => HookAnswer::Denied,
            "wait" => HookAnswer::Wait,
            "failed" => HookAnswer::Failed,
            _ => return Err(format!("no hook answers {answer}")),
        };
        let hook = HookIndex(place.map_or(99, |n| u8::try_from(n).unwrap_or(99)));
        Ok(Event::HookAnswered { hook, answer })
    }

    fn calendar(&self, says: &str, until: &str) -> Result<Event, String> {
        let until = match until {
            "never" => Timestamp::MAX,
            later => self.now.moved(signed(later)?),
        };
        let (frozen, open) = (says == "frozen", says != "shut");
        Ok(Event::CalendarRead(CalendarState { frozen, open, until }))
    }
}

fn command(order: &str, rest: &[&str], options: &Words<'_>) -> Result<Event, String> {
    let order = match (order, rest) {
        ("start", []) => Order::Start,
        ("pause", []) => Order::Pause,
        ("resume", []) => Order::Resume,
        ("promote-full", []) => Order::PromoteFull,
        ("abort", []) => Order::Abort,
        ("retry", []) => Order::Retry,
        ("accept", []) => Order::Accept,
        ("give-up", []) => Order::GiveUp,
        ("supersede", [by]) => {
            Order::Supersede { by: RolloutId(number(by.trim_start_matches('r'))?) }
        }
        ("approve", [at]) => Order::Approve(gate(at)?),
        ("deny", [at]) => Order::Deny(gate(at)?),
        ("promote", [at]) => Order::Promote(gate(at)?),
        _ => return Err(format!("what is {order:?}?")),
    };
    let reason = options.get("because").copied().unwrap_or_default().to_owned();
    let id = tidegate_core::CommandId(1);
    Ok(Event::Command(Command { id, actor: "ada".into(), reason, order }))
}

/// A gate as `1`, `1.2` for its second batch, or `1@step` for a platform's wait point.
fn gate(text: &str) -> Result<GateRef, String> {
    let (at, wait) = text.split_once('@').unwrap_or((text, ""));
    let (stage, batch) = at.split_once('.').unwrap_or((at, "1"));
    let before = |text| number::<u16>(text).map(|n| n - 1);
    let wait = self::wait(wait);
    Ok(GateRef { at: Position { stage: before(stage)?, batch: before(batch)? }, wait })
}

/// A wait as `ready`, or as `step#2` where there are several of a kind.
fn wait(text: &str) -> Option<Wait> {
    let (point, id) = text.split_once('#').unwrap_or((text, "0"));
    let point = WaitPoint::ALL.into_iter().find(|known| known.to_string() == point)?;
    Some(Wait { point, id: WaitId(id.parse().ok()?) })
}

fn platform(text: &str, now: Timestamp) -> Result<PlatformSeen, String> {
    let (at, expires) = text.split_once('+').unwrap_or((text, ""));
    if let Some(wait) = wait(at) {
        let expires = if expires.is_empty() { Timestamp::MAX } else { now.after(span(expires)?) };
        return Ok(PlatformSeen::AtWait { wait, expires });
    }
    Ok(match text {
        "absent" => PlatformSeen::Absent,
        "running" => PlatformSeen::Running,
        "succeeded" => PlatformSeen::Succeeded,
        "rolling-back" => PlatformSeen::RollingBack,
        "rolled-back" => PlatformSeen::RolledBack,
        "failed" => PlatformSeen::Failed,
        "stopped" => PlatformSeen::Stopped,
        "foreign" => PlatformSeen::Foreign,
        _ => return Err(format!("no platform is {text}")),
    })
}

fn extra(world: &mut World) -> &mut Extra {
    world.extra.seen.get_or_insert_default()
}

/// Sets the units of an arm, in one zone or in all.
fn set(world: &mut World, arm: Arm, zone: Option<u8>, units: Units) {
    let capacity = world.arm_mut(arm);
    let Some(zone) = zone else {
        capacity.total = units;
        return;
    };
    capacity.zones[usize::from(zone)] = units;
    capacity.total = Units {
        asked: capacity.zones.iter().map(|zone| zone.asked).sum(),
        ready: capacity.zones.iter().map(|zone| zone.ready).sum(),
    };
}

/// Units as `4/3`: four asked, three ready.
fn units(text: &str) -> Result<Units, String> {
    let (asked, ready) = text.split_once('/').ok_or("units are asked/ready")?;
    Ok(Units { asked: number(asked)?, ready: number(ready)? })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn weight(text: &str) -> Result<Weight, String> {
    format!("{text}%").parse().map_err(|_| format!("{text} is no weight"))
}

fn span(text: &str) -> Result<Span, String> {
    text.parse().map_err(|_| format!("{text} is no time"))
}

fn signed(text: &str) -> Result<i64, String> {
    let ms = |text| span(text).map(|span| i64::try_from(span.0).unwrap_or(i64::MAX));
    match text.split_at_checked(1) {
        Some(("-", back)) => ms(back).map(|ms| -ms),
        Some(("+", on)) => ms(on),
        _ => Err(format!("{text} has no sign")),
    }
}
