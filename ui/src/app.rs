//! The frame of every page: navigation, live indicator, theme, help.

use crate::api::Live;
use crate::browser::{self, Preferences, on_keys};
use crate::components::icon;
use crate::components::palette::{Deed, Entry, Palette};
use crate::format;
use crate::lazy::Later;
use crate::pages::executions::Executions;
use crate::router::{Page, Router};
use leptos::html::Dialog;
use leptos::prelude::*;

/// Address, word, and which pages count as it.
type Link = (&'static str, &'static str, fn(&Page) -> bool);

/// The pages in the navigation.
const NAV: [Link; 9] = [
    ("/", "Executions", |page| {
        matches!(page, Page::Executions | Page::Execution(_))
    }),
    ("/mysteries?range=7d", "Mysteries", |page| {
        *page == Page::Mysteries
    }),
    ("/traces", "Traces", |page| {
        matches!(page, Page::Traces | Page::Trace(_))
    }),
    ("/cold-starts", "Cold starts", |page| {
        *page == Page::ColdStarts
    }),
    ("/compare", "Compare", |page| *page == Page::Compare),
    ("/map", "Map", |page| *page == Page::Map),
    ("/slos", "SLOs", |page| {
        matches!(page, Page::Slos | Page::Slo(_) | Page::Alerts)
    }),
    ("/sources", "Sources", |page| *page == Page::Sources),
    ("/sql", "SQL", |page| *page == Page::Sql),
];

/// Keys, for the help and nothing else to keep in step by hand.
const KEYS: [(&str, &[(&str, &str)]); 6] = [
    (
        "Everywhere",
        &[
            ("Ctrl+K", "Commands, and executions by name"),
            ("/", "Search"),
            ("?", "This help"),
            ("U", "UTC or local time"),
            ("Home End PageUp PageDown", "Scroll the page"),
        ],
    ),
    (
        "Lists",
        &[
            ("J K ↓ ↑", "Next, previous row"),
            ("Enter", "Open"),
            ("Home End", "First, last row"),
        ],
    ),
    (
        "Waterfall",
        &[
            ("J K ↓ ↑", "Next, previous row"),
            ("→ ←", "Unfold, fold or go to the parent"),
            (". ,", "Next, previous sibling"),
            ("*", "Unfold everything below"),
            ("] [", "Unfold, fold one level everywhere"),
            ("E  Shift+E", "Next, previous failure"),
            ("W S + −", "Zoom in, out"),
            ("A D", "Move left, right"),
            ("F", "Fit the selected row"),
            ("0", "Show the whole trace"),
            ("N  Shift+N", "Next, previous match of the search"),
            ("Enter", "Details of the row"),
            ("Esc", "Close the details"),
        ],
    ),
    (
        "Case file",
        &[
            ("J K", "Next, previous exhibit"),
            ("E", "Show the exhibit where it belongs"),
            ("Enter", "Its raw record"),
        ],
    ),
    (
        "Graph",
        &[
            ("↑ ↓ ← →", "From state to state"),
            ("Enter", "Details of the state"),
            ("E  Shift+E", "Next, previous failure"),
            ("+ − 0", "Zoom in, out, everything"),
        ],
    ),
    ("SQL", &[("Ctrl+Enter", "Run"), ("Ctrl+Space", "Complete")]),
];

/// The application.
#[component]
pub fn App() -> impl IntoView {
    let preferences = Preferences::load();
    provide_context(preferences);
    provide_context(Live::open());
    let router = Router::start();
    provide_context(router);
    let page = Memo::new(move |_| Page::of(&router.path()));
    view! {
        <Frame />
        <main id="main">{move || content(page.get())}</main>
    }
}

fn content(page: Page) -> AnyView {
    match page {
        Page::Executions => view! { <Executions /> }.into_any(),
        Page::Unknown => view! { <NotFound /> }.into_any(),
        later => view! { <Later page=later /> }.into_any(),
    }
}

#[component]
fn NotFound() -> impl IntoView {
    view! {
        <div class="page">
            <div class="empty">
                <h1>"No such page"</h1>
                <p>
                    <a href="/">"Executions"</a>
                    " · "
                    <a href="/traces">"Traces"</a>
                    " · "
                    <a href="/sql">"SQL"</a>
                </p>
            </div>
        </div>
    }
}

