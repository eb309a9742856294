//! One file per page: the address becomes requests, the answers become components.

pub mod execution;
pub mod executions;
pub mod sql;
pub mod trace;
pub mod traces;

use leptos::prelude::*;

/// The title of the window.
#[component]
pub fn Title(
    /// What it says.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    Effect::new(move |_| document().set_title(&text.get()));
}
