//! One file per page: the address becomes requests, the answers become components.

pub mod execution;
pub mod executions;
pub mod sql;
pub mod trace;
pub mod traces;

use crate::router::Page;
use leptos::prelude::*;

/// The pages about one execution or trace.
pub fn of_one(page: Page) -> AnyView {
    match page {
        Page::Execution(id) => view! { <execution::ExecutionPage id=id /> }.into_any(),
        Page::Trace(id) => view! { <trace::TracePage id=id /> }.into_any(),
        _ => ().into_any(),
    }
}

/// The other pages, but for the first.
pub fn of_many(page: Page) -> AnyView {
    match page {
        Page::Traces => view! { <traces::Traces /> }.into_any(),
        Page::Sql => view! { <sql::Sql /> }.into_any(),
        _ => ().into_any(),
    }
}

/// The title of the window.
#[component]
pub fn Title(
    /// What it says.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    Effect::new(move |_| document().set_title(&text.get()));
}
