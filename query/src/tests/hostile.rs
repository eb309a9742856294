//! SQL from people who mean harm, or whose cat walked over the keyboard.

use super::{csv, data, engine};
use crate::{Error, parse::parse};
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
        ]
    };
    for n in [4, 8, 12, 16, 20, 24, 48, 400, 10_000] {
        for text in texts(n) {
            let started = Instant::now();
            let _ = parse(&text, |error| Error::sql(error.to_string()));
            let took = started.elapsed();
            assert!(
                took < Duration::from_secs(5),
                "{took:?}: {n} × {}",
                &text[..30]
            );
        }
    }
}