#[component]
fn Frame() -> impl IntoView {
    let preferences = Preferences::get();
    let live = Live::get();
    let help = NodeRef::<Dialog>::new();
    let open_help = move || {
        if let Some(dialog) = help.get_untracked() {
            let _ = dialog.show_modal();
        }
    };
    on_keys(move |event| match event.key().as_str() {
        "?" => {
            open_help();
            true
        }
        "u" | "U" => {
            preferences.switch_zone();
            true
        }
        "Home" | "End" | "PageUp" | "PageDown" => browser::scroll_page(&event.key()),
        _ => false,
    });
    let router = Router::get();
    let page = Memo::new(move |_| Page::of(&router.path()));
    let command = |words: &str, hint: &str, deed: Deed| Entry {
        words: words.to_owned(),
        hint: hint.to_owned(),
        status: String::new(),
        deed,
    };
    let mut commands: Vec<Entry> = NAV
        .iter()
        .map(|(href, word, _)| command(word, "page", Deed::Go((*href).to_owned())))
        .collect();
    commands.extend([
        command(
            "Failed executions",
            "page",
            Deed::Go("/?status=FAILED".to_owned()),
        ),
        command(
            "Light or dark",
            "view",
            Deed::Call(Callback::new(move |()| preferences.switch_theme())),
        ),
        command(
            "UTC or local time",
            "U",
            Deed::Call(Callback::new(move |()| preferences.switch_zone())),
        ),
        command(
            "Keys",
            "?",
            Deed::Call(Callback::new(move |()| open_help())),
        ),
    ]);
    let held = move || {
        live.update.with(|update| {
            update.as_ref().map(|update| {
                let executions = format::plural(update.total, "execution", "executions");
                format!(
                    "{executions}, {}",
                    format::plural(update.spans, "span", "spans")
                )
            })
        })
    };
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        <header class="frame">
            <a href="/" class="brand" aria-label="Inquest, all executions">
                <svg viewBox="0 0 32 32" aria-hidden="true">
                    <rect class="ground" width="32" height="32" rx="7"></rect>
                    <path class="one" d="M7 9h18"></path>
                    <path class="two" d="M10 16h9"></path>
                    <path class="three" d="M14 23h7"></path>
                </svg>
                <span>"Inquest"</span>
            </a>
            <nav aria-label="Pages">
                {NAV
                    .map(|(href, word, here)| {
                        view! {
                            <a
                                href=href
                                aria-current=move || page.with(here).then_some("page")
                            >
                                {word}
                            </a>
                        }
                    })
                    .collect_view()}
            </nav>
            <span
                class="live"
                class:on=move || live.connected.get() == Some(true)
                role="status"
                title=move || held().unwrap_or_default()
            >
                <span class="pulse" aria-hidden="true"></span>
                {move || match live.connected.get() {
                    None => "…",
                    Some(true) => "Live",
                    Some(false) => "Offline",
                }}
            </span>
            <button
                class="plain zone"
                title="UTC or local time (U)"
                on:click=move |_| preferences.switch_zone()
            >
                {move || if preferences.utc.get() { "UTC" } else { "Local" }}
            </button>
            <button
                class="plain"
                title="Light or dark"
                aria-label="Light or dark"
                on:click=move |_| preferences.switch_theme()
            >
                {icon("sun")}
            </button>
            <button
                class="plain"
                title="Keys (?)"
                aria-label="Keys"
                on:click=move |_| open_help()
            >
                {icon("help")}
            </button>
        </header>
        <Palette commands=commands />
        <dialog class="help" node_ref=help aria-labelledby="help-title">
            <form method="dialog">
                <h2 id="help-title">"Keys"</h2>
                <button class="plain close" aria-label="Close">{icon("close")}</button>
            </form>
            <div class="key-groups" inner_html=key_table()></div>
        </dialog>
    }
}

/// The keys as HTML; everything in it is written above, so nothing needs escaping.
fn key_table() -> String {
    let mut out = String::new();
    for (title, keys) in KEYS {
        out.push_str("<section><h3>");
        out.push_str(title);
        out.push_str("</h3><dl>");
        for (key, what) in keys {
            out.push_str("<dt>");
            for part in key.split(' ').filter(|part| !part.is_empty()) {
                out.push_str("<kbd>");
                out.push_str(part);
                out.push_str("</kbd>");
            }
            out.push_str("</dt><dd>");
            out.push_str(what);
            out.push_str("</dd>");
        }
        out.push_str("</dl></section>");
    }
    out
}
