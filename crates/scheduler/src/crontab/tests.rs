use super::*;
use proptest::prelude::*;

fn crontab(schedule: &str, zone: &str) -> Crontab {
    Crontab::parse(schedule, zone).unwrap_or_else(|e| panic!("{schedule}: {e}"))
}

fn time(text: &str) -> Timestamp {
    let moment: Moment = text.parse().expect("a time of the test");
    Timestamp(moment.as_millisecond())
}

fn check(schedule: &str, zone: &str, after: &str, expected: &[&str]) {
    let ticks = crontab(schedule, zone).ticks(time(after), expected.len());
    let expected: Vec<_> = expected.iter().map(|text| time(text)).collect();
    assert_eq!(ticks, expected, "{schedule} in {zone} after {after}");
}

/// 2023 began on a Sunday.
#[test]
fn fields_mean_what_crontab_means() {
    let after = "2023-01-01T00:00:00Z";
    check(
        "* * * * *",
        "",
        after,
        &["2023-01-01T00:01:00Z", "2023-01-01T00:02:00Z"],
    );
    check(
        "59 23 31 12 *",
        "",
        after,
        &["2023-12-31T23:59:00Z", "2024-12-31T23:59:00Z"],
    );
    check(
        "*/20 5 * * *",
        "",
        after,
        &[
            "2023-01-01T05:00:00Z",
            "2023-01-01T05:20:00Z",
            "2023-01-01T05:40:00Z",
            "2023-01-02T05:00:00Z",
        ],
    );
    check(
        "7/25 0 * * *",
        "",
        after,
        &[
            "2023-01-01T00:07:00Z",
            "2023-01-01T00:32:00Z",
            "2023-01-01T00:57:00Z",
        ],
    );
    check(
        "0 10-14/2,20 * JAN mOn",
        "",
        after,
        &[
            "2023-01-02T10:00:00Z",
            "2023-01-02T12:00:00Z",
            "2023-01-02T14:00:00Z",
            "2023-01-02T20:00:00Z",
            "2023-01-09T10:00:00Z",
        ],
    );
    check(
        "0 0 29 2 ?",
        "",
        after,
        &["2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"],
    );
    check(
        "0 0 29 2 *",
        "",
        "2096-03-01T00:00:00Z",
        &["2104-02-29T00:00:00Z"],
    );
}

#[test]
fn both_sundays_are_one_and_ranges_may_end_there() {
    let after = "2023-01-01T00:00:00Z";
    for sunday in ["0", "7", "sun", "SUN", "7-7"] {
        check(
            &format!("0 0 * * {sunday}"),
            "",
            after,
            &["2023-01-08T00:00:00Z", "2023-01-15T00:00:00Z"],
        );
    }
    for weekend in ["6-7", "sat-sun", "6,0", "6-sun"] {
        check(
            &format!("0 0 * * {weekend}"),
            "",
            after,
            &[
                "2023-01-07T00:00:00Z",
                "2023-01-08T00:00:00Z",
                "2023-01-14T00:00:00Z",
            ],
        );
    }
}

#[test]
fn either_day_is_enough_when_both_are_given() {
    let after = "2023-01-01T00:00:00Z";
    check(
        "0 0 5 * 5",
        "",
        after,
        &[
            "2023-01-05T00:00:00Z",
            "2023-01-06T00:00:00Z",
            "2023-01-13T00:00:00Z",
        ],
    );
    check(
        "0 0 */2 * 1",
        "",
        after,
        &["2023-01-09T00:00:00Z", "2023-01-23T00:00:00Z"],
    );
}

