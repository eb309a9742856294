//! A row of the waterfall: its place in the tree at the left, its bar at the right.

use super::Waterfall;
use crate::components::icon;
use crate::geometry::tree::{Tree, flag_words, kind_word};
use crate::geometry::window::{Place, bar, human_offset, label_place};
use leptos::attr::custom::custom_attribute;
use leptos::prelude::*;
use model::time::human_duration;
use model::trace_file::{
    FLAG_ABORTED, FLAG_CAUGHT, FLAG_COLD, FLAG_ERROR, FLAG_RETRY, FLAG_ROOT_CAUSE, FLAG_RUNNING,
    FLAG_UNCERTAIN, RowKind,
};

/// Everything that a row shows; compared, so that a row is touched only when it changes.
#[derive(Clone, PartialEq)]
struct Shown {
    row: usize,
    depth: u16,
    name: String,
    service: String,
    icon: &'static str,
    classes: String,
    /// `None` without rows below, else whether they are shown.
    open: Option<bool>,
    below: u32,
    bar: Option<(f64, f64)>,
    place: Place,
    duration: String,
    words: String,
    tags: u8,
    culprit: bool,
}

/// What of the flags is written beside the name.
const TAGS: [(u8, &str, &str); 5] = [
    (FLAG_RETRY, "retry", "retry"),
    (FLAG_COLD, "cold", "cold start"),
    (FLAG_CAUGHT, "caught", "caught"),
    (FLAG_ABORTED, "aborted", "aborted"),
    (FLAG_UNCERTAIN, "unknown", "uncertain"),
];

fn shown(tree: &Tree, waterfall: Waterfall, row: usize, culprit: Option<usize>) -> Shown {
    let data = tree.row(row);
    let duration = tree.duration(row);
    let running = data.flags & FLAG_RUNNING != 0 || data.duration < 0.0;
    let text = match running {
        true => "running".to_owned(),
        false => human_duration((duration * 1_000.0) as i64),
    };
    let bar = bar(waterfall.window.get(), data.start, duration, 0.15);
    let folded = waterfall.folding.with(|folding| folding.collapsed[row]);
    let (name, service) = (tree.name(row), tree.service(row));
    let mut words = flag_words(data.flags);
    words.insert(0, kind_word(data.kind));
    let critical = waterfall
        .critical
        .with(|rows| rows.binary_search(&(row as u32)).is_ok());
    let mut classes = classes(data.kind, data.flags, running, hue(service));
    if critical {
        words.push("on the critical path");
        classes.push_str(" critical");
    }
    Shown {
        row,
        depth: data.depth,
        name: name.to_owned(),
        service: if service == name {
            String::new()
        } else {
            service.to_owned()
        },
        icon: icon_of(data.kind),
        classes,
        open: (data.subtree > 0).then_some(!folded),
        below: data.subtree,
        bar,
        place: bar.map_or(Place::After(0.0), label_place),
        words: format!(
            "{name}, {}, {text}, at {}",
            words.join(", "),
            human_offset(data.start)
        ),
        duration: text,
        tags: match data.kind {
            RowKind::Init | RowKind::Backoff => 0,
            _ => data.flags,
        },
        // Of a run that succeeded it is only the first failure: nothing says that it explains an end.
        culprit: culprit == Some(row) && data.flags & FLAG_ROOT_CAUSE != 0,
    }
}

fn icon_of(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Init => "cold",
        other => kind_word(other),
    }
}

/// One of the seven colours for services, by name, so that a service looks the same in every trace.
fn hue(service: &str) -> u32 {
    let hash = service.bytes().fold(2_166_136_261u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
    });
    hash % 7
}

fn classes(kind: RowKind, flags: u8, running: bool, hue: u32) -> String {
    let mut out = format!("row kind-{}", kind_word(kind).replace(' ', "-"));
    if matches!(kind, RowKind::Span | RowKind::Invocation | RowKind::Attempt) {
        out.push_str(&format!(" hue-{hue}"));
    }
    for (flag, class) in [
        (FLAG_ERROR, " is-failed"),
        (FLAG_ROOT_CAUSE, " on-path"),
        (FLAG_CAUGHT, " is-caught"),
        (FLAG_ABORTED, " is-aborted"),
        (FLAG_UNCERTAIN, " is-uncertain"),
        (FLAG_RETRY, " is-retry"),
    ] {
        if flags & flag != 0 {
            out.push_str(class);
        }
    }
    if running {
        out.push_str(" is-running");
    }
    out
}

