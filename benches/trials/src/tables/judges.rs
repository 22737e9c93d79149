//! The main table: ten scenarios, the judges of Tidegate, and those of other tools.

use tidegate_core::health::{
    Bound, Compare, Method, Threshold,
    kayenta::{Config, Direction, Kayenta},
    sequential::{self, Line},
};

use super::{Both, HOUR, LEVELS, Session, markdown};
use crate::{
    contest::{Contestant, Ends, Stop},
    figures::{Delays, ended},
    goals::Goals,
    scenario::{SCENARIOS, Scenario},
    telemetry::Errors,
};

/// Healthy and regressed runs of the fields. Fewer of the rules that are there for comparison, and
/// fewest of the one that takes longest.
const RUNS: [(u32, u32); 4] = [(50_000, 5_000), (50_000, 5_000), (20_000, 5_000), (4_000, 1_000)];

/// Where a judge comes closest to its goals, by its place in the field, so many times as many healthy
/// runs: they narrow the limit of the rate until it tells which side of the goal the rate is on.
const CLOSE: [(usize, &str); 3] = [(RECOMMENDED, "J"), (SPENDING, "C"), (SPENDING, "G")];
const MORE: u32 = 4;

/// A metric source that answers for a minute when two more have passed.
const LAG_MINUTES: u16 = 2;

/// So many looks more than the median aimed at are still within it; medians are whole looks.
fn slack(scenario: &Scenario) -> u16 {
    if scenario.name == "D" { 2 } else { 1 }
}

/// What is aimed at in one scenario, in looks.
struct Aim {
    /// Median at each of the two levels. Those at 0.05 are goals; those at 0.01 the figures of the
    /// simulation that the goals were set by.
    medians: [u16; 2],
    /// 95th percentile likewise; none where more than 5 % are missed.
    late: [Option<u16>; 2],
    /// What may be missed in an hour at 0.05, where anything is.
    missed: Option<f64>,
}

const fn aim(medians: [u16; 2], late: [u16; 2]) -> Aim {
    Aim { medians, late: [Some(late[0]), Some(late[1])], missed: None }
}

/// What is aimed at in A to J.
const AIMS: [Aim; 10] = [
    aim([1, 1], [1, 1]),
    aim([4, 5], [7, 9]),
    aim([3, 4], [7, 9]),
    Aim { medians: [25, 36], late: [None, None], missed: Some(0.07) },
    aim([5, 6], [11, 14]),
    aim([2, 2], [4, 5]),
    aim([3, 4], [7, 8]),
    aim([1, 1], [1, 1]),
    aim([5, 6], [10, 11]),
    aim([10, 14], [22, 28]),
];

/// False aborts that a judge of each level may have in scenarios without anything unusual.
const FALSE_ABORTS: [f64; 2] = [0.02, 0.005];

/// Scenarios whose mean delay is compared with the bound that no test can beat: those in which it is
/// not simply one look, and that start at once.
const BOUNDED: [&str; 7] = ["B", "C", "D", "E", "F", "G", "J"];

pub(super) fn table(session: Session, goals: &mut Goals) -> String {
    let held: Vec<Both> = SCENARIOS.iter().map(|scenario| hold(session, scenario)).collect();
    let mut text = String::from(
        "## Ten scenarios\n\nTraffic, the candidate's share of it, rate of errors. An hour of looks, one a \
         minute.\n\n",
    );
    SCENARIOS.iter().for_each(|scenario| text += &format!("* {}\n", scenario.describe()));
    for (nth, alpha) in LEVELS.into_iter().enumerate() {
        text += &format!("\n### The recommended judge, alpha {alpha}\n\n");
        let runs = held.first().map_or(0, |both| both.healthy[RECOMMENDED][nth].len());
        let (_, close) = CLOSE[RECOMMENDED];
        text += &format!(
            "{runs} healthy runs, {} in {close}; {} regressed ones. Limits of delays at 0.01 are what the \
             simulation that the goals come from measured.\n\n",
            runs * MORE as usize,
            held.first().map_or(0, |both| both.regressed[RECOMMENDED][nth].len()),
        );
        text += &recommended(&held, nth, goals);
    }
    text += "\n### Exact spending, alpha 0.05\n\n";
    text += &spending(&held, goals);
    text += &format!(
        "\n### Wall time, with a source that lags {LAG_MINUTES} minutes\n\nMinutes from the start of \
         the regression to the verdict, median and 95th percentile: a look's minute, and then \
         {LAG_MINUTES} more.\n\n"
    );
    text += &wall_time(&held, goals);
    text += "\n### Beside other rules\n\n";
    text + &beside(&held)
}

