//! Deployments and other changes as marks on a line of time.

use crate::api::remote_json;
use crate::browser::Preferences;
use crate::format;
use crate::geometry::changes::{Mark, marks};
use crate::url::query_string;
use leptos::prelude::*;
use serde::Deserialize;
use std::sync::Arc;

/// A change as `GET /api/v1/changes` tells it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Told {
    trace_id: String,
    time: String,
    kind: String,
    resource: String,
    change: String,
    source: String,
}

impl Told {
    /// Everything but the time: `lambda charge-card: version 87 → 88`.
    fn words(&self) -> String {
        let seen = if self.source == "derived" {
            " (seen in the data)"
        } else {
            ""
        };
        format!("{} {}: {}{seen}", self.kind, self.resource, self.change)
    }
}

/// Marks above a drawing whose left edge is `from` and whose right edge is `to`. `None` is no line yet.
#[component]
pub fn Changes(
    /// Edges of the line, nanoseconds.
    #[prop(into)]
    line: Signal<Option<(i64, i64)>>,
    /// What is asked for once; marks outside of the line have no place on it. The line itself without.
    #[prop(optional, into)]
    whole: Option<(i64, i64)>,
    /// Only changes of these resources; empty for all.
    #[prop(optional)]
    of: Vec<String>,
) -> impl IntoView {
    let asked = Memo::new(move |_| whole.or(line.get()));
    let held = remote_json::<Vec<Told>>(move || {
        let (from, to) = asked.get()?;
        let (from, to) = (from.to_string(), to.saturating_add(1).to_string());
        Some(format!(
            "/api/v1/changes{}",
            query_string(&[("from", &from), ("to", &to)])
        ))
    });
    let preferences = Preferences::get();
    move || {
        let (from, to) = line.get()?;
        let told = held.ready()?;
        let told: Vec<Told> = told
            .iter()
            .filter(|it| of.is_empty() || of.contains(&it.resource))
            .cloned()
            .collect();
        let times: Vec<i64> = told.iter().map(|it| format::nanos(&it.time)).collect();
        let gap = if preferences.narrow.get() { 4.0 } else { 1.2 };
        let all = marks(&times, from, to, gap);
        (!all.is_empty()).then(|| {
            let told = Arc::new(told);
            let all: Vec<_> = all
                .iter()
                .map(|mark| mark_view(mark, &told, preferences))
                .collect();
            view! { <ul class="changes" aria-label="Changes">{all}</ul> }
        })
    }
}

fn mark_view(mark: &Mark, told: &[Told], preferences: Preferences) -> impl IntoView + use<> {
    /// Changes that are told in words at a mark.
    const MOST: usize = 6;
    let lines: Vec<String> = mark
        .changes
        .iter()
        .take(MOST)
        .map(|at| {
            let change = &told[*at];
            let at = format::nanos(&change.time);
            let offset = preferences.offset(at);
            let time = format!("{} {}", format::date(at, offset), format::clock(at, offset));
            format!("{time}  {}", change.words())
        })
        .collect();
    let more = mark.changes.len().saturating_sub(MOST);
    let mut words = lines.join("\n");
    if more > 0 {
        words.push_str(&format!("\nand {more} more"));
    }
    let ids: Vec<String> = mark
        .changes
        .iter()
        .map(|at| format!("'{}'", told[*at].trace_id.replace('\'', "")))
        .collect();
    let sql = format!(
        "select time, kind, resource, change, source, evidence, attributes from changes\nwhere trace_id in ({}) order by time",
        ids.join(", ")
    );
    let many = (mark.changes.len() > 1).then(|| mark.changes.len().to_string());
    let label = match mark.changes.len() {
        1 => format!("Change: {words}"),
        n => format!("{n} changes: {words}"),
    };
    view! {
        <li style:left=format!("{:.3}%", mark.place) class:late={mark.place > 50.0}>
            <a
                href=format!("/sql{}", query_string(&[("q", &sql)]))
                aria-label=label
                draggable="false"
                on:pointerdown=|event| event.stop_propagation()
            >
                <i aria-hidden="true">{many}</i>
            </a>
            <span class="told" aria-hidden="true">{words}</span>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_what_where_and_whence() {
        let mut change = Told {
            kind: "lambda".into(),
            resource: "charge".into(),
            change: "version 7 → 8".into(),
            ..Told::default()
        };
        assert_eq!(change.words(), "lambda charge: version 7 → 8");
        change.source = "derived".into();
        assert!(change.words().ends_with("(seen in the data)"));
    }
}
