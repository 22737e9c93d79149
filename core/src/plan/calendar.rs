//! Freeze windows and allowed hours: the only place where civil time matters.
//!
//! This file must not know gates, or any clock: an instant comes in, what holds at it goes out.
//! Zones come from the database that is compiled in, never from the system's, so that two machines
//! agree. Where daylight saving skips a local time, it means the instant at which the clocks jump;
//! where it repeats one, it means the first of the two.

use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time, Weekday},
    tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    CalendarSpec, Day, FreezeSpec, HoursSpec, KeyPath,
    problem::{ProblemKind, Problems},
};
use crate::{CalendarState, Span, Timestamp};

/// Days that are looked at to find the next change. Hours repeat weekly and a jump of the clocks
/// can swallow one week's, so three weeks show every change that ever comes.
const HORIZON_DAYS: i64 = 22;

/// When nothing may go forward, and when gates that ask for allowed hours may open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    zone: Zone,
    allowed: Vec<Hours>,
    /// Sorted by their start.
    freezes: Vec<Freeze>,
}

/// Why a part of a calendar can not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// A zone that the database does not know.
    #[error("unknown time zone {0:?}; expected an IANA name such as Europe/Berlin or UTC")]
    Zone(String),
    /// Not a time of day.
    #[error("{0:?} is no time of day; expected 00:00 to 23:59")]
    TimeOfDay(String),
    /// Not a date, nor a date and a time.
    #[error("{0:?} is no date; expected for example 2026-12-20 or 2026-12-20 18:00")]
    Moment(String),
    /// A freeze window that is over before it begins.
    #[error("freeze ends at {to:?}, not after its start {from:?}; expected a later end")]
    EmptyFreeze {
        /// Its start, as written.
        from: String,
        /// Its end, as written.
        to: String,
    },
}

/// A time zone by name, as the compiled-in database has it.
#[derive(Clone, Debug, PartialEq)]
struct Zone {
    name: String,
    rules: TimeZone,
}

/// Hours of some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Hours {
    /// One bit a day, Monday the lowest.
    days: u8,
    from_minute: u16,
    /// At or before `from_minute` it is on the next day.
    to_minute: u16,
}

/// From an instant to an instant, the latter not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Freeze {
    from: Timestamp,
    to: Timestamp,
}

impl Calendar {
    /// Reads what is written. Problems are added with their places under `at`.
    pub(super) fn compile(spec: &CalendarSpec, at: &KeyPath, problems: &mut Problems) -> Self {
        let zone = spec.zone.as_deref().map_or_else(|| Ok(Zone::default()), Zone::named);
        let zone = zone.unwrap_or_else(|error| {
            problems.add(&at.key("zone"), error);
            Zone::default()
        });
        let hours = |(index, spec): (usize, &HoursSpec)| {
            Hours::compile(spec, &at.key("allowed").item(index), problems)
        };
        let allowed = spec.allowed.iter().enumerate().filter_map(hours).collect();
        let freeze = |(index, spec): (usize, &FreezeSpec)| {
            Freeze::compile(spec, &zone, &at.key("freezes").item(index), problems)
        };
        let mut freezes: Vec<_> = spec.freezes.iter().enumerate().filter_map(freeze).collect();
        freezes.sort_unstable();
        Self { zone, allowed, freezes }
    }

