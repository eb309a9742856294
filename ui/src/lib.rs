//! The pages of Inquest in the browser.
//!
//! | Module | What |
//! |---|---|
//! | [`mod@format`], [`url`], [`geometry`] | pure: text, addresses, where things go; tested natively |
//! | [`api`] | the only place that talks to the server |
//! | [`browser`] | clock, zone, storage, sizes, keys |
//! | [`router`] | addresses without reloading |
//! | [`components`] | parts of pages: values in, callbacks out |
//! | [`pages`] | one file per page |
//! | [`lazy`] | pages that are fetched when they are first opened |
//! | [`app`] | the frame around them |

// A component's type is as deep as its view.
#![recursion_limit = "512"]

pub mod api;
pub mod app;
pub mod browser;
pub mod components;
pub mod format;
pub mod geometry;
pub mod lazy;
pub mod pages;
pub mod router;
pub mod url;

/// Mounts the application.
pub fn run() {
    use leptos::prelude::document;
    if let Some(boot) = document().get_element_by_id("boot") {
        boot.remove();
    }
    leptos::mount::mount_to_body(app::App);
}
