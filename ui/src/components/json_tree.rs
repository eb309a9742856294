//! A JSON document that folds, with its text to copy.

use super::icon;
use crate::browser::copy;
use crate::geometry::json::{Json, Line, Shown, lines};
use leptos::prelude::*;
use model::text::visible;
use std::collections::HashSet;
use std::sync::Arc;

/// JSON text as a tree; text that is no JSON as it is.
#[component]
pub fn JsonTree(
    /// The text.
    text: String,
    /// Levels open at first.
    #[prop(default = 2)]
    depth: usize,
) -> impl IntoView {
    let Some(value) = Json::read(&text) else {
        return view! { <pre class="text">{visible(&text).into_owned()}</pre> }.into_any();
    };
    let value = Arc::new(value);
    let toggled = RwSignal::new(HashSet::new());
    let shown = Memo::new({
        let value = Arc::clone(&value);
        move |_| toggled.with(|toggled| lines(&value, toggled, depth))
    });
    let toggle = move |path: &str| {
        toggled.update(|toggled| {
            if !toggled.remove(path) {
                toggled.insert(path.to_owned());
            }
        })
    };
    let copied = RwSignal::new(false);
    view! {
        <div class="json">
            <button
                class="plain copy"
                title="Copy"
                on:click=move |_| {
                    copy(&text);
                    copied.set(true);
                }
            >
                {icon("copy")}
                <span class="visually-hidden" role="status">
                    {move || if copied.get() { "Copied" } else { "Copy" }}
                </span>
            </button>
            {move || {
                shown.get().into_iter().map(|line| view! { <JsonLine line=line toggle=toggle /> }).collect_view()
            }}
        </div>
    }
    .into_any()
}

#[component]
fn JsonLine(line: Line, toggle: impl Fn(&str) + 'static) -> impl IntoView {
    let Line {
        path,
        depth,
        key,
        value,
    } = line;
    let indent = format!("{}px", 14 * depth.min(30));
    let key = (!key.is_empty())
        .then(|| view! { <span class="key">{visible(&key).into_owned()} ": "</span> });
    match value {
        Shown::Container {
            object,
            members,
            open,
        } => {
            let (left, right) = if object { ("{", "}") } else { ("[", "]") };
            let rest = match (open, members) {
                (true, _) => String::new(),
                (false, 0) => right.to_owned(),
                (false, n) => format!("… {right} {n}"),
            };
            view! {
                <button
                    class="line"
                    style:padding-left=indent
                    aria-expanded=(members > 0).then(|| open.to_string())
                    title=path.clone()
                    on:click=move |_| toggle(&path)
                >
                    <span class="twist" class:closed=!open class:leaf=members == 0 aria-hidden="true">
                        {icon("down")}
                    </span>
                    {key}
                    <span class="bracket">{left} {rest}</span>
                </button>
            }
            .into_any()
        }
        other => {
            let (class, text) = match other {
                Shown::Text(text) => ("string", visible(&text).into_owned()),
                Shown::Number(text) => ("number-value", text),
                Shown::Word(word) => ("word", word.to_owned()),
                Shown::More(n) => ("more", format!("… {n} more; copy to see all")),
                Shown::Container { .. } => ("", String::new()),
            };
            view! {
                <div class="line" style:padding-left=indent title=path>
                    <span class="twist leaf"></span>
                    {key}
                    <span class=class>{text}</span>
                </div>
            }
            .into_any()
        }
    }
}