/// All judges of the table, by how many runs they get. Another one is one more line.
fn fields(scenario: &Scenario) -> [Vec<Contestant>; 4] {
    let levels =
        |name, method| Contestant::levels(name, Compare { method, ..Compare::default() }, &LEVELS);
    let spending = Compare { method: Method::Spending, alpha: 0.05, ..Compare::default() };
    let tuned = 3.0 * scenario.base;
    let lines = [
        ("Argo, documentation's example: success ≥ 95 %, limit 3", Bound::Max(0.05), 3),
        ("Argo, three times the true base rate, limit 3", Bound::Max(tuned), 3),
        ("Argo, twice the live baseline, limit 3", Bound::MaxRatio(2.0), 3),
        ("Flagger, success ≥ 99 %, threshold 5", Bound::Max(0.01), 4),
    ];
    let lines = lines.into_iter().filter_map(|(name, bound, tolerated)| {
        Some(Contestant::failing(name, Threshold::new(bound).ok()?.tolerating(tolerated)))
    });
    let others = [
        levels("events alone, dispersion learnt", Method::Events),
        Contestant::single_events("events alone, known to be single", &LEVELS),
    ];
    let kayenta = Config { direction: Direction::Increase, ..Config::default() };
    let every = |name, every| {
        let judge = Kayenta::new(kayenta).and_then(|judge| judge.over_looks(HOUR, every)).ok()?;
        Some(Contestant::failing(name, judge))
    };
    [
        vec![levels("**recommended**", Method::Recommended)],
        vec![Contestant::failing("exact spending, alpha 0.05", spending)],
        others.into_iter().chain(lines).collect(),
        [every("Kayenta, once an hour", HOUR), every("Kayenta, every 10 minutes", 10)]
            .into_iter()
            .flatten()
            .collect(),
    ]
}

/// Places in the field.
const RECOMMENDED: usize = 0;
const SPENDING: usize = 1;

fn hold(session: Session, scenario: &Scenario) -> Both {
    let mut all = Both { healthy: Vec::new(), regressed: Vec::new() };
    for (nth, field) in fields(scenario).into_iter().enumerate() {
        let (mut healthy, regressed) = RUNS[nth];
        if CLOSE.contains(&(nth, scenario.name)) {
            healthy *= MORE;
        }
        let runs = (healthy, regressed);
        let some = session.both(scenario.name, runs, &Errors::of(scenario), &field);
        all.healthy.extend(some.healthy);
        all.regressed.extend(some.regressed);
    }
    all
}

/// Scenarios with what is aimed at and what came out.
fn scenes(held: &[Both]) -> impl Iterator<Item = (&'static Scenario, &'static Aim, &Both)> {
    SCENARIOS.iter().zip(&AIMS).zip(held).map(|((scenario, aim), both)| (scenario, aim, both))
}

fn outcomes(both: &Both, judge: usize, stop: usize) -> (&Ends, &Ends) {
    (&both.healthy[judge][stop], &both.regressed[judge][stop])
}

fn recommended(held: &[Both], level: usize, goals: &mut Goals) -> String {
    let alpha = LEVELS[level];
    let head = ["", "false aborts %", "median", "95th", "missed %", "mean"];
    let rows = scenes(held).map(|(scenario, aim, both)| {
        let (healthy, regressed) = outcomes(both, RECOMMENDED, level);
        let delays = Delays::of(regressed, scenario.onset);
        let what = |figure: &str| format!("{} at {alpha}, {figure}", scenario.name);
        // The median of I counts runs that ended too early as never found, as its goal does.
        [
            scenario.name.to_owned(),
            goals.rate(&what("false aborts"), ended(healthy), FALSE_ABORTS[level]),
            goals.looks(&what("median"), &delays, 0.5, aim.medians[level] + slack(scenario)),
            match aim.late[level] {
                Some(late) => goals.looks(&what("95th"), &delays, 0.95, late),
                None => "–".to_owned(),
            },
            match aim.missed.filter(|_| level == 0) {
                Some(most) => goals.rate(&what("missed"), delays.missed(), most),
                None => delays.missed().show(),
            },
            mean(scenario, &delays, alpha, (2.4, 0.6), &what("mean"), goals),
        ]
    });
    markdown(head, rows.collect::<Vec<_>>())
}

