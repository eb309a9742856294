//! Counts by slice: windows, methods, what does not count, several as one.

use crate::{
    Ratio,
    definition::{Empty, Exclusion, Method, Slices},
    series::{Counts, Series},
};

fn series(counts: &[(i64, u64, u64)]) -> Series {
    let counts = counts
        .iter()
        .map(|(start, total, bad)| {
            (
                *start,
                Counts {
                    total: *total,
                    bad: *bad,
                },
            )
        })
        .collect();
    Series::new(60, &counts, Some(0))
}

fn slices(target: &str, empty: Empty) -> Slices {
    Slices {
        length: 60,
        target: Ratio::parse(target).expect("a number"),
        empty,
    }
}

#[test]
fn a_window_has_the_slices_whose_middle_it_has() {
    let series = series(&[(0, 10, 1), (60, 10, 2), (120, 10, 4)]);
    let check = |from, to, bad| assert_eq!(series.sum(from, to).bad, bad, "{from}..{to}");
    check(0, 180, 7);
    check(60, 120, 2);
    check(30, 90, 1);
    check(31, 91, 2);
    check(180, 999, 0);
    check(120, 60, 0);
}

#[test]
fn late_counts_change_every_sum_after_them() {
    let mut late = series(&[(0, 10, 0), (120, 10, 4)]);
    late.replace(&[(60, Counts { total: 5, bad: 5 }), (120, Counts::default())].into());
    assert_eq!(late, series(&[(0, 10, 0), (60, 5, 5)]));
}

#[test]
fn forgetting_keeps_the_sums() {
    let counts: Vec<(i64, u64, u64)> = (0..5_000).map(|it| (it * 60, 2, 1)).collect();
    let mut short = series(&counts);
    short.forget_before(3_000 * 60);
    assert_eq!(short.len(), 2_000);
    assert_eq!(
        short.sum(3_000 * 60, 5_000 * 60),
        Counts {
            total: 4_000,
            bad: 2_000
        }
    );
}

#[test]
fn a_slice_is_good_at_exactly_its_target() {
    let method = Method::Timeslices(slices("0.95", Empty::Ignored));
    let by = series(&[(0, 100, 5), (60, 100, 6)]).by(&method);
    assert_eq!(by.sum(0, 120), Counts { total: 2, bad: 1 });
}

#[test]
fn slices_without_data_are_good_bad_or_nothing() {
    let day = series(
        &(0..1_380)
            .map(|it| (it * 60, 10, if it < 10 { 10 } else { 0 }))
            .collect::<Vec<_>>(),
    );
    let check = |empty, expect: (u64, u64)| {
        let counts = day
            .by(&Method::Timeslices(slices("1", empty)))
            .sum(0, 86_400);
        assert_eq!((counts.total - counts.bad, counts.total), expect);
    };
    check(Empty::Good, (1_430, 1_440));
    check(Empty::Ignored, (1_370, 1_380));
    check(Empty::Bad, (1_370, 1_440));
}

#[test]
fn the_mean_of_ratios_is_not_the_ratio_of_sums() {
    let method = Method::RatioTimeslices(slices("1", Empty::Ignored));
    let counts = series(&[(0, 1, 1), (60, 999, 0)]).by(&method).sum(0, 120);
    assert_eq!(counts.bad * 2, counts.total);
}

#[test]
fn parts_are_added_or_any_bad_part_counts() {
    let (a, b) = (series(&[(0, 10, 1)]), series(&[(0, 10, 0), (60, 10, 5)]));
    let sum = Series::together(&[(&a, 3), (&b, 1)], false).sum(0, 120);
    assert_eq!(sum, Counts { total: 50, bad: 8 });
    let method = Method::Timeslices(slices("1", Empty::Ignored));
    let (a, b) = (a.by(&method), b.by(&method));
    let any = Series::together(&[(&a, 1), (&b, 1)], true).sum(0, 120);
    assert_eq!(any, Counts { total: 2, bad: 2 });
}

#[test]
fn freshness_ages_minute_by_minute() {
    let fresh = series(&[(0, 1, 0)]).freshness(150, 300);
    let bad: Vec<u64> = fresh.slices().map(|(_, counts)| counts.bad).collect();
    assert_eq!(bad, [0, 0, 0, 1, 1]);
}

#[test]
fn excluded_time_does_not_count() {
    let zone = jiff::tz::TimeZone::UTC;
    let nightly = Exclusion {
        from: 0,
        to: 60,
        every_days: Some(1),
        zone,
        reason: String::new(),
    };
    let kept = series(&[(0, 1, 1), (60, 1, 1), (86_400, 1, 1), (86_460, 1, 0)]).without(&[nightly]);
    assert_eq!(kept.sum(0, 999_999), Counts { total: 2, bad: 1 });
}

#[test]
fn excluded_slices_are_neither_good_nor_bad() {
    let hour = |from: i64| Exclusion {
        from,
        to: from + 3_600,
        every_days: None,
        zone: jiff::tz::TimeZone::UTC,
        reason: String::new(),
    };
    let minutes: Vec<(i64, u64, u64)> = (0..120)
        .map(|it| (it * 60, 1, u64::from(it >= 115)))
        .collect();
    let check = |empty, expect: (u64, u64)| {
        let method = Method::Timeslices(slices("1", empty));
        let kept = series(&minutes).without(&[hour(3_600)]).by(&method);
        // Two hours with events, of which the second is gone, and an hour without.
        let sum = kept.sum(0, 10_800);
        assert_eq!((sum.total, sum.bad), expect);
    };
    check(Empty::Good, (120, 0));
    check(Empty::Ignored, (60, 0));
    check(Empty::Bad, (120, 60));
}

#[test]
fn an_exclusion_keeps_its_time_on_the_wall_through_a_change_of_summer_time() {
    let second = |text: &str| text.parse::<jiff::Timestamp>().expect("a time").as_second();
    let nightly = Exclusion {
        from: second("2025-03-28T02:00:00Z"),
        to: second("2025-03-28T03:00:00Z"),
        every_days: Some(1),
        zone: jiff::tz::TimeZoneDatabase::bundled()
            .get("Europe/Berlin")
            .expect("a zone"),
        reason: String::new(),
    };
    let found = nightly.stretches(
        second("2025-03-29T00:00:00Z"),
        second("2025-04-01T00:00:00Z"),
    );
    let begins: Vec<String> = found
        .iter()
        .map(|(from, _)| {
            jiff::Timestamp::from_second(*from)
                .expect("a time")
                .to_string()
        })
        .collect();
    // 03:00 in Berlin, which on the 30th is the hour that summer time begins with.
    assert_eq!(
        begins,
        [
            "2025-03-29T02:00:00Z",
            "2025-03-30T01:00:00Z",
            "2025-03-31T01:00:00Z"
        ]
    );
}

#[test]
fn a_silent_part_makes_the_whole_bad_where_silence_is() {
    let method = Method::Timeslices(slices("1", Empty::Bad));
    let (a, b) = (
        series(&[(0, 1, 0), (60, 1, 0)]).by(&method),
        series(&[(0, 1, 0)]).by(&method),
    );
    let any = Series::together(&[(&a, 1), (&b, 1)], true).sum(0, 120);
    assert_eq!(any, Counts { total: 2, bad: 1 });
}
