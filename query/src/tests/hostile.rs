//! SQL from people who mean harm, or whose cat walked over the keyboard.

use super::{csv, data, engine};
use crate::{Error, condition, parse::parse};
use data::Layout;
use std::time::{Duration, Instant};

/// Statements that would change or read something else, and what must be said.
#[tokio::test]
async fn only_reading_is_allowed() {
    let engine = engine();
    for text in [
        "create table x as select 1",
        "create external table x stored as csv location '/etc/passwd'",
        "copy spans to '/tmp/x.csv'",
        "copy (select 1) to '/tmp/x.csv' stored as csv",
        "insert into spans select * from spans",
        "delete from spans",
        "update spans set name = 'x'",
        "drop table spans",
        "set datafusion.execution.batch_size = 1",
        "reset datafusion.execution.batch_size",
        "select 1 into t",
        "explain create table x as select 1",
        "explain analyze insert into spans select * from spans",
        "with x as (delete from spans returning *) select * from x",
        "select * from '/etc/passwd'",
        "select * from \"file:///etc/passwd\"",
        "select * from read_csv('/etc/passwd')",
        "select * from information_schema.df_settings",
        "select (select value from information_schema.df_settings limit 1)",
        "show all",
        "show datafusion.runtime.temp_directory",
        "select 1; select 2",
        "begin",
        "prepare p as select 1",
        "execute p",
        "select repeat('x', 2000000000)",
        "select length(lpad('x', 2000000000))",
        "select array_repeat(1, 2000000000)",
        "select list_repeat(1, 2000000000)",
        "select range(0, 1000000000)",
        "",
        ";",
    ] {
        let tables = data::tables(Layout::Memory).await;
        let answer = csv(&engine, tables, text).await;
        assert!(answer.is_err(), "{text} was answered: {answer:?}");
    }
}

/// Whatever the text, there is an answer or an error: no panic, no hang.
#[tokio::test]
async fn scrambled_queries_are_answered_or_refused() {
    const WORDS: &[&str] = &[
        "select",
        "from",
        "spans",
        "executions",
        "where",
        "(",
        ")",
        "'",
        "\"",
        ",",
        "*",
        "--",
        "/*",
        "attributes",
        "['a']",
        "[",
        "]",
        "->",
        "->>",
        "'k'",
        "name",
        "start_time",
        "=",
        "<",
        "and",
        "or",
        "not",
        "null",
        "group by",
        "order by",
        "limit",
        "1",
        "-1",
        "1e999",
        "count(*)",
        "sum(",
        "case when",
        "then",
        "end",
        "with x as",
        "union all",
        "join",
        "on",
        "interval",
        "'1 minute'",
        "date_bin",
        "cast(",
        "as int",
        "::timestamp",
        "é",
        "\u{0}",
        ";",
        "over ()",
        "unnest",
        "make_array",
        "exists",
        "in",
        "between",
        "like",
        "'%'",
        "explain",
        "values",
        "distinct",
        "having",
        "end_time",
        "trace_id",
        "'00'",
        "9223372036854775808",
        "$1",
        "@x",
    ];
    let engine = engine();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..400 {
        let length = 1 + random(14);
        let mut text = String::from(if random(2) == 0 { "select " } else { "" });
        for _ in 0..length {
            text.push_str(WORDS[random(WORDS.len())]);
            text.push(' ');
        }
        let tables = data::tables(Layout::Memory).await;
        let _ = csv(&engine, tables, &text).await;
    }
}

#[tokio::test]
async fn deep_and_long_queries_are_refused() {
    let engine = engine();
    for text in [
        format!("select {}1{}", "(".repeat(20_000), ")".repeat(20_000)),
        format!("select {}1", "not ".repeat(20_000)),
        format!("select 1{}", " + 1".repeat(100_000)),
        format!("select {}", "case when true then ".repeat(5_000)),
    ] {
        let tables = data::tables(Layout::Memory).await;
        let answer = csv(&engine, tables, &text).await;
        assert!(answer.is_err(), "{} was answered", &text[..40]);
    }
}

