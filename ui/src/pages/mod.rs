//! One file per page: the address becomes requests, the answers become components.

pub mod alerts;
pub mod cold_starts;
pub mod compare;
pub mod execution;
mod execution_cells;
pub mod executions;
pub mod map;
mod map_drawing;
pub mod mysteries;
pub mod slo;
pub mod slo_editor;
pub mod slos;
pub mod sources;
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

/// The pages about objectives and about Inquest itself.
pub fn of_operation(page: Page) -> AnyView {
    match page {
        Page::Slos => view! { <slos::Slos /> }.into_any(),
        Page::Slo(name) if name.is_empty() => view! { <slo_editor::NewSlo /> }.into_any(),
        Page::Slo(name) => view! { <slo::SloView name=name /> }.into_any(),
        Page::Alerts => view! { <alerts::Alerts /> }.into_any(),
        Page::Sources => view! { <sources::Sources /> }.into_any(),
        Page::Map => view! { <map::Map /> }.into_any(),
        _ => ().into_any(),
    }
}

/// The other pages, but for the first.
pub fn of_many(page: Page) -> AnyView {
    match page {
        Page::Traces => view! { <traces::Traces /> }.into_any(),
        Page::Mysteries => view! { <mysteries::Mysteries /> }.into_any(),
        Page::ColdStarts => view! { <cold_starts::ColdStartsPage /> }.into_any(),
        Page::Compare => view! { <compare::Compare /> }.into_any(),
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
