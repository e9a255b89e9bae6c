use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::timetable::Due;
use super::*;
use crate::error::Language;

struct Place {
    _dir: tempfile::TempDir,
    store: Store,
}

fn place(zone: &str) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Store::options();
    let store = options.create(true).time_zone(zone).open(dir.path().join("store.db")).unwrap();
    Place { _dir: dir, store }
}

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// The next runs, as clocks in `zone` show them, with the offset.
fn runs(schedule: &Schedule, zone: &str, after: &str, count: usize) -> Vec<String> {
    let place = place(zone);
    let zone = TimeZone::get(zone).unwrap();
    let shown = |run: &Timestamp| {
        let run = jiff::Timestamp::from_millisecond(run.0).unwrap().to_zoned_datetime(zone.clone());
        run.strftime("%Y-%m-%d %H:%M %:z").to_string()
    };
    place.store.next_runs(schedule, at(after), count).unwrap().iter().map(shown).collect()
}

fn json(text: &str) -> Schedule {
    let schedule: Schedule = serde_json::from_str(text).unwrap();
    let again = serde_json::to_string(&schedule).unwrap();
    assert_eq!(serde_json::from_str::<Schedule>(&again).unwrap(), schedule, "{again}");
    schedule
}

#[test]
fn plain_words() {
    let tokyo = |text: &str, after: &str, count| runs(&json(text), "Asia/Tokyo", after, count);
    // 08:59:59.999 and 09:00 in Tokyo.
    let daily = r#"{"when": {"daily": {"at": ["17:30", "9:00", "09:00"]}}}"#;
    assert_eq!(tokyo(daily, "2026-01-31T23:59:59.999Z", 1), ["2026-02-01 09:00 +09:00"]);
    assert_eq!(tokyo(daily, "2026-02-01T00:00:00Z", 2), ["2026-02-01 17:30 +09:00", "2026-02-02 09:00 +09:00"]);
    let weekly = r#"{"when": {"weekly": {"on": ["monday", "friday"], "at": ["09:00"]}}}"#;
    // 2026-02-01 was a Sunday.
    assert_eq!(
        tokyo(weekly, "2026-01-31T15:00:00Z", 3),
        ["2026-02-02 09:00 +09:00", "2026-02-06 09:00 +09:00", "2026-02-09 09:00 +09:00"]
    );
    let monthly = r#"{"when": {"monthly": {"on": [30, "last"], "at": ["00:00"]}}}"#;
    assert_eq!(
        tokyo(monthly, "2028-01-30T00:00:00Z", 4),
        ["2028-01-31 00:00 +09:00", "2028-02-29 00:00 +09:00", "2028-03-30 00:00 +09:00", "2028-03-31 00:00 +09:00"]
    );
    let minutes = r#"{"when": {"minutes": {"every": 25, "from": "09:00", "until": "10:00", "on": ["sunday"]}}}"#;
    assert_eq!(
        tokyo(minutes, "2026-02-01T00:00:00Z", 3),
        ["2026-02-01 09:25 +09:00", "2026-02-01 09:50 +09:00", "2026-02-08 09:00 +09:00"]
    );
    assert_eq!(
        tokyo(r#"{"when": {"minutes": {"every": 1440}}}"#, "2026-02-01T00:00:00Z", 1),
        ["2026-02-02 00:00 +09:00"]
    );
    // Its own time zone comes before that of the store.
    let utc = r#"{"when": {"daily": {"at": ["00:00"]}}, "time_zone": "UTC", "missed": "skip"}"#;
    assert_eq!(tokyo(utc, "2026-02-01T00:00:00Z", 1), ["2026-02-02 09:00 +09:00"]);
}

#[test]
fn cron_fields() {
    let tokyo = |text: &str, after: &str, count| runs(&Schedule::cron(text), "Asia/Tokyo", after, count);
    assert_eq!(
        tokyo("*/15 * * * *", "2026-02-01T00:01:00Z", 2),
        ["2026-02-01 09:15 +09:00", "2026-02-01 09:30 +09:00"]
    );
    assert_eq!(tokyo("0 9 29 2 *", "2026-02-01T00:00:00Z", 1), ["2028-02-29 09:00 +09:00"]);
    // Around a year that is no leap year for once.
    assert_eq!(tokyo("0 9 29 2 *", "2096-03-01T00:00:00Z", 1), ["2104-02-29 09:00 +09:00"]);
    // Either day, unless one begins with a star.
    assert_eq!(
        tokyo("0 9 13 * fri", "2026-02-01T00:00:00Z", 3)[..2],
        ["2026-02-06 09:00 +09:00", "2026-02-13 09:00 +09:00"]
    );
    assert_eq!(tokyo("0 9 */2 * SUN", "2026-02-01T00:00:00Z", 1), ["2026-02-15 09:00 +09:00"]);
    assert_eq!(tokyo("0 9 * * 7", "2026-02-01T00:00:00Z", 1), tokyo("0 9 * * 0", "2026-02-01T00:00:00Z", 1));
    assert_eq!(
        tokyo("0 9 L jan-Mar/2 *", "2026-02-01T00:00:00Z", 2),
        ["2026-03-31 09:00 +09:00", "2027-01-31 09:00 +09:00"]
    );
    assert_eq!(
        tokyo("5,35 8-10/2 1 * *", "2026-02-01T00:00:00Z", 2),
        ["2026-02-01 10:05 +09:00", "2026-02-01 10:35 +09:00"]
    );
}

#[test]
fn clocks_that_are_put_forward_and_back() {
    // New York: 2026-03-08 02:00 becomes 03:00, 2026-11-01 02:00 becomes 01:00.
    let york = |text: &str, after: &str, count| runs(&Schedule::cron(text), "America/New_York", after, count);
    assert_eq!(york("30 2 * * *", "2026-03-08T05:00:00Z", 2), ["2026-03-08 03:30 -04:00", "2026-03-09 02:30 -04:00"]);
    assert_eq!(york("30 2,3 8 3 *", "2026-03-08T05:00:00Z", 2), ["2026-03-08 03:30 -04:00", "2027-03-08 02:30 -05:00"]);
    assert_eq!(york("30 1 * * *", "2026-11-01T04:00:00Z", 2), ["2026-11-01 01:30 -04:00", "2026-11-02 01:30 -05:00"]);
    assert_eq!(
        york("*/30 * * * *", "2026-11-01T05:00:00Z", 4),
        ["2026-11-01 01:30 -04:00", "2026-11-01 01:00 -05:00", "2026-11-01 01:30 -05:00", "2026-11-01 02:00 -05:00"]
    );
    assert_eq!(york("*/30 * * * *", "2026-03-08T06:30:00Z", 2), ["2026-03-08 03:00 -04:00", "2026-03-08 03:30 -04:00"]);
    // Samoa left out the whole of 2011-12-30.
    assert_eq!(
        runs(&Schedule::cron("0 9,10 * * *"), "Pacific/Apia", "2011-12-30T06:00:00Z", 3),
        ["2011-12-31 09:00 +14:00", "2011-12-31 10:00 +14:00", "2012-01-01 09:00 +14:00"]
    );
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let place = place("Asia/Tokyo");
    let said = |schedule: Schedule| {
        let error = place.store.next_runs(&schedule, Timestamp(0), 1).unwrap_err();
        assert_eq!(error.code(), Code::ScheduleInvalid);
        assert!(!error.message(Language::Japanese).is_empty());
        error.to_string()
    };
    let cron = |text: &str| said(Schedule::cron(text));
    for (text, part) in [
        ("", "five fields"),
        ("0 9 * *", "has 4"),
        ("0 0 9 * * *", "has 6"),
        ("60 9 * * *", "minute \"60\": \"60\" is no number from 0 to 59"),
        ("0 24 * * *", "hour"),
        ("0 9 0 * *", "day of the month"),
        ("0 9 32 * *", "from 1 to 31"),
        ("0 9 * 13 *", "month"),
        ("0 9 * foo *", "\"foo\""),
        ("0 9 * * 8", "from 0 to 7"),
        ("0 9 * * L", "\"L\""),
        ("5/15 * * * *", "before a /"),
        ("*/0 * * * *", "step"),
        ("*/60 * * * *", "1 to 59"),
        ("20-10 * * * *", "backwards"),
        ("1,,2 * * * *", "\"\""),
        ("-5 * * * *", "\"\""),
        ("+5 * * * *", "\"+5\""),
        ("? * * * *", "\"?\""),
        ("0 9 30 2 *", "never"),
        ("0 9 31 2,4,6,9,11 *", "never"),
    ] {
        let told = cron(text);
        assert!(told.contains(part), "{text}: {told}");
    }
    assert!(cron(&"1,".repeat(2_000)).contains("longer"));
    let time = |text: &str| text.parse::<Time>().unwrap();
    assert!(said(Schedule::daily([])).contains("'at'"));
    assert!(said(Schedule::daily([time("09:00:30")])).contains("seconds"));
    assert!(said(Schedule::daily(vec![time("09:00"); 101])).contains("100"));
    assert!(said(Schedule::weekly([], [time("09:00")])).contains("day of the week"));
    assert!(said(Schedule::monthly([], [time("09:00")])).contains("day of the month"));
    assert!(said(Schedule::monthly([MonthDay::Day(0)], [time("09:00")])).contains("1 to 31"));
    assert!(said(Schedule::monthly([MonthDay::Day(32)], [time("09:00")])).contains("\"32\""));
    assert!(said(Schedule::every_minutes(0)).contains("'every'"));
    assert!(said(Schedule::every_minutes(1_441)).contains("1,440"));
    let span = |from: &str, until: &str| {
        Schedule::new(When::Minutes { every: 1, from: Some(time(from)), until: Some(time(until)), on: vec![] })
    };
    assert!(said(span("10:00", "09:59")).contains("before `from`"));
    assert!(said(span("10:00", "10:00:01")).contains("'until'"));
    assert!(said(Schedule::every_minutes(5).time_zone("JST")).contains("such as Asia/Tokyo"));
    for bad in [
        r#"{"when": {"hourly": {}}}"#,
        r#"{"when": {"daily": {"at": ["25:00"]}}}"#,
        r#"{"when": {"monthly": {"on": [300], "at": ["09:00"]}}}"#,
        r#"{"when": {"monthly": {"on": ["first"], "at": ["09:00"]}}}"#,
        r#"{"when": {"daily": {"at": [], "on": []}}}"#,
        r#"{"when": {"cron": "* * * * *"}, "zone": "UTC"}"#,
    ] {
        assert!(serde_json::from_str::<Schedule>(bad).is_err(), "{bad}");
    }
}

#[test]
fn missed_runs_are_skipped_or_made_up_for_by_one() {
    let place = place("Asia/Tokyo");
    let daily = Schedule::daily(["09:00".parse().unwrap()]);
    let (once, skip) = (daily.clone(), daily.missed(Missed::Skip));
    let due = |schedule: &Schedule, planned: &str, now: &str| {
        schedule.timetable(&place.store).unwrap().due(at(planned), at(now))
    };
    let first = "2026-02-01T00:00:00Z";
    let next = Some(at("2026-02-02T00:00:00Z"));
    for schedule in [&once, &skip] {
        assert_eq!(due(schedule, first, "2026-01-31T23:59:59.999Z"), None);
        assert_eq!(due(schedule, first, first), Some(Due { run: Some(at(first)), next }));
        assert_eq!(due(schedule, first, "2026-02-01T00:10:00Z"), Some(Due { run: Some(at(first)), next }));
        // Of the many that passed, the last is on time.
        assert_eq!(due(schedule, "2020-01-01T00:00:00Z", first), Some(Due { run: Some(at(first)), next }));
    }
    assert_eq!(due(&once, first, "2026-02-01T00:10:00.001Z"), Some(Due { run: Some(at(first)), next }));
    assert_eq!(due(&skip, first, "2026-02-01T00:10:00.001Z"), Some(Due { run: None, next }));
    // A plan that was changed in between: the moment that was kept is none of its own.
    let odd = "2026-02-01T03:00:00Z";
    assert_eq!(due(&once, odd, "2026-02-01T04:00:00Z"), Some(Due { run: Some(at(odd)), next }));
}

/// Every minute that fits, by asking of each what clocks show.
fn naive(when: &When, zone: &TimeZone, after: Timestamp, minutes: i64) -> Option<Timestamp> {
    let When::Minutes { every, from, until, on } = when else { unreachable!() };
    let first = after.0.div_euclid(60_000) + 1;
    (first..first + minutes).map(|minute| Timestamp(minute * 60_000)).find(|moment| {
        let local = zone.to_datetime(jiff::Timestamp::from_millisecond(moment.0).unwrap());
        let of_day = u32::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap();
        let of = |time: Time| u32::from(time.hour()) * 60 + u32::from(time.minute());
        let (from, until) = (from.map_or(0, of), until.map_or(1_439, of));
        let day = local.date().weekday().to_sunday_zero_offset();
        let fits = on.is_empty() || on.iter().any(|weekday| *weekday as i8 == day);
        fits && (from..=until).contains(&of_day) && (of_day - from) % every == 0
    })
}

const WEEK: [Weekday; 7] = [
    Weekday::Sunday,
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
];

fn any_cron() -> impl Strategy<Value = String> {
    let minute = prop_oneof![
        Just("*".to_owned()),
        (0..60u32).prop_map(|n| n.to_string()),
        (1..60u32).prop_map(|n| format!("*/{n}"))
    ];
    let hour = prop_oneof![
        Just("*".to_owned()),
        (0..24u32).prop_map(|n| n.to_string()),
        (0..12u32).prop_map(|n| format!("{n}-{}", n + 9))
    ];
    let day = prop_oneof![Just("*".to_owned()), Just("L".to_owned()), (1..32u32).prop_map(|n| n.to_string())];
    let month = prop_oneof![3 => Just("*".to_owned()), 1 => (1..13u32).prop_map(|n| n.to_string())];
    let weekday = prop_oneof![3 => Just("*".to_owned()), 1 => (0..8u32).prop_map(|n| n.to_string())];
    (minute, hour, day, month, weekday).prop_map(|(a, b, c, d, e)| format!("{a} {b} {c} {d} {e}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn reading_never_panics(text in prop_oneof![any::<String>(), "[-0-9*,/ L]{0,20}", "([-0-9*,/a-z]{1,4} ){4}[-0-9*/]{1,3}"]) {
        let _ = cron::parse(&text);
    }

    /// Around both changes of clocks of a year, too.
    #[test]
    fn intervals_agree_with_asking_every_minute(
        every in 1..=1_440u32,
        span in proptest::option::of((0..1_440u32, 0..1_440u32)),
        on in proptest::sample::subsequence(WEEK.to_vec(), 0..=7),
        zone in prop_oneof![Just("Asia/Tokyo"), Just("America/New_York"), Just("Australia/Lord_Howe")],
        after in prop_oneof![1_770_000_000_000..1_800_000_000_000i64, 1_772_900_000_000..1_773_000_000_000i64],
    ) {
        let time = |minute: u32| Time::new((minute / 60) as u8, (minute % 60) as u8, 0);
        let (from, until) = match span {
            Some((a, b)) => (time(a.min(b)), time(a.max(b))),
            None => (None, None),
        };
        let when = When::Minutes { every, from, until, on };
        let place = place(zone);
        let zone = TimeZone::get(zone).unwrap();
        let found = place.store.next_runs(&Schedule::new(when.clone()), Timestamp(after), 1).unwrap();
        prop_assert_eq!(found.first().copied(), naive(&when, &zone, Timestamp(after), 9 * 1_440));
    }

    #[test]
    fn forwards_and_backwards_agree(text in any_cron(), zone in prop_oneof![Just("Asia/Tokyo"), Just("Europe/Berlin")], after in 0..4_000_000_000_000i64) {
        let place = place(zone);
        let Ok(timetable) = Schedule::cron(text).timetable(&place.store) else { return Ok(()) };
        let after = Timestamp(after);
        let next = timetable.next_after(after).unwrap();
        prop_assert!(next > after);
        prop_assert_eq!(timetable.next_after(Timestamp(next.0 - 1)), Some(next));
        prop_assert_eq!(timetable.last_until(next), Some(next));
        let before = timetable.last_until(Timestamp(next.0 - 1));
        prop_assert!(before.is_none_or(|before| before <= after));
    }
}