/// The slot at a place from the top.
#[component]
pub fn WaterfallRow(
    waterfall: Waterfall,
    index: Signal<usize>,
    culprit: Option<usize>,
) -> impl IntoView {
    let row = Memo::new(move |_| {
        let at = index.get();
        waterfall.visible.with(|visible| visible.get(at).copied())
    });
    let shown = Memo::new(move |_| {
        let row = row.get()? as usize;
        waterfall
            .tree
            .with_value(|tree| (row < tree.len()).then(|| shown(tree, waterfall, row, culprit)))
    });
    let get = move |pick: fn(&Shown) -> String| {
        move || shown.with(|shown| shown.as_ref().map(pick).unwrap_or_default())
    };
    let selected = Memo::new(move |_| {
        row.get()
            .is_some_and(|row| waterfall.selected.get() == Some(row as usize))
    });
    let hit = Memo::new(move |_| {
        let row = row.get();
        waterfall
            .hits
            .with(|hits| row.is_some_and(|row| hits.binary_search(&row).is_ok()))
    });
    let number = move || row.get_untracked().map(|row| row as usize);
    let open = Memo::new(move |_| shown.with(|shown| shown.as_ref().and_then(|s| s.open)));
    let kind = Memo::new(move |_| shown.with(|shown| shown.as_ref().map_or("", |s| s.icon)));
    let marks = Memo::new(move |_| {
        shown.with(|shown| shown.as_ref().map_or((0, false), |s| (s.tags, s.culprit)))
    });
    let folded = move || {
        shown.with(|shown| {
            let shown = shown.as_ref()?;
            (shown.open == Some(false))
                .then(|| format!("+{}", crate::format::count(shown.below.into())))
        })
    };
    let bar = Memo::new(move |_| shown.with(|shown| shown.as_ref().and_then(|s| s.bar)));
    let place = Memo::new(move |_| {
        shown.with(|shown| shown.as_ref().map_or(Place::After(0.0), |s| s.place))
    });
    view! {
        <div
            class=get(|shown| shown.classes.clone())
            class:selected=move || selected.get()
            class:hit=move || hit.get()
            role="row"
            id=get(|shown| format!("row-{}", shown.row))
            {..custom_attribute("aria-level", get(|shown| (shown.depth + 1).to_string()))}
            aria-expanded=move || open.get().map(|open| open.to_string())
            aria-selected=move || selected.get().to_string()
            aria-rowindex=move || (index.get() + 1).to_string()
            aria-label=get(|shown| shown.words.clone())
            on:click=move |_| {
                if let Some(row) = number() {
                    waterfall.selected.set(Some(row));
                    waterfall.open.set(true);
                }
            }
            on:dblclick=move |_| {
                if let Some(row) = number() {
                    waterfall.fit(row);
                }
            }
        >
            <div
                class="name"
                role="gridcell"
                style:padding-left=get(|shown| format!("min({}px,50%)", 4 + 14 * shown.depth.min(24)))
            >
                <span
                    class="twist"
                    class:leaf=move || open.get().is_none()
                    class:closed=move || open.get() == Some(false)
                    aria-hidden="true"
                    on:click=move |event| {
                        if let (Some(row), Some(_)) = (number(), open.get_untracked()) {
                            event.stop_propagation();
                            waterfall.toggle(row);
                        }
                    }
                >
                    {icon("down")}
                </span>
                <span class="kind">{move || icon(kind.get())}</span>
                <span class="label">{get(|shown| shown.name.clone())}</span>
                {move || tags(marks.get())}
                <span class="folded">{folded}</span>
                <span class="service">{get(|shown| shown.service.clone())}</span>
            </div>
            <div class="track" role="gridcell" aria-hidden="true">
                <div
                    class="bar"
                    class:hidden=move || bar.get().is_none()
                    style:left=move || bar.get().map(|(left, _)| format!("{left:.4}%"))
                    style:width=move || bar.get().map(|(_, width)| format!("{width:.4}%"))
                ></div>
                <span
                    class="length"
                    class:hidden=move || bar.get().is_none()
                    class:inside=move || matches!(place.get(), Place::Inside(_))
                    style:left=move || match place.get() {
                        Place::After(at) | Place::Inside(at) => format!("{at:.3}%"),
                        Place::Before(_) => "auto".to_owned(),
                    }
                    style:right=move || match place.get() {
                        Place::Before(at) => format!("{at:.3}%"),
                        _ => "auto".to_owned(),
                    }
                >
                    {get(|shown| shown.duration.clone())}
                </span>
            </div>
        </div>
    }
}

fn tags((flags, culprit): (u8, bool)) -> impl IntoView {
    let root = culprit.then(|| {
        view! { <span class="tag culprit">{icon("failed")} "root cause"</span> }
    });
    let others = TAGS.iter().filter(|(flag, ..)| flags & flag != 0).map(|(_, name, word)| {
        view! { <span class=format!("tag {name}") title=*word>{icon(name)} <span>{*word}</span></span> }
    });
    (root, others.collect_view())
}
