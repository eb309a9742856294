//! Pages that are fetched when one of them is first opened, so that the first page comes sooner.
//!
//! `xtask/src/ui.rs` cuts what only a function of [`parts`] reaches off the module, into a part of its own.
//! Natively, and in a build that is not cut, the functions are simply called.

use crate::api::Failure;
use crate::components::{Problem, Waiting};
use crate::router::Page;
use leptos::prelude::*;
use leptos::wasm_split::SplitLoaderError;
use wasm_bindgen_futures::spawn_local;

/// Makes the view of a page.
type View = fn(Page) -> AnyView;

/// A part could not be fetched.
#[derive(Debug, Clone, Copy)]
pub struct Missing;

impl From<SplitLoaderError> for Missing {
    fn from(_: SplitLoaderError) -> Self {
        Missing
    }
}

/// The functions at which the module is cut. The macro declares them as foreign, which counts as unsafe.
#[allow(unsafe_code, missing_docs)]
mod parts {
    use super::{Missing, View};
    use crate::pages;
    use leptos::wasm_split::wasm_split;

    /// One execution or trace.
    #[wasm_split(trace, wasm_split_path = leptos::wasm_split, fallible)]
    pub fn trace() -> Result<View, Missing> {
        Ok(pages::of_one)
    }

    /// Objectives, alerts, sources, map.
    #[wasm_split(operate, wasm_split_path = leptos::wasm_split, fallible)]
    pub fn operate() -> Result<View, Missing> {
        Ok(pages::of_operation)
    }

    /// All the others but the first.
    #[wasm_split(more, wasm_split_path = leptos::wasm_split, fallible)]
    pub fn more() -> Result<View, Missing> {
        Ok(pages::of_many)
    }
}

async fn fetch(page: &Page) -> Result<View, Missing> {
    match page {
        Page::Execution(_) | Page::Trace(_) => parts::trace().await,
        Page::Slos | Page::Slo(_) | Page::Alerts | Page::Sources | Page::Map => {
            parts::operate().await
        }
        _ => parts::more().await,
    }
}

/// Fetches the pages of executions before one is opened.
pub fn expect_execution() {
    spawn_local(async {
        let _ = parts::trace().await;
    });
}

/// A page, once its part is here.
#[component]
pub fn Later(
    /// Which.
    page: Page,
) -> impl IntoView {
    let held = RwSignal::new(None::<Result<View, Missing>>);
    let page = StoredValue::new(page);
    let ask = move || {
        held.set(None);
        spawn_local(async move {
            let view = fetch(&page.get_value()).await;
            let _ = held.try_set(Some(view));
        });
    };
    ask();
    move || match held.get() {
        None => view! { <Waiting what="the page" /> }.into_any(),
        Some(Ok(view)) => view(page.get_value()),
        Some(Err(Missing)) => {
            view! { <Problem failure=Failure::page_missing() retry=ask /> }.into_any()
        }
    }
}
