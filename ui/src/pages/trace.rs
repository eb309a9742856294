//! `/t/:id`: one trace that belongs to no execution.

use crate::components::logs::TraceLogs;
use crate::components::trace_view::TraceView;
use crate::router::Router;
use crate::url::escape;
use leptos::prelude::*;

/// The page.
#[component]
pub fn TracePage(
    /// Trace id.
    id: String,
) -> impl IntoView {
    let id = Memo::new(move |_| id.clone());
    let router = Router::get();
    let tab = Memo::new(move |_| router.query("tab").unwrap_or_default());
    let body = move || {
        let id = escape(&id.get());
        match tab.get().as_str() {
            "logs" => view! { <TraceLogs trace_id=id /> }.into_any(),
            _ => view! { <TraceView trace_id=id /> }.into_any(),
        }
    };
    view! {
        <div class="page detail-page">
            <super::Title text=Signal::derive(move || format!("Trace {} · Inquest", id.get())) />
            <header class="execution-head">
                <div class="title">
                    <h1>"Trace"</h1>
                    <code>{move || id.get()}</code>
                </div>
            </header>
            <nav class="tabs" aria-label="Views of this trace">
                {[("", "Waterfall"), ("logs", "Logs")]
                    .map(|(key, word)| {
                        let href = move || match key {
                            "" => format!("/t/{}", escape(&id.get())),
                            key => format!("/t/{}?tab={key}", escape(&id.get())),
                        };
                        view! {
                            <a href=href aria-current=move || (tab.get() == key).then_some("page")>
                                {word}
                            </a>
                        }
                    })
                    .collect_view()}
            </nav>
            <div class="detail-body">{body}</div>
        </div>
    }
}
