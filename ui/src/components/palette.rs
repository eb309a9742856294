//! The command palette: Ctrl-K, a few letters, Enter.

use super::{Status, icon};
use crate::api::{Abort, Failure, ask_json};
use crate::router::Router;
use crate::url::query_string;
use leptos::html::{Dialog, Input};
use leptos::prelude::*;
use model::api::ExecutionPage;
use std::time::Duration;

/// What an entry does.
#[derive(Clone)]
pub enum Deed {
    /// Goes to an address.
    Go(String),
    /// Calls back.
    Call(Callback<()>),
}

/// An entry.
#[derive(Clone)]
pub struct Entry {
    /// What it is called.
    pub words: String,
    /// Its key, or what it belongs to.
    pub hint: String,
    /// Status of an execution; empty for commands.
    pub status: String,
    /// What it does.
    pub deed: Deed,
}

/// Whether all letters of what is typed occur in this order; the fewer letters between them, the better (smaller).
fn rank(words: &str, typed: &str) -> Option<usize> {
    let words: Vec<char> = words.to_lowercase().chars().collect();
    let mut at = 0;
    let mut between = 0;
    for letter in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let step = words.get(at..)?.iter().position(|held| *held == letter)?;
        between += step;
        at += step + 1;
    }
    Some(between)
}

fn matching(commands: &[Entry], typed: &str) -> Vec<Entry> {
    let ranked = commands
        .iter()
        .filter_map(|entry| Some((rank(&entry.words, typed)?, entry)));
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, entry)| entry.clone()).collect()
}

/// The palette.
#[component]
pub fn Palette(
    /// What can be done everywhere.
    commands: Vec<Entry>,
) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    let input = NodeRef::<Input>::new();
    let typed = RwSignal::new(String::new());
    let found = RwSignal::new(Vec::<Entry>::new());
    let chosen = RwSignal::new(0usize);
    let turn = StoredValue::new(0u32);
    let commands = StoredValue::new(commands);
    let entries = Memo::new_with_compare(
        move |_| {
            let mut all = typed.with(|typed| commands.with_value(|held| matching(held, typed)));
            found.with(|found| all.extend(found.iter().cloned()));
            all
        },
        |_, _| true,
    );
    let mut search = debounce(Duration::from_millis(180), move |text: String| {
        turn.update_value(|turn| *turn += 1);
        let own = turn.get_value();
        if text.trim().len() < 2 {
            return found.set(Vec::new());
        }
        let url = format!(
            "/api/v1/executions{}",
            query_string(&[("q", text.trim()), ("limit", "8")])
        );
        ask_json(
            url,
            None,
            Abort::new(),
            move |answer: Result<ExecutionPage, Failure>| {
                if turn.get_value() == own {
                    found.set(answer.map(executions).unwrap_or_default());
                }
            },
        );
    });
    let router = Router::get();
    let close = move || {
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    let run = move |at: usize| {
        let entry = entries.with_untracked(|entries| entries.get(at).cloned());
        if let Some(entry) = entry {
            close();
            match entry.deed {
                Deed::Go(address) => router.go(&address, false),
                Deed::Call(call) => call.run(()),
            }
        }
    };
    let opened = window_event_listener(leptos::ev::keydown, move |event| {
        let wanted =
            (event.ctrl_key() || event.meta_key()) && event.key().eq_ignore_ascii_case("k");
        let Some(dialog) = dialog.get_untracked().filter(|_| wanted) else {
            return;
        };
        event.prevent_default();
        typed.set(String::new());
        found.set(Vec::new());
        chosen.set(0);
        if !dialog.open() {
            let _ = dialog.show_modal();
        }
        if let Some(input) = input.get_untracked() {
            let _ = input.focus();
        }
    });
    on_cleanup(move || opened.remove());
    let pressed = move |event: web_sys::KeyboardEvent| {
        let last = entries.with_untracked(Vec::len).saturating_sub(1);
        match event.key().as_str() {
            "ArrowDown" => chosen.update(|at| *at = if *at >= last { 0 } else { *at + 1 }),
            "ArrowUp" => chosen.update(|at| *at = at.checked_sub(1).unwrap_or(last)),
            "Enter" => run(chosen.get_untracked()),
            _ => return,
        }
        event.prevent_default();
    };
    let rows = move || {
        let rows = entries.get().into_iter().enumerate().map(|(at, entry)| {
            let status = (!entry.status.is_empty())
                .then(|| view! { <Status status=entry.status.clone() /> });
            view! {
                <li
                    role="option"
                    id=format!("entry-{at}")
                    aria-selected=move || (chosen.get() == at).to_string()
                    on:click=move |_| run(at)
                    on:pointermove=move |_| chosen.set(at)
                >
                    <span>{entry.words}</span>
                    {status}
                    <small>{entry.hint}</small>
                </li>
            }
        });
        rows.collect_view()
    };
    view! {
        <dialog class="palette" node_ref=dialog aria-label="Commands" on:click=move |event| {
            // A click on the backdrop is a click on the dialog itself.
            use leptos::wasm_bindgen::JsCast;
            let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
            if target.is_some_and(|element| element.tag_name() == "DIALOG") {
                close();
            }
        }>
            <label class="find">
                {icon("search")} <span class="visually-hidden">"Command or execution"</span>
                <input
                    type="text"
                    node_ref=input
                    role="combobox"
                    aria-expanded="true"
                    aria-controls="entries"
                    aria-autocomplete="list"
                    aria-activedescendant=move || format!("entry-{}", chosen.get())
                    placeholder="Go to a page, or find an execution by name, error, input…"
                    autocomplete="off"
                    prop:value=move || typed.get()
                    on:input=move |event| {
                        let text = event_target_value(&event);
                        typed.set(text.clone());
                        chosen.set(0);
                        search(text);
                    }
                    on:keydown=pressed
                />
            </label>
            <ul id="entries" role="listbox" aria-label="Commands and executions">{rows}</ul>
            <p class="quiet" class:hidden=move || !entries.with(Vec::is_empty)>"Nothing is called that."</p>
        </dialog>
    }
}

fn executions(page: ExecutionPage) -> Vec<Entry> {
    let entry = |row: model::api::ExecutionRow| Entry {
        words: row.name,
        hint: row.state_machine,
        status: row.status,
        deed: Deed::Go(format!("/x/{}", row.trace_id)),
    };
    page.rows.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_match_and_nearer_ones_are_better() {
        let check = |words: &str, typed: &str, expect| {
            assert_eq!(rank(words, typed), expect, "{words} {typed}")
        };
        check("Mysteries", "", Some(0));
        check("Mysteries", "mys", Some(0));
        check("Mysteries", "mst", Some(1));
        check("Mysteries", "xm", None);
        check("Light or dark", "LD", Some(8));
        assert!(rank("Ärger", "är").is_some());
    }
}