#[test]
fn a_time_that_the_clocks_leave_out_fires_once_right_after_the_gap() {
    // At 02:00 it was 03:00.
    let after = "2024-03-30T12:00:00Z";
    check(
        "30 2 * * *",
        "Europe/Berlin",
        after,
        &["2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z"],
    );
    check(
        "0,15,30 2 * * *",
        "Europe/Berlin",
        after,
        &["2024-03-31T01:00:00Z", "2024-04-01T00:00:00Z"],
    );
    check(
        "0 3 * * *",
        "Europe/Berlin",
        after,
        &["2024-03-31T01:00:00Z", "2024-04-01T01:00:00Z"],
    );
    // The rhythm goes on.
    check(
        "*/30 * * * *",
        "Europe/Berlin",
        "2024-03-31T00:30:00Z",
        &["2024-03-31T01:00:00Z", "2024-03-31T01:30:00Z"],
    );
    check(
        "30 * * * *",
        "Europe/Berlin",
        "2024-03-31T00:30:00Z",
        &["2024-03-31T01:30:00Z"],
    );
    check(
        "*/30 2 * * *",
        "Europe/Berlin",
        after,
        &["2024-04-01T00:00:00Z"],
    );
    // Half an hour, on Lord Howe; a whole day, in Samoa.
    check(
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2024-10-05T00:00:00Z",
        &["2024-10-05T15:30:00Z", "2024-10-06T15:15:00Z"],
    );
    check(
        "0 12 * * *",
        "Pacific/Apia",
        "2011-12-29T20:00:00Z",
        &[
            "2011-12-29T22:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-30T22:00:00Z",
        ],
    );
}

#[test]
fn a_time_that_comes_twice_fires_the_first_time() {
    // At 03:00 it was 02:00 again.
    let after = "2024-10-26T12:00:00Z";
    check(
        "30 2 * * *",
        "Europe/Berlin",
        after,
        &["2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"],
    );
    check(
        "30 2 * * *",
        "Europe/Berlin",
        "2024-10-27T01:10:00Z",
        &["2024-10-28T01:30:00Z"],
    );
    check(
        "30 * * * *",
        "Europe/Berlin",
        "2024-10-26T23:45:00Z",
        &[
            "2024-10-27T00:30:00Z",
            "2024-10-27T01:30:00Z",
            "2024-10-27T02:30:00Z",
        ],
    );
    check(
        "*/30 2 * * *",
        "Europe/Berlin",
        after,
        &[
            "2024-10-27T00:00:00Z",
            "2024-10-27T00:30:00Z",
            "2024-10-27T01:00:00Z",
            "2024-10-27T01:30:00Z",
            "2024-10-28T01:00:00Z",
        ],
    );
}

#[test]
fn what_is_no_schedule_is_refused_by_the_name_of_the_field() {
    for (schedule, field) in [
        ("60 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* * 0 * *", "day of the month"),
        ("* * 32 * *", "day of the month"),
        ("* * L * *", "day of the month"),
        ("* * * 13 *", "month"),
        ("* * * * 8", "day of the week"),
        ("* * * * mo", "day of the week"),
        ("* * * * 5#2", "day of the week"),
        ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("1,,2 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("+1 * * * *", "minute"),
        ("1/2/3 * * * *", "minute"),
        ("1-2-3 * * * *", "minute"),
        ("jan * * * *", "minute"),
        ("٣ * * * *", "minute"),
    ] {
        let refused = Crontab::parse(schedule, "")
            .expect_err(schedule)
            .to_string();
        assert!(
            refused.starts_with(&format!("the {field} of a schedule")),
            "{schedule}: {refused}"
        );
    }
    for schedule in ["", "* * * *", "* * * * * *", "@daily"] {
        assert!(
            matches!(Crontab::parse(schedule, ""), Err(BadSchedule::Fields(_))),
            "{schedule}"
        );
    }
    for schedule in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert_eq!(
            Crontab::parse(schedule, "").err(),
            Some(BadSchedule::Never),
            "{schedule}"
        );
    }
    assert_eq!(
        Crontab::parse(&"1,".repeat(200), "").err(),
        Some(BadSchedule::Long)
    );
    assert!(
        crontab("0 0 30 2 1", "").next(Timestamp(0)).is_some(),
        "Mondays are enough"
    );
}

#[test]
fn zones_are_known_by_name_and_by_nothing_else() {
    assert_eq!(crontab("* * * * *", "").timezone(), "UTC");
    assert_eq!(crontab("* * * * *", "UTC").timezone(), "UTC");
    assert_eq!(
        crontab("* * * * *", "Europe/Berlin").timezone(),
        "Europe/Berlin"
    );
    for zone in [
        "Mars/Olympus",
        "../../etc/passwd",
        "EST5EDT,M3.2.0,M11.1.0",
        " ",
        "\0",
    ] {
        assert!(
            matches!(Crontab::parse("* * * * *", zone), Err(BadSchedule::Zone(_))),
            "{zone}"
        );
    }
}

