//! What a page shows while there is nothing to show: waiting, nothing found, something went wrong.

use super::icon;
use crate::api::Failure;
use leptos::prelude::*;

/// Waiting for an answer. The text appears only after a moment, by the style sheet.
#[component]
pub fn Waiting(what: &'static str) -> impl IntoView {
    view! {
        <div class="waiting" role="status">
            <span class="spinner" aria-hidden="true"></span>
            {format!("Loading {what}…")}
        </div>
    }
}

/// Something went wrong, and what to do.
#[component]
pub fn Problem(failure: Failure, retry: impl Fn() + 'static) -> impl IntoView {
    view! {
        <div class="problem" role="alert">
            {icon("failed")}
            <p>{failure.problem.error}</p>
            <button on:click=move |_| retry()>"Try again"</button>
        </div>
    }
}

/// Nothing here, and why.
#[component]
pub fn Empty(title: &'static str, children: Children) -> impl IntoView {
    view! {
        <div class="empty">
            <h2>{title}</h2>
            {children()}
        </div>
    }
}