    /// What holds at `now`, and until when. Total: an instant beyond the year 9999 is open and
    /// not frozen, for ever.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> CalendarState {
        let (frozen, thawed) = self.frozen(now);
        let (open, changed) = self.open(now);
        CalendarState { frozen, open, until: thawed.min(changed) }
    }

    /// Whether nothing is in it, so that it never has to be read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.freezes.is_empty()
    }

    /// The name of the zone its times are in.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone.name
    }

    /// Whether a freeze window holds at `now`, and when that changes.
    fn frozen(&self, now: Timestamp) -> (bool, Timestamp) {
        let mut thaw = now;
        for freeze in &self.freezes {
            if freeze.from <= thaw && freeze.to > thaw {
                thaw = freeze.to;
            }
        }
        if thaw > now {
            return (true, thaw);
        }
        let next = self.freezes.iter().map(|freeze| freeze.from).filter(|from| *from > now).min();
        (false, next.unwrap_or(Timestamp::MAX))
    }

    /// Whether `now` is in allowed hours, and when that changes.
    fn open(&self, now: Timestamp) -> (bool, Timestamp) {
        if self.allowed.is_empty() {
            return (true, Timestamp::MAX);
        }
        let Some(today) = self.zone.date(now) else { return (true, Timestamp::MAX) };
        let mut windows = self.windows(today);
        windows.sort_unstable();
        let mut shut = now;
        for (from, to) in &windows {
            if *from <= shut && *to > shut {
                shut = *to;
            }
        }
        if shut > now.after(Span::hours(24 * 20)) {
            return (true, Timestamp::MAX);
        }
        if shut > now {
            return (true, shut);
        }
        let next = windows.iter().map(|(from, _)| *from).find(|from| *from > now);
        (false, next.unwrap_or(Timestamp::MAX))
    }

    /// The allowed hours around and after `today`, as instants.
    fn windows(&self, today: Date) -> Vec<(Timestamp, Timestamp)> {
        let days = (-2..=HORIZON_DAYS).filter_map(|day| today.checked_add(day.days()).ok());
        days.flat_map(|date| self.allowed.iter().filter_map(move |hours| hours.on(date)))
            .filter_map(|(from, to)| Some((self.zone.instant(from)?, self.zone.instant(to)?)))
            .filter(|(from, to)| from < to)
            .collect()
    }
}

impl Zone {
    fn named(name: &str) -> Result<Self, CalendarError> {
        let rules = TimeZoneDatabase::bundled().get(name);
        let rules = rules.map_err(|_| CalendarError::Zone(name.to_owned()))?;
        Ok(Self { name: name.to_owned(), rules })
    }

    /// The local date at an instant.
    fn date(&self, now: Timestamp) -> Option<Date> {
        let now = i64::try_from(now.0).ok()?;
        let now = jiff::Timestamp::from_millisecond(now).ok()?;
        Some(self.rules.to_datetime(now).date())
    }

    /// The instant of a local time. See the file's head for the ones that are skipped or repeated.
    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        let ambiguous = self.rules.to_ambiguous_timestamp(local);
        let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
        let compatible = ambiguous.compatible().ok()?;
        let instant = if skipped { self.jump_before(compatible)? } else { compatible };
        Some(Timestamp(u64::try_from(instant.as_millisecond()).unwrap_or(0)))
    }

    /// The last jump of the clocks at or before an instant.
    fn jump_before(&self, instant: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let just_after = instant.checked_add(1.nanosecond()).ok()?;
        self.rules.preceding(just_after).next().map(|jump| jump.timestamp())
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == "UTC" {
            Ok(Self::default())
        } else {
            Self::named(&name).map_err(de::Error::custom)
        }
    }
}

impl Hours {
    fn compile(spec: &HoursSpec, at: &KeyPath, problems: &mut Problems) -> Option<Self> {
        let mut minute = |key: &str, text: &str| {
            let minute = minute_of_day(text);
            let problem = || CalendarError::TimeOfDay(text.to_owned());
            if minute.is_none() {
                problems.add(&at.key(key), problem());
            }
            minute
        };
        let (from, to) = (minute("from", &spec.from), minute("to", &spec.to));
        let days = spec.days.iter().fold(0, |days, day| days | bit(*day));
        let days = if days == 0 { 0b111_1111 } else { days };
        Some(Self { days, from_minute: from?, to_minute: to? })
    }

    /// Start and end on a date, if it is one of the days.
    fn on(&self, date: Date) -> Option<(DateTime, DateTime)> {
        if self.days & weekday_bit(date.weekday()) == 0 {
            return None;
        }
        let overnight = self.to_minute <= self.from_minute;
        let last = if overnight { date.tomorrow().ok()? } else { date };
        Some((at_minute(date, self.from_minute)?, at_minute(last, self.to_minute)?))
    }
}

impl Freeze {
    fn compile(
        spec: &FreezeSpec,
        zone: &Zone,
        at: &KeyPath,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut instant = |key: &str, text: &str| {
            let instant = moment(text).and_then(|local| zone.instant(local));
            if instant.is_none() {
                problems.add(&at.key(key), CalendarError::Moment(text.to_owned()));
            }
            instant
        };
        let (from, to) = (instant("from", &spec.from), instant("to", &spec.to));
        let (from, to) = (from?, to?);
        let error = CalendarError::EmptyFreeze { from: spec.from.clone(), to: spec.to.clone() };
        problems.add_if(to <= from, &at.key("to"), ProblemKind::Calendar(error));
        Some(Self { from, to })
    }
}

