//! `/slos/new` and `/slo/:name?edit`: a definition as text, with what it would have done.

use super::slos::{budget, findings};
use crate::api::{Abort, Failure, ask_bytes, ask_json, change};
use crate::components::Waiting;
use crate::components::plot::{Drawn, Line, Mark, Plot};
use crate::router::Router;
use crate::url::escape;
use leptos::prelude::*;
use model::api::slo::Replay;
use std::sync::Arc;

const EXAMPLE: &str = "\
slo: orders-succeed
description: Orders are carried out.
indicator: {workflow: orders}
target: 99.5%
window: 28d
";

/// A new objective.
#[component]
pub fn NewSlo() -> impl IntoView {
    view! {
        <div class="page scroll-page">
            <super::Title text=Signal::stored("New objective · Inquest".to_owned()) />
            <header class="page-head">
                <h1>"New objective"</h1>
                <nav aria-label="About objectives"><a href="/slos">"All objectives"</a></nav>
            </header>
            <Form name=String::new() text=EXAMPLE.to_owned() />
        </div>
    }
}

/// The definition of an objective that there is.
#[component]
pub fn Editor(
    /// Its name.
    name: String,
) -> impl IntoView {
    let path = format!("/api/v1/slos/{}/definition", escape(&name));
    let held = RwSignal::new(None::<Result<String, Failure>>);
    ask_bytes(path, None, move |answer| {
        let text = answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let _ = held.try_set(Some(text));
    });
    let back = format!("/slo/{}", escape(&name));
    let title = name.clone();
    view! {
        <header class="page-head">
            <h1>{title}</h1>
            <nav aria-label="About this objective"><a href=back>"Back"</a></nav>
        </header>
        {move || match held.get() {
            None => view! { <Waiting what="the definition" /> }.into_any(),
            Some(Ok(text)) => view! { <Form name=name.clone() text=text /> }.into_any(),
            Some(Err(failure)) => {
                view! { <p class="error-line" role="alert">{failure.problem.error}</p> }.into_any()
            }
        }}
    }
}

#[component]
fn Form(name: String, text: String) -> impl IntoView {
    let router = Router::get();
    let text = RwSignal::new(text);
    // Apart, so that a late answer to one question does not wipe out what the other one found.
    let failure = RwSignal::new(None::<Failure>);
    let unseen = RwSignal::new(None::<Failure>);
    let asked = RwSignal::new(Abort::new());
    let replay = RwSignal::new(None::<Arc<Replay>>);
    let new = name.is_empty();
    let preview = move || {
        let definition = text.get_untracked();
        let abort = Abort::new();
        asked.get_untracked().abort();
        asked.set(abort.clone());
        ask_json(
            "/api/v1/slos/preview".to_owned(),
            Some(definition),
            abort,
            move |answer: Result<Replay, Failure>| {
                let (held, error) = match answer {
                    Ok(answer) => (Some(Arc::new(answer)), None),
                    Err(error) => (None, Some(error)),
                };
                if held.is_some() {
                    let _ = replay.try_set(held);
                }
                let _ = unseen.try_set(error);
            },
        );
    };
    let held = name.clone();
    let save = move |_| {
        failure.set(None);
        let name = match new {
            true => name_in(&text.get_untracked()).unwrap_or_default(),
            false => held.clone(),
        };
        let url = format!("/api/v1/slos/{}", escape(&name));
        change(
            url,
            "PUT",
            Some(text.get_untracked()),
            move |answer| match answer {
                Ok(_) => router.go(&format!("/slo/{}", escape(&name)), false),
                Err(error) => {
                    let _ = failure.try_set(Some(error));
                }
            },
        );
    };
    let remove = move |_| {
        let sure = window().confirm_with_message("Delete this objective? Its alerts end.");
        if sure != Ok(true) {
            return;
        }
        let url = format!("/api/v1/slos/{}", escape(&name));
        change(url, "DELETE", None, move |answer| match answer {
            Ok(_) => router.go("/slos", false),
            Err(error) => {
                let _ = failure.try_set(Some(error));
            }
        });
    };
    preview();
    view! {
        <div class="slo-form">
            <label for="definition">"Definition (YAML; also OpenSLO, Sloth and Pyrra as they are)"</label>
            <textarea id="definition" rows="14" spellcheck="false" prop:value=move || text.get() on:input=move |event| text.set(event_target_value(&event))></textarea>
            <p class="buttons">
                <button on:click=move |_| preview()>"Preview over what is stored"</button>
                <button class="primary" on:click=save>"Save"</button>
                {(!new).then(|| view! { <button on:click=remove>"Delete"</button> })}
            </p>
            {move || failure.get().or_else(|| unseen.get()).map(|failure| view! { <p class="error-line" role="alert">{failure.problem.error}</p> })}
            {move || replay.get().map(|replay| preview_of(&replay))}
        </div>
    }
}

/// The first `slo:` or `name:` at the start of a line, or of an item of a list.
fn name_in(text: &str) -> Option<String> {
    let lines = text.lines().map(|line| {
        let line = line.trim_start();
        line.strip_prefix("- ").unwrap_or(line).trim_start()
    });
    let mut names = lines.filter_map(|line| {
        let name = line
            .strip_prefix("slo:")
            .or_else(|| line.strip_prefix("name:"))?;
        let name = name.split(" #").next()?.trim().trim_matches(['"', '\'']);
        (!name.is_empty()).then(|| name.to_owned())
    });
    names.next()
}

fn preview_of(replay: &Replay) -> impl IntoView + use<> {
    let seconds = 1_000_000_000_i64;
    let firing = replay.severity_transitions.iter().enumerate();
    let marks = firing
        .filter(|(_, change)| change.state == "firing")
        .map(|(at, change)| {
            let later = replay.severity_transitions[at..].iter();
            let end = later
                .filter(|next| next.severity == change.severity && next.state != "firing")
                .map(|next| next.t)
                .next();
            let last = replay.samples.last().map_or(change.t, |sample| sample.t);
            Mark {
                class: format!("alert severity-{}", change.severity),
                from: change.t.saturating_mul(seconds),
                to: end.unwrap_or(last).saturating_mul(seconds),
                text: format!("{} by {}", change.severity, change.rule),
            }
        });
    let drawn = Drawn {
        times: replay
            .samples
            .iter()
            .map(|it| it.t.saturating_mul(seconds))
            .collect(),
        lines: vec![Line {
            name: "budget left".to_owned(),
            class: "line-1".to_owned(),
            values: replay
                .samples
                .iter()
                .map(|it| it.budget_remaining)
                .collect(),
            shown: true,
        }],
        limits: Vec::new(),
        marks: marks.collect(),
    };
    view! {
        <section class="card" aria-live="polite">
            <h2>"Preview"</h2>
            <p>{replay.summary.clone()}</p>
            {replay.not_measured.clone().map(|why| view! { <p class="error-line">{why}</p> })}
            {findings(&replay.findings)}
            <Plot drawn=drawn label="Budget left as it would have been" value=budget />
        </section>
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_name_is_found_in_the_text() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(super::name_in(text).as_deref(), expect);
        };
        check("a: b\nname: \"orders\"\n", Some("orders"));
        check("metadata:\n  name: x", Some("x"));
        check("slo: orders # all of them\ntarget: 99%", Some("orders"));
        check("slos:\n  - name: x", Some("x"));
        check("slos:\n- slo: y", Some("y"));
        check("name:", None);
    }
}
