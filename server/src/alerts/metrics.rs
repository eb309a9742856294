//! How delivery does, for Prometheus.

use super::Alerts;
use notify::outbox::{self, Status};
use std::fmt::Write;

/// Series about receivers, in the text format of Prometheus.
///
/// # Errors
/// When the state cannot be read.
pub fn metrics(alerts: &Alerts) -> notify::Result<String> {
    let messages = outbox::messages(&alerts.state, None, usize::MAX)?;
    let receivers = alerts.receivers();
    let mut text = String::new();
    let mut series =
        |name: &str, kind: &str, help: &str, value: &dyn Fn(&str) -> notify::Result<u64>| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for receiver in &receivers.list {
                let value = value(&receiver.name)?;
                // A name has no letters that would need an escape.
                let _ = writeln!(text, "{name}{{receiver=\"{}\"}} {value}", receiver.name);
            }
            Ok::<_, notify::Error>(())
        };
    let health = |name: &str| alerts.state.read(|view| outbox::health(view, name));
    let count = |name: &str, status: Status| {
        let all = messages.iter();
        all.filter(|it| it.receiver == name && it.status == status)
            .count() as u64
    };
    series(
        "inquest_notifications_delivered_total",
        "counter",
        "Messages that arrived.",
        &|name| Ok(health(name)?.delivered),
    )?;
    series(
        "inquest_notification_attempts_failed_total",
        "counter",
        "Attempts to deliver that failed.",
        &|name| Ok(health(name)?.failed),
    )?;
    series(
        "inquest_receiver_failing",
        "gauge",
        "1 while the last attempt failed.",
        &|name| Ok(u64::from(health(name)?.failures > 0)),
    )?;
    series(
        "inquest_notifications_waiting",
        "gauge",
        "Messages that wait.",
        &|name| Ok(count(name, Status::Waiting)),
    )?;
    series(
        "inquest_notifications_dead",
        "gauge",
        "Messages that were given up and are kept.",
        &|name| Ok(count(name, Status::Dead)),
    )?;
    Ok(text)
}
