//! `inquest alert`: receivers, deliveries, silences. It works on the folder, also beside a running server,
//! which looks at what changed within a second.

use crate::{
    alerts::{self, Alerts},
    ask::Source,
    cli::{Alert, ReportFormat},
    clock,
    config::Config,
    terminal, times,
};
use anyhow::{Result, bail};
use model::text::counted;
use model::{
    UnixNanos,
    api::deliveries::{Delivery, ReceiverView, Silence, TestOutcome},
    text::visible_line,
    time::{human_duration, rfc3339},
};
use notify::{
    outbox::{self, Status},
    silence,
};
use serde::Serialize;
use state::State;
use std::process::ExitCode;

/// Does it.
///
/// # Errors
/// When the folder cannot be had, `receivers.toml` is wrong, or what was asked for does not exist.
pub async fn alert(config: &Config, command: Alert) -> Result<ExitCode> {
    match command {
        Alert::Test { receiver, format } => return test(config, &receiver, format).await,
        Alert::Receivers { format } => {
            let alerts = Alerts::open(config, State::open_read_only(&config.data)?)?;
            let page = alerts::receiver_page(&alerts)?;
            print(format, &page.receivers, receiver_line)?;
        }
        Alert::List { all, format } => list(config, all, format).await?,
        Alert::Deliveries {
            status,
            receiver,
            limit,
            format,
        } => {
            if let Some(status) = &status {
                alerts::known_status(status)?;
            }
            let state = State::open_read_only(&config.data)?;
            let same =
                |wanted: &Option<String>, held: &str| wanted.as_deref().is_none_or(|it| it == held);
            let page = alerts::delivery_page(&state, limit, clock::now(), |it| {
                same(&status, &it.status) && same(&receiver, &it.receiver)
            })?;
            print(format, &page.rows, delivery_line)?;
        }
        Alert::Replay {
            ids,
            all_dead,
            anyway,
        } => replay(config, ids, all_dead, anyway)?,
        Alert::Silence {
            slo,
            severity,
            duration,
            from,
            until,
            comment,
        } => {
            let now = clock::now();
            let from = match from.as_str() {
                "" => now.0.to_string(),
                text => text.to_owned(),
            };
            let until = match (&until, &duration) {
                (Some(until), _) => until.clone(),
                (None, Some(text)) => ends(&from, text, now)?,
                (None, None) => bail!("say how long: --for 2h, or --until TIME"),
            };
            let author = std::env::var("USER").unwrap_or_default();
            let written = Silence {
                slo,
                severity,
                from,
                until,
                comment,
                author,
                ..Silence::default()
            };
            let state = State::open(&config.data)?;
            let made = silence::add(&state, alerts::silence_written(&written, now)?, now)?;
            say(&format!(
                "silence {} holds until {}\n",
                made.id,
                rfc3339(made.until)
            ));
        }
        Alert::Unsilence { id } => {
            if !silence::end(&State::open(&config.data)?, &id)? {
                bail!("there is no silence {id}: see `inquest alert silences`");
            }
            say(&format!("silence {id} has ended\n"));
        }
        Alert::Silences { format } => {
            let now = clock::now();
            let held = silence::list(&State::open_read_only(&config.data)?)?;
            let views: Vec<Silence> = held
                .iter()
                .map(|it| alerts::silence_view(it, now))
                .collect();
            print(format, &views, silence_line)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn test(config: &Config, name: &str, format: ReportFormat) -> Result<ExitCode> {
    let receiving = alerts::Receiving::open(config.receivers_path())?;
    let receivers = receiving.current();
    let Some(receiver) = receivers.named(name) else {
        let known: Vec<&str> = receivers.list.iter().map(|it| it.name.as_str()).collect();
        bail!(
            "there is no receiver '{name}' in {} ({})",
            receiving.path().display(),
            match known.is_empty() {
                true => "it names none".to_owned(),
                false => format!("there is {}", known.join(", ")),
            }
        );
    };
    let outcome = alerts::test(&receivers, receiver).await;
    print(format, std::slice::from_ref(&outcome), test_line)?;
    Ok(match outcome.delivered {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn list(config: &Config, all: bool, format: ReportFormat) -> Result<()> {
    let source = Source::open(config, None).await?;
    let only = if all { "" } else { "where state <> 'resolved'" };
    let query = format!(
        "select incident, slo, severity, state, rule, fired_at, resolved_at, budget_remaining, \"explain\" \
         from alerts {only} order by fired_at desc limit 1000"
    );
    let rows = source.rows(&query).await?;
    print(format, &rows, |row| {
        let text = |key: &str| match row.get(key) {
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(serde_json::Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        format!(
            "{:<9} {:<7} {:<30} {} {} {}",
            text("state"),
            text("severity"),
            text("slo"),
            text("fired_at"),
            text("rule"),
            text("incident")
        )
    })
}

fn replay(config: &Config, ids: Vec<String>, all_dead: bool, anyway: bool) -> Result<()> {
    let state = State::open(&config.data)?;
    let now = clock::now();
    let ids = match all_dead {
        false => ids,
        true => {
            let dead = outbox::messages(&state, Some(Status::Dead), usize::MAX)?;
            dead.into_iter().rev().map(|it| it.id).collect()
        }
    };
    let mut refused = Vec::new();
    for id in ids {
        match outbox::replay(&state, &id, anyway, now) {
            Ok(message) => say(&format!(
                "{} waits for {} again\n",
                message.id, message.receiver
            )),
            Err(error) => refused.push(error.to_string()),
        }
    }
    match refused.is_empty() {
        true => Ok(()),
        false => bail!("not everything is sent again: {}", refused.join("; ")),
    }
}

fn ends(from: &str, duration: &str, now: UnixNanos) -> Result<String> {
    let from = alerts::read_time(from, now)?;
    let nanos = times::length(duration).map_err(anyhow::Error::msg)?;
    Ok(from.0.saturating_add(nanos).to_string())
}

fn say(text: &str) {
    let _ = terminal::say(text);
}

/// JSON as a whole, or a line each.
fn print<T: Serialize>(
    format: ReportFormat,
    rows: &[T],
    line: impl Fn(&T) -> String,
) -> Result<()> {
    match format {
        ReportFormat::Json => {
            terminal::exactly(&(serde_json::to_string_pretty(rows)? + "\n"))?;
        }
        ReportFormat::Text if rows.is_empty() => terminal::say("none\n")?,
        ReportFormat::Text => {
            let lines = rows.iter().map(line);
            let lines = lines.map(|line| format!("{}\n", visible_line(line.trim_end())));
            terminal::say(&lines.collect::<String>())?;
        }
    }
    Ok(())
}

fn when(text: &str) -> String {
    let whole = text.parse().map(|nanos| rfc3339(UnixNanos(nanos)));
    whole.map_or(String::new(), |it| format!("{}Z", &it[..19]))
}

fn receiver_line(it: &ReceiverView) -> String {
    let error = it.last_error.as_deref().unwrap_or_default();
    format!(
        "{:<8} {:<20} {:<18} {}  {}  waiting {}, dead {}, delivered {}  {error}",
        it.health, it.name, it.format, it.url, it.route, it.waiting, it.dead, it.delivered
    )
}

fn delivery_line(it: &Delivery) -> String {
    let last = it.log.last().map(|it| it.error.clone()).unwrap_or_default();
    format!(
        "{} {:<10} {:<16} {:<22} {} {}  {}  {} {last}",
        when(&it.enqueued),
        it.status,
        it.receiver,
        it.kind,
        it.id,
        it.incident,
        counted(it.attempts.into(), "attempt", "attempts"),
        it.note
    )
}

fn silence_line(it: &Silence) -> String {
    let any = |text: &str| {
        if text.is_empty() {
            "any".to_owned()
        } else {
            text.to_owned()
        }
    };
    format!(
        "{:<4} {:<8} slo {}  severity {}  {} to {}  {} {}",
        it.id,
        if it.active { "active" } else { "inactive" },
        any(&it.slo),
        any(&it.severity),
        when(&it.from),
        when(&it.until),
        it.comment,
        it.author
    )
}

fn test_line(it: &TestOutcome) -> String {
    let took = human_duration(
        i64::try_from(it.took_ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000),
    );
    let signed = if it.signed { ", signed" } else { "" };
    let status = it
        .status
        .map(|it| format!(" (HTTP {it})"))
        .unwrap_or_default();
    match it.delivered {
        true => format!(
            "{} took the test message{status} in {took}{signed}: {}",
            it.receiver, it.id
        ),
        false => format!(
            "{} did not take the test message{status}: {}",
            it.receiver, it.error
        ),
    }
}