fn minute_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let digits = |s: &str| s.len() == 2 && s.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

fn at_minute(date: Date, minute: u16) -> Option<DateTime> {
    let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
    Time::new(hour, minute, 0, 0).ok().map(|time| date.to_datetime(time))
}

fn moment(text: &str) -> Option<DateTime> {
    let text = text.trim();
    let (date, minute) = match text.split_once([' ', 'T']) {
        None => (text, 0),
        Some((date, time)) => (date, minute_of_day(time)?),
    };
    let date = Date::strptime("%Y-%m-%d", date).ok()?;
    at_minute(date, minute)
}

const fn bit(day: Day) -> u8 {
    match day {
        Day::Mon => 1,
        Day::Tue => 1 << 1,
        Day::Wed => 1 << 2,
        Day::Thu => 1 << 3,
        Day::Fri => 1 << 4,
        Day::Sat => 1 << 5,
        Day::Sun => 1 << 6,
    }
}

fn weekday_bit(day: Weekday) -> u8 {
    bit(match day {
        Weekday::Monday => Day::Mon,
        Weekday::Tuesday => Day::Tue,
        Weekday::Wednesday => Day::Wed,
        Weekday::Thursday => Day::Thu,
        Weekday::Friday => Day::Fri,
        Weekday::Saturday => Day::Sat,
        Weekday::Sunday => Day::Sun,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERLIN: &str = "Europe/Berlin";
    const NEW_YORK: &str = "America/New_York";

    fn spec(zone: &str, hours: &[(&[Day], &str, &str)], freezes: &[(&str, &str)]) -> CalendarSpec {
        let (mut allowed, mut frozen) = (Vec::new(), Vec::new());
        for (days, from, to) in hours {
            let (from, to) = ((*from).to_owned(), (*to).to_owned());
            allowed.push(HoursSpec { days: days.to_vec(), from, to });
        }
        for (from, to) in freezes {
            frozen.push(FreezeSpec { from: (*from).to_owned(), to: (*to).to_owned() });
        }
        CalendarSpec { zone: Some(zone.to_owned()), allowed, freezes: frozen }
    }

    fn compiled(spec: &CalendarSpec) -> (Calendar, Vec<String>) {
        let mut problems = Problems::default();
        let calendar = Calendar::compile(spec, &KeyPath::of("calendar"), &mut problems);
        (calendar, problems.0.iter().map(ToString::to_string).collect())
    }

    fn hours(zone: &str, from: &str, to: &str) -> Calendar {
        compiled(&spec(zone, &[(&[], from, to)], &[])).0
    }

    fn instant(text: &str) -> Timestamp {
        let instant: jiff::Timestamp = text.parse().unwrap();
        Timestamp(u64::try_from(instant.as_millisecond()).unwrap())
    }

    /// "open" or "shut", and until when.
    fn open_at(calendar: &Calendar, text: &str) -> String {
        let state = calendar.at(instant(text));
        format!("{} until {}", if state.open { "open" } else { "shut" }, state.until)
    }

    #[test]
    fn an_empty_calendar_is_open_for_ever_and_never_frozen() {
        let calendar = Calendar::default();
        let always = CalendarState { frozen: false, open: true, until: Timestamp::MAX };
        for now in [Timestamp(0), instant("2026-07-01T00:00:00Z"), Timestamp::MAX] {
            assert_eq!(calendar.at(now), always);
        }
        assert!(calendar.is_empty());
    }

    #[test]
    fn hours_follow_the_zone_and_the_season() {
        let calendar = hours(BERLIN, "09:00", "17:00");
        let (summer, winter) = ("2026-07-01T07:00:00Z", "2026-01-14T07:00:00Z");
        assert_eq!(open_at(&calendar, summer), "open until 2026-07-01T15:00:00Z");
        assert_eq!(open_at(&calendar, winter), "shut until 2026-01-14T08:00:00Z");
    }

    #[test]
    fn hours_of_some_days_skip_the_others() {
        let week: &[Day] = &[Day::Mon, Day::Fri];
        let calendar = compiled(&spec("UTC", &[(week, "09:00", "17:00")], &[])).0;
        // 3 July 2026 is a Friday.
        let friday = open_at(&calendar, "2026-07-03T17:00:00Z");
        assert_eq!(friday, "shut until 2026-07-06T09:00:00Z");
    }

    #[test]
    fn hours_over_midnight_end_on_the_next_day() {
        let calendar = hours("UTC", "22:00", "02:00");
        assert_eq!(open_at(&calendar, "2026-07-02T01:59:00Z"), "open until 2026-07-02T02:00:00Z");
        assert_eq!(open_at(&calendar, "2026-07-02T02:00:00Z"), "shut until 2026-07-02T22:00:00Z");
    }

    #[test]
    fn hours_around_the_clock_never_change() {
        for zone in [BERLIN, NEW_YORK, "UTC"] {
            let state = hours(zone, "00:00", "00:00").at(instant("2026-03-28T12:00:00Z"));
            assert_eq!((state.open, state.until), (true, Timestamp::MAX));
        }
    }

    #[test]
    fn a_start_that_daylight_saving_skips_is_the_instant_the_clocks_jump() {
        // Berlin jumps from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC.
        let calendar = hours(BERLIN, "02:30", "03:15");
        assert_eq!(open_at(&calendar, "2026-03-29T00:00:00Z"), "shut until 2026-03-29T01:00:00Z");
        assert_eq!(open_at(&calendar, "2026-03-29T01:00:00Z"), "open until 2026-03-29T01:15:00Z");
        // New York jumps from 02:00 to 03:00 on 8 March 2026, at 07:00 UTC.
        let calendar = hours(NEW_YORK, "02:00", "03:15");
        assert_eq!(open_at(&calendar, "2026-03-08T06:30:00Z"), "shut until 2026-03-08T07:00:00Z");
    }

    #[test]
    fn hours_that_daylight_saving_swallows_do_not_happen_that_day() {
        let berlin = open_at(&hours(BERLIN, "02:15", "02:45"), "2026-03-29T00:00:00Z");
        assert_eq!(berlin, "shut until 2026-03-30T00:15:00Z");
        let new_york = open_at(&hours(NEW_YORK, "02:15", "02:45"), "2026-03-08T06:00:00Z");
        assert_eq!(new_york, "shut until 2026-03-09T06:15:00Z");
    }

    #[test]
    fn a_time_that_daylight_saving_repeats_is_the_first_of_the_two() {
        // Berlin goes from 03:00 back to 02:00 on 25 October 2026, at 01:00 UTC.
        let calendar = hours(BERLIN, "02:15", "02:45");
        assert_eq!(open_at(&calendar, "2026-10-25T00:20:00Z"), "open until 2026-10-25T00:45:00Z");
        assert_eq!(open_at(&calendar, "2026-10-25T01:20:00Z"), "shut until 2026-10-26T01:15:00Z");
        // New York goes from 02:00 back to 01:00 on 1 November 2026, at 06:00 UTC.
        let calendar = hours(NEW_YORK, "00:30", "01:30");
        assert_eq!(open_at(&calendar, "2026-11-01T05:00:00Z"), "open until 2026-11-01T05:30:00Z");
    }

    #[test]
    fn a_freeze_ends_before_its_end_and_touching_freezes_are_one() {
        let freezes = [
            ("2026-12-24", "2026-12-27"),
            ("2026-12-20 18:00", "2026-12-24"),
            ("2027-01-01", "2027-01-02"),
        ];
        let calendar = compiled(&spec(BERLIN, &[], &freezes)).0;
        let before = calendar.at(instant("2026-12-20T16:59:59Z"));
        assert_eq!((before.frozen, before.until), (false, instant("2026-12-20T17:00:00Z")));
        let within = calendar.at(instant("2026-12-20T17:00:00Z"));
        assert_eq!((within.frozen, within.until), (true, instant("2026-12-26T23:00:00Z")));
        let after = calendar.at(instant("2026-12-26T23:00:00Z"));
        assert_eq!((after.frozen, after.until), (false, instant("2026-12-31T23:00:00Z")));
    }

    #[test]
    fn no_instant_and_no_zone_makes_it_panic() {
        for zone in [BERLIN, NEW_YORK, "Pacific/Apia", "Asia/Kathmandu", "Africa/Cairo"] {
            let all = spec(
                zone,
                &[(&[], "00:00", "00:01"), (&[Day::Sun], "23:59", "23:58")],
                &[("0001-01-01", "9999-12-30")],
            );
            let (calendar, problems) = compiled(&all);
            assert_eq!(problems, Vec::<String>::new());
            for shift in 0..64 {
                let _ = calendar.at(Timestamp(u64::MAX >> shift));
            }
        }
    }

    #[test]
    fn it_always_says_a_later_instant_at_which_something_really_changes() {
        let all = spec(
            NEW_YORK,
            &[
                (&[Day::Sun], "01:10", "02:20"),
                (&[Day::Sat], "20:00", "03:00"),
                (&[], "12:00", "13:00"),
            ],
            &[("2026-03-07", "2026-03-08 02:30"), ("2026-11-01 01:30", "2026-11-02")],
        );
        let calendar = compiled(&all).0;
        let mut now = instant("2026-01-01T00:00:00Z");
        for _ in 0..900 {
            let (state, next) = (calendar.at(now), calendar.at(calendar.at(now).until));
            assert!(state.until > now, "{now}");
            assert_ne!((state.frozen, state.open), (next.frozen, next.open), "{}", state.until);
            let just_before = calendar.at(Timestamp(state.until.0 - 1));
            assert_eq!((state.frozen, state.open), (just_before.frozen, just_before.open));
            now = state.until;
        }
        assert!(now > instant("2026-12-01T00:00:00Z"));
    }

    #[test]
    fn it_reads_back_from_what_it_is_stored_as() {
        let calendar = compiled(&spec(
            BERLIN,
            &[(&[Day::Mon], "09:00", "17:00")],
            &[("2026-12-20", "2027-01-02")],
        ))
        .0;
        let stored = serde_json::to_string(&calendar).unwrap();
        assert_eq!(serde_json::from_str::<Calendar>(&stored).unwrap(), calendar);
        let unknown = stored.replace(BERLIN, "Europe/Atlantis");
        assert!(serde_json::from_str::<Calendar>(&unknown).is_err());
    }

    #[test]
    fn hours_begin_at_their_first_instant_and_are_over_at_their_last() {
        let calendar = hours("UTC", "09:00", "17:00");
        for (now, says) in [
            ("2026-07-01T08:59:59.999Z", "shut until 2026-07-01T09:00:00Z"),
            ("2026-07-01T09:00:00Z", "open until 2026-07-01T17:00:00Z"),
            ("2026-07-01T16:59:59.999Z", "open until 2026-07-01T17:00:00Z"),
            ("2026-07-01T17:00:00Z", "shut until 2026-07-02T09:00:00Z"),
        ] {
            assert_eq!(open_at(&calendar, now), says, "{now}");
        }
    }

    #[test]
    fn hours_that_touch_or_overlap_are_one() {
        let day: &[Day] = &[];
        let three = [(day, "09:00", "12:00"), (day, "12:00", "14:00"), (day, "13:00", "15:00")];
        let calendar = compiled(&spec("UTC", &three, &[])).0;
        let morning = open_at(&calendar, "2026-07-01T10:00:00Z");
        assert_eq!(morning, "open until 2026-07-01T15:00:00Z");
    }

    #[test]
    fn hours_of_days_on_end_are_one_stretch_that_has_an_end() {
        let week: &[Day] = &[Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat];
        let calendar = compiled(&spec("UTC", &[(week, "00:00", "00:00")], &[])).0;
        // From a Monday to a Sunday, and on from the Monday after.
        let monday = open_at(&calendar, "2026-07-06T00:00:00Z");
        assert_eq!(monday, "open until 2026-07-12T00:00:00Z");
        assert_eq!(open_at(&calendar, "2026-07-12T00:00:00Z"), "shut until 2026-07-13T00:00:00Z");
    }

    #[test]
    fn each_day_of_the_week_is_its_own_and_naming_it_twice_is_naming_it_once() {
        let days = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
        // The sixth of July 2026 is a Monday.
        for (day, date) in days.into_iter().zip(6..) {
            let twice = [day, day];
            let calendar = compiled(&spec("UTC", &[(&twice, "09:00", "17:00")], &[])).0;
            let opens = open_at(&calendar, "2026-07-05T18:00:00Z");
            assert_eq!(opens, format!("shut until 2026-07-{date:02}T09:00:00Z"), "{day:?}");
            let again = open_at(&calendar, &format!("2026-07-{date:02}T17:00:00Z"));
            assert_eq!(again, format!("shut until 2026-07-{:02}T09:00:00Z", date + 7), "{day:?}");
        }
    }

    #[test]
    fn a_time_of_day_is_two_digits_and_two_digits_below_a_day() {
        for (text, minute) in [("00:00", 0), ("09:05", 545), (" 23:59 ", 1_439), ("01:59", 119)] {
            assert_eq!(minute_of_day(text), Some(minute), "{text}");
        }
        for text in ["24:00", "23:60", "9:00", "09:5", "0900", "+9:00", "ab:cd", "09:00:00", ""] {
            assert_eq!(minute_of_day(text), None, "{text}");
        }
    }

    #[test]
    fn a_moment_is_a_date_or_a_date_and_a_time_of_day() {
        let at = |text: &str| moment(text).map(|at| at.to_string());
        for (text, is) in [
            ("2026-12-20", "2026-12-20T00:00:00"),
            (" 2026-12-20 18:05 ", "2026-12-20T18:05:00"),
            ("2026-12-20T23:59", "2026-12-20T23:59:00"),
        ] {
            assert_eq!(at(text).as_deref(), Some(is), "{text}");
        }
        for text in ["2026-12-32", "2026-12-20 24:00", "2026-12-20 18", "20.12.2026", ""] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn a_freeze_and_hours_each_say_the_sooner_change() {
        let all = spec(
            "UTC",
            &[(&[], "09:00", "17:00")],
            &[("2026-07-01 12:00", "2026-07-01 18:00"), ("2026-07-01 12:30", "2026-07-01 13:00")],
        );
        let (calendar, problems) = compiled(&all);
        assert_eq!(problems, Vec::<String>::new());
        let says = |now: &str| {
            let CalendarState { frozen, open, until } = calendar.at(instant(now));
            format!("frozen {frozen}, open {open}, until {until}")
        };
        for (now, state) in [
            ("2026-07-01T11:59:59Z", "frozen false, open true, until 2026-07-01T12:00:00Z"),
            ("2026-07-01T12:00:00Z", "frozen true, open true, until 2026-07-01T17:00:00Z"),
            ("2026-07-01T17:00:00Z", "frozen true, open false, until 2026-07-01T18:00:00Z"),
            ("2026-07-01T18:00:00Z", "frozen false, open false, until 2026-07-02T09:00:00Z"),
        ] {
            assert_eq!(says(now), state, "{now}");
        }
        assert_eq!((calendar.zone(), calendar.is_empty()), ("UTC", false));
        assert!(!hours("UTC", "09:00", "17:00").is_empty());
        assert!(!compiled(&spec("UTC", &[], &[("2026-07-01", "2026-07-02")])).0.is_empty());
    }

    #[test]
    fn a_freeze_of_no_time_is_a_problem_and_one_of_a_minute_is_not() {
        let problems = |to: &str| compiled(&spec("UTC", &[], &[("2026-07-01 12:00", to)])).1;
        assert_eq!(problems("2026-07-01 12:01"), Vec::<String>::new());
        for to in ["2026-07-01 12:00", "2026-07-01 11:59"] {
            assert!(problems(to)[0].contains("calendar.freezes[0].to: freeze ends at"), "{to}");
        }
    }

    #[test]
    fn every_part_that_can_not_be_read_is_named_with_its_place() {
        let all = spec(
            "Mars/Base",
            &[(&[], "9:00", "24:00")],
            &[("20.12.2026", "2026-13-01"), ("2026-12-20", "2026-12-20")],
        );
        let problems = compiled(&all).1.join("\n");
        for place in [
            "zone",
            "allowed[0].from",
            "allowed[0].to",
            "freezes[0].from",
            "freezes[0].to",
            "freezes[1].to",
        ] {
            assert!(problems.contains(&format!("calendar.{place}: ")), "{place} in {problems}");
        }
    }
}
