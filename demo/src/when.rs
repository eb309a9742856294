//! Times as AWS writes them. Inside the generator every time is milliseconds since the epoch.

use jiff::{Timestamp, tz::TimeZone};

fn civil(millis: i64, format: &str) -> String {
    Timestamp::from_millisecond(millis)
        .expect("the anchor keeps times within a few days of the present")
        .to_zoned(TimeZone::UTC)
        .strftime(format)
        .to_string()
}

/// As version 2 of the AWS CLI prints it: `2026-11-21T21:41:46.947000+00:00`.
pub fn cli(millis: i64) -> String {
    civil(millis, "%Y-%m-%dT%H:%M:%S.%3f000+00:00")
}

/// As Lambda's runtimes print it: `2026-11-21T21:41:46.947Z`.
pub fn zulu(millis: i64) -> String {
    civil(millis, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// The day, as in the names of log streams: `2026/11/21`.
pub fn day(millis: i64) -> String {
    civil(millis, "%Y/%m/%d")
}

/// For names of executions: `20261121-2141`.
pub fn stamp(millis: i64) -> String {
    civil(millis, "%Y%m%d-%H%M")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_as_aws_writes_them() {
        let at = 1_795_297_306_047;
        assert_eq!(cli(at), "2026-11-21T21:41:46.047000+00:00");
        assert_eq!(zulu(at), "2026-11-21T21:41:46.047Z");
        assert_eq!(day(at), "2026/11/21");
        assert_eq!(stamp(at), "20261121-2141");
    }
}