/// Grammar that the parser cannot digest by itself is given up quickly, with a message.
#[test]
fn nesting_is_parsed_or_given_up_quickly() {
    let around = |n: usize, open: &str, close: &str| {
        format!("select {}1{}", open.repeat(n), close.repeat(n))
    };
    let texts = |n: usize| {
        [
            around(n, "(", ")"),
            around(n, "(", ""),
            around(n, "not ", ""),
            around(n, "case when true then ", ""),
            around(n, "exists (select ", ")"),
            around(n, "abs(", ")"),
            around(n, "[", "]"),
            around(n, "- ", ""),
            around(n, "cast(", " as int)"),
            around(n, "interval ", ""),
            around(n, "{'a': ", "}"),
            around(n, "1 between ", ""),
            around(n, "(1, ", ")"),
            around(n, "* from (", ")"),
            around(n, "* from (a join ", ")"),
            around(n, "cast(1 as array<", ">)"),
            format!("select cast(1 as {}", "array<".repeat(n)),
            format!("select a{}", "[1]".repeat(n)),
            format!("select a{}", "[]".repeat(n)),
            format!("select cast(1 as int{})", "[]".repeat(n)),
            format!("select a{}", "::int".repeat(n)),
            format!("select a{}", ".b".repeat(n)),
            format!("select a{}", "!".repeat(n)),
        ]
    };
    for n in [4, 8, 12, 16, 20, 24, 48, 400, 10_000] {
        for text in texts(n) {
            // As the threads for queries are.
            let thread = std::thread::Builder::new().stack_size(64 << 20);
            let started = Instant::now();
            std::thread::scope(|scope| {
                let parsing = || drop(parse(&text, |error| Error::sql(error.to_string())));
                let parsed = thread.spawn_scoped(scope, parsing).expect("a thread");
                parsed.join().expect("it ends");
            });
            let took = started.elapsed();
            assert!(
                took < Duration::from_secs(5),
                "{took:?}: {n} × {}",
                &text[..30]
            );
        }
    }
}

#[test]
fn a_condition_is_one_expression_and_nothing_beyond_it() {
    let check = |text: &str, expect: Option<(&str, &[&str])>| {
        let read = condition(text).ok().map(|it| (it.text, it.parts));
        let expect = expect.map(|(text, parts)| {
            let parts = parts.iter().map(|it| (*it).to_owned()).collect();
            (text.to_owned(), parts)
        });
        assert_eq!(read, expect, "{text}");
    };
    check("status = 'x'", Some(("status = 'x'", &["status = 'x'"])));
    check(
        "a = 1 and not (b > 2 or c is null)",
        Some((
            "a = 1 AND NOT (b > 2 OR c IS NULL)",
            &["a = 1", "b > 2", "c IS NULL"],
        )),
    );
    check(
        "name = 'o''clock -- no' -- a comment",
        Some(("name = 'o''clock -- no'", &["name = 'o''clock -- no'"])),
    );
    check(
        "attributes['http.route'] = '/x'",
        Some((
            "attributes['http.route'] = '/x'",
            &["attributes['http.route'] = '/x'"],
        )),
    );
    check(
        "input ->> 'a' = 'b'",
        Some(("input ->> 'a' = 'b'", &["input ->> 'a' = 'b'"])),
    );
    for text in [
        "status = 'x') OR (true",
        "true) UNION SELECT 1 WHERE (true",
        "true; SELECT 1",
        "true /* to be continued",
        "name = 'open",
        "true, false",
        "status = 'x' ORDER BY 1",
        "",
        "-- nothing",
        ")",
    ] {
        check(text, None);
    }
}

#[test]
fn long_and_deep_conditions_end() {
    for n in [10, 40, 200, 900, 1_100, 20_000] {
        for text in [
            format!("a = 1{}", " and a = 1".repeat(n)),
            format!("a = 1{}", " or (a = 1".repeat(n) + &")".repeat(n)),
            format!("{}true", "not ".repeat(n)),
            format!("{}true{}", "(".repeat(n), ")".repeat(n)),
            format!("{}1", "- ".repeat(n)),
            "case when true then ".repeat(n),
            format!("a{}", "::int".repeat(n)),
            format!("a{}", "[1]".repeat(n)),
            format!("a{}", " is null".repeat(n)),
            format!("a{}", " between 1 and 2".repeat(n)),
            format!("a{}", " collate x".repeat(n)),
            format!("a{}", " at time zone 'x'".repeat(n)),
            format!("a = {}", "any(".repeat(n)),
            format!("a{}", " in (1)".repeat(n)),
            format!("a{}", " like 'x'".repeat(n)),
            format!("a{}", "!".repeat(n)),
        ] {
            let started = Instant::now();
            let _ = condition(&text);
            assert!(
                started.elapsed() < Duration::from_secs(5),
                "{n} × {}",
                &text[..30.min(text.len())]
            );
        }
    }
}