#[test]
fn times_at_the_ends_of_the_calendar_have_no_next() {
    let crontab = crontab("0 0 1 1 *", "Asia/Tokyo");
    for after in [i64::MAX, i64::MIN, time("9999-12-30T00:00:00Z").0] {
        assert_eq!(crontab.next(Timestamp(after)), None);
    }
}

const MINUTE_MS: i64 = 60_000;

/// Looks at every minute there is, and at every clock on the wall, and knows no arithmetic beyond that.
fn naive(crontab: &Crontab, after: Timestamp, minutes: i64) -> Vec<Timestamp> {
    let first = after.0.div_euclid(MINUTE_MS) * MINUTE_MS;
    let is_rhythm = crontab.minute.is_star || crontab.hour.is_star;
    let name = |ms: i64| {
        let moment = Moment::from_millisecond(ms).expect("in the calendar");
        crontab.zone.to_datetime(moment)
    };
    let fits = |wall: DateTime| {
        crontab.fits(wall.date())
            && crontab.hour.has(wall.hour().try_into().expect("small"))
            && crontab.minute.has(wall.minute().try_into().expect("small"))
    };
    let mut ticks = Vec::new();
    // Names of the two days before were used up already.
    let mut latest = name(first - 2 * 1440 * MINUTE_MS);
    let mut ms = first - 2 * 1440 * MINUTE_MS;
    while ms <= first + minutes * MINUTE_MS {
        let wall = name(ms);
        let mut fires = is_rhythm && fits(wall);
        while !is_rhythm && latest < wall {
            latest = minute_later(latest).expect("in the calendar");
            fires |= fits(latest);
        }
        if fires && ms > after.0 {
            ticks.push(Timestamp(ms));
        }
        ms += MINUTE_MS;
    }
    ticks
}

fn field(low: u32, high: u32) -> impl Strategy<Value = String> {
    let value = low..=high;
    let range =
        (value.clone(), value.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let term = prop_oneof![
        3 => value.clone().prop_map(|v| v.to_string()),
        1 => range.clone(),
        1 => (range, 1_u32..9).prop_map(|(range, step)| format!("{range}/{step}")),
        1 => (value, 1_u32..40).prop_map(|(first, step)| format!("{first}/{step}")),
    ];
    prop_oneof![
        2 => Just("*".to_owned()),
        1 => (1_u32..40).prop_map(|step| format!("*/{step}")),
        4 => proptest::collection::vec(term, 1..4).prop_map(|terms| terms.join(",")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn ticks_are_those_of_looking_at_every_minute(
        minute in field(0, 59),
        hour in field(0, 23),
        day in field(1, 31),
        month in field(1, 12),
        weekday in field(0, 7),
        zone in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
            "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Apia",
        ]),
        // Around changes of clocks in the north, in the south, and anywhere.
        around in prop::sample::select(vec![
            1_711_846_800_i64, 1_729_990_800, 1_710_054_000, 1_728_142_200, 1_325_239_200, 1_541_300_400, 1_700_000_000,
        ]),
        shift in -2_880_i64..2_880,
        ms in 0_i64..MINUTE_MS,
    ) {
        let schedule = format!("{minute} {hour} {day} {month} {weekday}");
        let Ok(crontab) = Crontab::parse(&schedule, zone) else { return Ok(()) };
        let after = Timestamp(around * 1000 + shift * MINUTE_MS + ms);
        let expected = naive(&crontab, after, 3 * 1440);
        let mut ticks = crontab.ticks(after, expected.len() + 1);
        let beyond = after.0.div_euclid(MINUTE_MS) * MINUTE_MS + 3 * 1440 * MINUTE_MS;
        ticks.retain(|tick| tick.0 <= beyond);
        prop_assert_eq!(ticks, expected, "{} in {}", schedule, zone);
    }

    #[test]
    fn no_text_breaks_the_parser(schedule in "[-*?/,0-9a-zA-Z@# ]{0,40}", zone in "[A-Za-z/_.]{0,12}") {
        if let Ok(crontab) = Crontab::parse(&schedule, &zone) {
            prop_assert!(crontab.next(Timestamp(0)).is_some());
        }
    }
}
