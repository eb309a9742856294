//! Icons as inline SVG, drawn on a 16 × 16 grid. They are decoration: a word is always beside.

use leptos::prelude::*;

/// The paths of an icon.
pub(crate) fn paths(name: &str) -> &'static str {
    match name {
        "ok" => r#"<circle cx="8" cy="8" r="6.5"/><path d="m5 8.2 2.1 2.1L11 6"/>"#,
        "failed" => {
            r#"<path d="M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2z"/><path d="m6 6 4 4m0-4-4 4"/>"#
        }
        "clock" => r#"<circle cx="8" cy="8" r="6.5"/><path d="M8 4.5V8l2.3 1.6"/>"#,
        "aborted" => r#"<circle cx="8" cy="8" r="6.5"/><path d="m3.5 12.5 9-9"/>"#,
        "running" => {
            r#"<circle cx="8" cy="8" r="6.5" stroke-dasharray="3 2.4"/><path d="M6.5 5.3v5.4L11 8z" fill="currentColor" stroke="none"/>"#
        }
        "unknown" => {
            r#"<circle cx="8" cy="8" r="6.5" stroke-dasharray="2 2"/><path d="M6.3 6.2a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.9.6-.9 1.3"/><path d="M8 11.4v.1"/>"#
        }
        "cold" => {
            r#"<path d="M8 1.5v13M2.4 4.8l11.2 6.4M13.6 4.8 2.4 11.2M6.2 2.4 8 4.2l1.8-1.8M6.2 13.6 8 11.8l1.8 1.8"/>"#
        }
        "retry" => r#"<path d="M13.5 8A5.5 5.5 0 1 1 11.4 3.7"/><path d="M11.6 1v3h-3"/>"#,
        "caught" => {
            r#"<path d="M2.5 5.5c0 5 3 8 5.5 9 2.5-1 5.5-4 5.5-9V3L8 1.5 2.5 3z"/><path d="m5.7 7.9 1.7 1.7 3-3.2"/>"#
        }
        "execution" => {
            r#"<rect x="1.8" y="5.8" width="4.4" height="4.4" rx="1"/><rect x="9.8" y="1.8" width="4.4" height="4.4" rx="1"/><rect x="9.8" y="9.8" width="4.4" height="4.4" rx="1"/><path d="M6.2 8H8V4h1.8M8 8v4h1.8"/>"#
        }
        "state" => r#"<rect x="2" y="4" width="12" height="8" rx="2"/>"#,
        "attempt" => r#"<path d="M4 2.5v11l9-5.5z"/>"#,
        "iteration" => {
            r#"<path d="M3 5.5h8a2.5 2.5 0 0 1 0 5H5"/><path d="M7 8 4.5 10.5 7 13M5.2 3.3 3 5.5l2.2 2.2"/>"#
        }
        "branch" => {
            r#"<circle cx="4" cy="3.5" r="1.6"/><circle cx="4" cy="12.5" r="1.6"/><circle cx="12" cy="5.5" r="1.6"/><path d="M4 5.1v5.8M12 7.1c0 2.4-8 1-8 3.8"/>"#
        }
        "invocation" => r#"<path d="M3 13.5 7 5.6M4 2.5h2.6l5.2 11H14"/>"#,
        "span" => r#"<path d="M2 8h12M2 5v6M14 5v6"/>"#,
        "backoff" => {
            r#"<path d="M4 2h8M4 14h8M5 2c0 4 6 4.5 6 6s-6 2-6 6M11 2c0 4-6 4.5-6 6s6 2 6 6"/>"#
        }
        "search" => r#"<circle cx="7" cy="7" r="4.7"/><path d="m10.5 10.5 3.7 3.7"/>"#,
        "sun" => {
            r#"<circle cx="8" cy="8" r="3"/><path d="M8 1v1.8M8 13.2V15M1 8h1.8M13.2 8H15M3 3l1.3 1.3M11.7 11.7 13 13M13 3l-1.3 1.3M4.3 11.7 3 13"/>"#
        }
        "help" => {
            r#"<circle cx="8" cy="8" r="6.5"/><path d="M6.2 6.2a1.8 1.8 0 1 1 2.7 1.6c-.6.3-.9.6-.9 1.2M8 11.3v.1"/>"#
        }
        "close" => r#"<path d="m3.5 3.5 9 9m0-9-9 9"/>"#,
        "copy" => {
            r#"<rect x="5.5" y="5.5" width="8.5" height="8.5" rx="1.5"/><path d="M10.5 5.5V3.5A1.5 1.5 0 0 0 9 2H3.5A1.5 1.5 0 0 0 2 3.5V9a1.5 1.5 0 0 0 1.5 1.5h2"/>"#
        }
        "partial" => r#"<path d="M8 1.5 15 14H1z"/><path d="M8 6.3v3.4M8 11.8v.1"/>"#,
        "link" => {
            r#"<path d="M6.5 9.5a3 3 0 0 0 4.3 0l2.3-2.3a3 3 0 1 0-4.3-4.3l-1 1M9.5 6.5a3 3 0 0 0-4.3 0L2.9 8.8a3 3 0 1 0 4.3 4.3l1-1"/>"#
        }
        "fit" => {
            r#"<path d="M1.5 3v10M14.5 3v10M4 8h8M6 5.8 3.8 8 6 10.2M10 5.8 12.2 8 10 10.2"/>"#
        }
        "down" => r#"<path d="m4 6 4 4 4-4"/>"#,
        "play" => r#"<path d="M4.5 2.5v11l8.5-5.5z" fill="currentColor"/>"#,
        "stop" => r#"<rect x="3.5" y="3.5" width="9" height="9" rx="1" fill="currentColor"/>"#,
        "filter" => r#"<path d="M2 3.5h12L9.5 9v4.5l-3-1.5V9z"/>"#,
        _ => "",
    }
}

/// An icon by name.
pub fn icon(name: &str) -> impl IntoView + use<> {
    view! {
        <svg
            class="icon"
            viewBox="0 0 16 16"
            aria-hidden="true"
            fill="none"
            stroke="currentColor"
            stroke-width="1.5"
            stroke-linecap="round"
            stroke-linejoin="round"
            inner_html=paths(name)
        ></svg>
    }
}