/// The mean delay, against so many times the bound that no test can beat, and so many looks.
fn mean(
    scenario: &Scenario,
    delays: &Delays,
    alpha: f64,
    (times, looks): (f64, f64),
    what: &str,
    goals: &mut Goals,
) -> String {
    let traffic = scenario.traffic();
    match sequential::fewest_looks(&traffic, Line::Ratio(1.0), scenario.worse, alpha) {
        Ok(bound) if BOUNDED.contains(&scenario.name) => {
            goals.number(what, delays.mean(), times * bound + looks)
        }
        _ => format!("{:.2}", delays.mean()),
    }
}

fn spending(held: &[Both], goals: &mut Goals) -> String {
    let head = ["", "false aborts %", "median", "95th", "missed %", "mean"];
    let rows = scenes(held).map(|(scenario, _, both)| {
        let (healthy, regressed) = outcomes(both, SPENDING, 0);
        let delays = Delays::of(regressed, scenario.onset);
        let what = |figure: &str| format!("{} by exact spending, {figure}", scenario.name);
        let show =
            |share| delays.quantile(share).map_or("–".to_owned(), |looks| looks.to_string());
        [
            scenario.name.to_owned(),
            goals.rate_between(&what("false aborts"), ended(healthy), 0.04, 0.055),
            show(0.5),
            show(0.95),
            delays.missed().show(),
            mean(scenario, &delays, 0.05, (1.2, 1.0), &what("mean"), goals),
        ]
    });
    markdown(head, rows.collect::<Vec<_>>())
}

fn wall_time(held: &[Both], goals: &mut Goals) -> String {
    let head = ["", "0.05: median", "0.05: 95th", "0.01: median", "0.01: 95th"];
    let rows = scenes(held).map(|(scenario, aim, both)| {
        let mut cells = vec![scenario.name.to_owned()];
        for (level, alpha) in LEVELS.into_iter().enumerate() {
            let (_, regressed) = outcomes(both, RECOMMENDED, level);
            let lagging = |end: &Option<u16>| end.map(|look| look.saturating_add(LAG_MINUTES));
            // Runs that ended before the regression stay where they are: they are no delay.
            let late = |end: &Option<u16>| match end {
                Some(look) if u32::from(*look) > scenario.onset => lagging(end),
                early => *early,
            };
            let delays = Delays::of(&regressed.iter().map(late).collect(), scenario.onset);
            let what = |figure| format!("{} at {alpha}, wall time, {figure}", scenario.name);
            let most = aim.medians[level] + slack(scenario) + LAG_MINUTES;
            cells.push(goals.looks(&what("median"), &delays, 0.5, most));
            cells.push(match aim.late[level] {
                Some(late) => goals.looks(&what("95th"), &delays, 0.95, late + LAG_MINUTES),
                None => "–".to_owned(),
            });
        }
        std::array::from_fn(|nth| cells[nth].clone())
    });
    markdown(head, rows.collect::<Vec<[String; 5]>>())
}

/// Every judge in every scenario: false aborts, median, 95th percentile, missed.
fn beside(held: &[Both]) -> String {
    let names = SCENARIOS.map(|scenario| scenario.name);
    let mut head = vec!["judge"];
    head.extend(names);
    let judges: Vec<Contestant> = fields(&SCENARIOS[0]).into_iter().flatten().collect();
    let mut rows = Vec::new();
    for (nth, judge) in judges.iter().enumerate() {
        for (stop, how) in judge.stops.iter().enumerate() {
            let level = match how {
                Stop::Level(alpha) => format!(", alpha {alpha}"),
                Stop::At(_) | Stop::Shown(_) => String::new(),
            };
            let mut row = vec![format!("{}{level}", judge.name)];
            row.extend(scenes(held).map(|(scenario, _, both)| {
                let (healthy, regressed) = outcomes(both, nth, stop);
                let delays = Delays::of(regressed, scenario.onset);
                let of_100 = |share: f64| format!("{:.1}", share * 100.0);
                let false_aborts = of_100(ended(healthy).share());
                let missed = of_100(delays.missed().share());
                format!("{false_aborts} / {} / {missed}", delays.show())
            }));
            rows.push(row);
        }
    }
    let head: [&str; 11] = std::array::from_fn(|nth| head[nth]);
    let rows = rows.into_iter().map(|row| std::array::from_fn(|nth| row[nth].clone()));
    let note = format!(
        "False aborts in a healthy hour % / median / 95th percentile of looks to a verdict / missed \
         in {HOUR} looks %. For comparison; a rule with many false aborts \"finds\" partly by accident. In \
         I, a run that ended before the regression is neither found nor missed.\n\n"
    );
    note + &markdown::<11>(head, rows)
}
