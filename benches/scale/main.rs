//! How much a great number of rollouts takes: parked ones, that wait to be started; active ones,
//! that stand before an approval while the world is observed; those that come and go; and how long
//! it takes until another engine takes up what one left in the middle of a move. One process, a
//! journal in SQLite.
//!
//! ```text
//! cargo bench --bench scale -- PARKED ACTIVE CHURNED
//! ```
//!
//! Memory and processor time are read from the operating system, on Linux only.

mod churn;
mod ports;
mod takeover;

use std::{
    error::Error,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use tidegate::{
    Engine, Ports,
    file::{Format, parse_plan},
    machine::{
        Append, AttemptId, Capabilities, Journal, Opening, Order, Plan, Revisions, RolloutId,
        Serves, Span, WaitingOn, World,
    },
};
use tidegate_store::{Options, SqliteJournal};

use self::ports::Obedient;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// As many requests as one process has under way at once.
const AT_ONCE: usize = 256;

/// How long a state is watched for its use of the processor.
const WATCHED: Duration = Duration::from_secs(10);

/// A canary of one step, with this gate in it.
fn canary(target: &str, gate: &str, capabilities: &Capabilities) -> Outcome<Plan> {
    let text = format!(
        "target: {target}
owner: payments-oncall
strategy:
  canary:
    steps: [{{ weight: 50%{gate} }}]
policy: {{ observe_every: 30s, keep_warm: 1s, drain: 1s }}
"
    );
    Ok(parse_plan(text.as_bytes(), Format::Yaml, "scale.yaml", capabilities)?)
}

/// A canary that waits for an approval.
fn plan(target: &str, capabilities: &Capabilities) -> Outcome<Plan> {
    canary(target, ", gate: { approval: true }", capabilities)
}

fn revisions() -> Revisions {
    Revisions { stable: Some("v1".into()), candidate: "v2".into() }
}

/// What the operating system says of this process: resident memory in MiB, processor time so far.
fn used() -> Outcome<(f64, Duration)> {
    let status = fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 =
        resident.and_then(|kib| kib.split_whitespace().next()).ok_or("no VmRSS")?.parse()?;
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no fields")?;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    // A tick of the clock that the kernel counts by is a hundredth of a second wherever Linux runs.
    Ok((kib / 1_024.0, Duration::from_millis(ticks * 10)))
}

async fn watch(what: &str) -> Outcome<()> {
    let (_, before) = used()?;
    tokio::time::sleep(WATCHED).await;
    let (memory, after) = used()?;
    let share = (after - before).as_secs_f64() / WATCHED.as_secs_f64();
    println!("{what}: {memory:.0} MiB resident, {:.2} % of a core", share * 100.0);
    Ok(())
}

/// Opens rollouts that wait to be started, and parks them for a day.
async fn park(journal: &SqliteJournal, rollouts: usize, world: &Arc<Obedient>) -> Outcome<()> {
    let capabilities = ports(world).capabilities();
    let began = Instant::now();
    let listed = journal.enlist("setup", Span::hours(1)).await?;
    let later = listed.at.after(Span::hours(24));
    let open = |n: usize| {
        let capabilities = &capabilities;
        async move {
            let plan = plan(&format!("parked-{n}"), capabilities)?;
            let found = World::at_rest(capabilities, 2, listed.at);
            let (at, after, retry_of) = (listed.at, None, None);
            journal
                .open(Opening { plan, revisions: revisions(), found, at, after, retry_of })
                .await?;
            Outcome::Ok(())
        }
    };
    stream::iter((0..rollouts).map(open)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    let mut parked = 0_u64;
    loop {
        let work = journal.claim_due(listed.engine, &Serves::Every, listed.at, AT_ONCE).await?;
        if work.claimed.is_empty() {
            break;
        }
        let park = |(rollout, claimed): (RolloutId, Result<tidegate::machine::Claimed, _>)| {
            parked += 1;
            let attempt = AttemptId(parked);
            async move {
                let claimed = claimed?;
                let (records, consumed) = (Vec::new(), Vec::new());
                let (epoch, version, due) = (claimed.epoch, claimed.version, Some(later));
                let (park, over) = (true, false);
                journal
                    .append(Append {
                        rollout,
                        epoch,
                        version,
                        attempt,
                        records,
                        consumed,
                        due,
                        park,
                        over,
                    })
                    .await
            }
        };
        let parking: Vec<_> = work.claimed.into_iter().map(park).collect();
        stream::iter(parking).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
    }
    journal.resign(listed.engine).await?;
    println!("{parked} parked in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn ports(world: &Arc<Obedient>) -> Ports {
    Ports::new(world.clone(), world.clone(), world.clone())
}

fn engine(journal: &SqliteJournal, world: &Arc<Obedient>) -> Engine {
    Engine::builder(Arc::new(journal.clone()), ports(world))
        .name("scale")
        .most_active(1_000_000)
        .build()
}

/// Starts rollouts that go as far as the approval.
async fn start(engine: &Engine, rollouts: usize) -> Outcome<()> {
    let began = Instant::now();
    let start = |n: usize| async move {
        let target = format!("active-{n}");
        let plan = plan(&target, &engine.capabilities(&target.as_str().into())?)?;
        let handle = engine.start(plan, revisions(), "ada").await?;
        let mut status = handle.watch();
        status
            .wait_for(|status| {
                matches!(status.waiting_on, WaitingOn::Person(_)) && status.seq.0 > 3
            })
            .await?;
        Outcome::Ok(())
    };
    stream::iter((0..rollouts).map(start)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    println!(
        "{rollouts} started, and brought before their approval, in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

/// A process that starts again, with one approval given meanwhile: how long until it acts on it.
async fn restart(
    path: &std::path::Path,
    world: &Arc<Obedient>,
    approved: RolloutId,
) -> Outcome<()> {
    let journal = SqliteJournal::open(path, Options::default()).await?;
    let last = journal.last(approved).await?.ok_or("it has no record")?;
    let gate = last.after.phase().gate().ok_or("it stands before no gate")?;
    let id = tidegate::machine::CommandId(1);
    let (actor, reason, order) = ("grace".into(), String::new(), Order::Promote(gate));
    journal.submit(approved, tidegate::machine::Command { id, actor, reason, order }).await?;
    journal.close().await;
    let (began, before) = (Instant::now(), world.last_effect());
    let journal = SqliteJournal::open(path, Options::default()).await?;
    let engine = engine(&journal, world);
    let recovering = engine.recover();
    let acted = async {
        while world.last_effect() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        began.elapsed()
    };
    let (recovered, acted) = tokio::join!(recovering, acted);
    let (all, recovered) = (began.elapsed(), recovered?.len());
    println!(
        "started again: the first effect after {} ms, {recovered} taken up after {} ms",
        acted.as_millis(),
        all.as_millis()
    );
    watch("active again").await?;
    engine.shutdown().await;
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut numbers = std::env::args().skip(1).filter_map(|word| word.parse::<usize>().ok());
    let (parked, active) = (numbers.next().unwrap_or(20_000), numbers.next().unwrap_or(1_000));
    let churned = numbers.next().unwrap_or(2_000);
    stand(parked, active).await?;
    takeover::measure().await?;
    churn::measure(churned).await
}

/// Parked and active rollouts, as they stand and after a restart.
async fn stand(parked: usize, active: usize) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("journal.db");
    let world = Arc::new(Obedient::default());
    let journal = SqliteJournal::open(&path, Options::default()).await?;
    park(&journal, parked, &world).await?;
    journal.close().await;
    println!("{:.0} B on disk each", fs::metadata(&path)?.len() as f64 / parked.max(1) as f64);

    let journal = SqliteJournal::open(&path, Options::default()).await?;
    let engine = engine(&journal, &world);
    let began = Instant::now();
    engine.recover().await?;
    println!("nothing due found after {} ms", began.elapsed().as_millis());
    watch(&format!("{parked} parked")).await?;
    start(&engine, active).await?;
    watch(&format!("{parked} parked, {active} active")).await?;
    let approved = RolloutId(u64::try_from(parked)? + 1);
    drop(engine);
    journal.close().await;
    restart(&path, &world, approved).await
}
