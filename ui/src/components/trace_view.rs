//! A trace's waterfall with its side panel, in step with the URL (`sel`, `t0`, `t1`, `find`).

use super::panel::SpanPanel;
use super::waterfall::{Waterfall, WaterfallView};
use super::{Empty, Problem, Waiting};
use crate::api::{Live, Load, remote_json, remote_tree};
use crate::browser::Preferences;
use crate::geometry::tree::Tree;
use crate::geometry::window::Window;
use crate::router::Router;
use leptos::prelude::*;
use model::Ledger;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The view of one trace.
#[component]
pub fn TraceView(
    /// Its id, hex.
    trace_id: String,
    /// Fetch the rows again whenever a live update names this trace.
    #[prop(default = false)]
    follow: bool,
) -> impl IntoView {
    let address = format!("/api/v1/traces/{trace_id}/spans.bin");
    let tree = remote_tree(move || Some(address.clone()));
    let live = Live::get();
    let id = trace_id.clone();
    Effect::new(move |_| {
        let update = live.update.get();
        let named = update.is_some_and(|update| update.rows.iter().any(|row| row.trace_id == id));
        if follow && named {
            tree.reload();
        }
    });
    let router = Router::get();
    move || match tree.state.get() {
        Load::Waiting => view! { <Waiting what="the trace" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || tree.reload() /> }.into_any()
        }
        Load::Ready(tree) if tree.is_empty() => view! {
            <Empty title="Nothing to draw">
                <p>"No span of this trace is held."</p>
            </Empty>
        }
        .into_any(),
        Load::Ready(tree) => {
            let waterfall = from_url(tree, |key| router.query_now(key));
            let trace_id = trace_id.clone();
            if follow {
                mark_critical(waterfall, &trace_id);
            }
            view! { <Drawn waterfall=waterfall trace_id=trace_id /> }.into_any()
        }
    }
}

/// A waterfall as the URL says; without a selection there, at the failure.
fn from_url(tree: Arc<Tree>, get: impl Fn(&str) -> Option<String>) -> Waterfall {
    let waterfall = Waterfall::new(Arc::clone(&tree));
    let number = |key| get(key).and_then(|text| text.parse::<f64>().ok());
    if let (Some(from), Some(to)) = (number("t0"), number("t1")) {
        waterfall
            .window
            .set(Window::between(from, to, tree.total()));
    }
    if let Some(text) = get("find") {
        waterfall.search.set(text);
    }
    let chosen = get("sel").and_then(|id| tree.linked(&id));
    if let Some(row) = chosen {
        waterfall.show(row);
        waterfall.open.set(true);
    } else if let Some(row) = tree.culprit() {
        waterfall.show(row);
        waterfall
            .open
            .set(!Preferences::get().narrow.get_untracked());
    }
    waterfall
}

/// Marks what is on the critical path of an execution. Without a ledger nothing is marked.
fn mark_critical(waterfall: Waterfall, trace_id: &str) {
    let address = format!("/api/v1/executions/{trace_id}/ledger");
    let ledger = remote_json::<Ledger>(move || Some(address.clone()));
    Effect::new(move |_| {
        if let Some(ledger) = ledger.ready() {
            let pieces = ledger.critical_path.iter();
            let ids: Vec<String> = pieces.map(|piece| piece.span_id.to_string()).collect();
            let tree = waterfall.tree();
            let rows = tree.rows_of(ids.iter().map(String::as_str));
            waterfall.critical.set(Arc::new(rows));
        }
    });
}

#[component]
fn Drawn(waterfall: Waterfall, trace_id: String) -> impl IntoView {
    keep_url(waterfall);
    view! {
        <div class="with-panel" class:open=move || waterfall.open.get()>
            <WaterfallView waterfall=waterfall />
            <Show when=move || waterfall.open.get() && waterfall.selected.get().is_some()>
                <SpanPanel waterfall=waterfall trace_id=trace_id.clone() />
            </Show>
        </div>
    }
}

/// Writes what is selected and in view to the URL, a moment after it rests.
fn keep_url(waterfall: Waterfall) {
    let router = Router::get();
    // A page that is left must not write its state to the address of the next.
    let here = Arc::new(AtomicBool::new(true));
    on_cleanup({
        let here = Arc::clone(&here);
        move || here.store(false, Ordering::Relaxed)
    });
    let mut write = debounce(Duration::from_millis(300), move |search: String| {
        if here.load(Ordering::Relaxed) {
            let path = untrack(|| router.path());
            router.go(&format!("{path}{search}"), true);
        }
    });
    Effect::new(move |before: Option<()>| {
        let window = waterfall.window.get();
        let selected = waterfall.selected.get();
        let find = waterfall.search.get();
        if before.is_none() {
            return;
        }
        let (t0, t1) = match window.is_all(waterfall.total()) {
            true => (String::new(), String::new()),
            false => (format!("{:.0}", window.from), format!("{:.0}", window.to)),
        };
        let sel = selected.and_then(|row| waterfall.tree.with_value(|tree| tree.link_of(row)));
        let tab = router.query_now("tab").unwrap_or_default();
        let pairs = [
            ("tab", tab.as_str()),
            ("sel", sel.as_deref().unwrap_or("")),
            ("t0", &t0),
            ("t1", &t1),
            ("find", &find),
        ];
        write(crate::url::query_string(&pairs));
    });
}
