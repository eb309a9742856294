//! The filters of a list. What they hold is in the URL; here are only the fields.

use super::icon;
use super::status::{status_class, status_word};
use crate::browser::Preferences;
use crate::format;
use crate::url::Filters;
use leptos::prelude::*;
use std::time::Duration;

/// What the fields are called on this page, and what they offer.
#[derive(Clone, Copy)]
pub struct FilterNames {
    /// The first list: `State machine`, `Service`.
    pub group: &'static str,
    /// The error or name field.
    pub error: &'static str,
    /// What the text is looked for in.
    pub text: &'static str,
}

const RANGES: [(&str, &str); 6] = [
    ("", "Any time"),
    ("15m", "Last 15 minutes"),
    ("1h", "Last hour"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
];

/// The choice of a time of one's own.
const CUSTOM: &str = "custom";

/// A named value with its count, as the server lists them.
type Choices = Vec<(String, u64)>;

/// The bar above a list.
#[component]
pub fn FilterBar(
    /// What is set.
    filters: Memo<Filters>,
    /// Told a change.
    change: Callback<Filters>,
    /// Words.
    names: FilterNames,
    /// Offered for the first list.
    #[prop(into)]
    groups: Signal<Choices>,
    /// Offered as buttons.
    #[prop(into)]
    statuses: Signal<Choices>,
    /// Offered for the error field.
    #[prop(into)]
    errors: Signal<Choices>,
    /// Offered as culprits, where the page has them.
    #[prop(optional, into)]
    culprits: Option<Signal<Choices>>,
) -> impl IntoView {
    let with = move |edit: &dyn Fn(&mut Filters)| {
        // Typing may rest only after the page is gone.
        let Some(now) = filters.try_get_untracked() else {
            return;
        };
        let mut next = now.clone();
        edit(&mut next);
        if next != now {
            change.run(next);
        }
    };
    let mut search = debounce(Duration::from_millis(250), move |text: String| {
        with(&|f| f.q.clone_from(&text))
    });
    let open = RwSignal::new(false);
    let choosing = RwSignal::new(false);
    view! {
        <search class="filters" class:open=move || open.get()>
            <label class="field search">
                {icon("search")} <span class="visually-hidden">{names.text}</span>
                <input
                    type="search"
                    id="search"
                    placeholder=names.text
                    prop:value=move || filters.with(|f| f.q.clone())
                    on:input=move |event| search(event_target_value(&event))
                />
            </label>
            <button
                class="more-filters"
                aria-expanded=move || open.get().to_string()
                on:click=move |_| open.update(|open| *open = !*open)
            >
                {icon("filter")} "Filters"
                {move || match filters.with(Filters::active) {
                    0 => String::new(),
                    n => format!(" ({n})"),
                }}
            </button>
            <div class="fields">
                <label class="field">
                    <span class="visually-hidden">{names.group}</span>
                    <select
                        prop:value=move || {
                            groups.track();
                            filters.with(|f| f.group.clone())
                        }
                        on:change=move |event| {
                            let value = event_target_value(&event);
                            with(&|f| f.group.clone_from(&value))
                        }
                    >
                        <option value="">{format!("Any {}", names.group.to_lowercase())}</option>
                        {move || {
                            let chosen = filters.with(|f| f.group.clone());
                            options(groups.get(), chosen)
                        }}
                    </select>
                </label>
                <label class="field error">
                    <span class="visually-hidden">{names.error}</span>
                    <input
                        type="text"
                        list="errors"
                        placeholder=names.error
                        prop:value=move || filters.with(|f| f.error.clone())
                        on:change=move |event| {
                            let value = event_target_value(&event);
                            with(&|f| f.error.clone_from(&value))
                        }
                    />
                    <datalist id="errors">
                        {move || {
                            errors
                                .get()
                                .into_iter()
                                .map(|(error, _)| view! { <option value=error></option> })
                                .collect_view()
                        }}
                    </datalist>
                </label>
                {culprits
                    .map(|culprits| {
                        view! {
                            <label class="field">
                                <span class="visually-hidden">"Culprit"</span>
                                <select
                                    prop:value=move || {
                                        culprits.track();
                                        filters.with(|f| f.culprit.clone())
                                    }
                                    on:change=move |event| {
                                        let value = event_target_value(&event);
                                        with(&|f| f.culprit.clone_from(&value))
                                    }
                                >
                                    <option value="">"Any culprit"</option>
                                    {move || {
                                        let chosen = filters.with(|f| f.culprit.clone());
                                        options(culprits.get(), chosen)
                                    }}
                                </select>
                            </label>
                        }
                    })}
                <label class="field">
                    <span class="visually-hidden">"Time"</span>
                    <select
                        prop:value=move || match choosing.get() {
                            true => CUSTOM.to_owned(),
                            false => filters.with(time_value),
                        }
                        on:change=move |event| {
                            let value = event_target_value(&event);
                            choosing.set(value == CUSTOM);
                            if value == CUSTOM {
                                return;
                            }
                            with(
                                &|f| {
                                    f.range.clone_from(&value);
                                    f.from.clear();
                                    f.to.clear();
                                },
                            )
                        }
                    >
                        {RANGES
                            .map(|(value, word)| view! { <option value=value>{word}</option> })
                            .collect_view()}
                        <option value=CUSTOM>"From … to …"</option>
                    </select>
                </label>
                <Show when=move || choosing.get() || filters.with(|f| time_value(f) == CUSTOM)>
                    <MomentField
                        label="From"
                        value=Signal::derive(move || filters.with(|f| f.from.clone()))
                        change=Callback::new(move |text: String| {
                            with(
                                &|f| {
                                    f.range.clear();
                                    f.from.clone_from(&text);
                                },
                            )
                        })
                    />
                    <MomentField
                        label="To"
                        value=Signal::derive(move || filters.with(|f| f.to.clone()))
                        change=Callback::new(move |text: String| {
                            with(
                                &|f| {
                                    f.range.clear();
                                    f.to.clone_from(&text);
                                },
                            )
                        })
                    />
                </Show>
                <DurationField
                    label="Shortest duration"
                    placeholder="≥ 1.5s"
                    value=Signal::derive(move || filters.with(|f| f.min.clone()))
                    change=Callback::new(move |text: String| with(&|f| f.min.clone_from(&text)))
                />
                <DurationField
                    label="Longest duration"
                    placeholder="≤ 2min"
                    value=Signal::derive(move || filters.with(|f| f.max.clone()))
                    change=Callback::new(move |text: String| with(&|f| f.max.clone_from(&text)))
                />
                <Show when=move || filters.with(|f| f.active() > 0)>
                    <button class="plain" on:click=move |_| change.run(Filters::default())>
                        {icon("close")}
                        "Clear"
                    </button>
                </Show>
                <div class="chips" role="group" aria-label="Status">
                    {move || {
                        let chosen = filters.with(|f| f.status.clone());
                        let offered = with_chosen(statuses.get(), &chosen);
                        offered
                            .into_iter()
                            .map(|(status, count)| {
                                let pressed = status == chosen;
                                let next = if pressed { String::new() } else { status.clone() };
                                view! {
                                    <button
                                        class=format!("chip {}", status_class(&status))
                                        aria-pressed=pressed.to_string()
                                        on:click=move |_| with(&|f| f.status.clone_from(&next))
                                    >
                                        <span class="dot" aria-hidden="true"></span>
                                        {status_word(&status)}
                                        <small>{format::count(count)}</small>
                                    </button>
                                }
                            })
                            .collect_view()
                    }}
                </div>
            </div>
            {move || {
                let wrong = filters.with(Filters::wrong);
                wrong
                    .into_iter()
                    .map(|text| {
                        view! { <p class="notice wrong" role="alert">{icon("partial")} <span>{text}</span></p> }
                    })
                    .collect_view()
            }}
        </search>
    }
}

fn time_value(filters: &Filters) -> String {
    let custom = !(filters.from.is_empty() && filters.to.is_empty());
    if filters.range.is_empty() && custom {
        CUSTOM.to_owned()
    } else {
        filters.range.clone()
    }
}

/// The chosen value is offered even when nothing has it now.
fn with_chosen(mut choices: Choices, chosen: &str) -> Choices {
    if !chosen.is_empty() && choices.iter().all(|(value, _)| value != chosen) {
        choices.push((chosen.to_owned(), 0));
    }
    choices
}

fn options(choices: Choices, chosen: String) -> impl IntoView {
    with_chosen(choices, &chosen)
        .into_iter()
        .map(|(value, count)| {
            let selected = value == chosen;
            let text = format!("{value} ({})", format::count(count));
            view! {
                <option value=value selected=selected>
                    {text}
                </option>
            }
        })
        .collect_view()
}

/// A duration as people write it; says so when it is not understood.
#[component]
fn DurationField(
    label: &'static str,
    placeholder: &'static str,
    #[prop(into)] value: Signal<String>,
    change: Callback<String>,
) -> impl IntoView {
    let wrong = RwSignal::new(false);
    view! {
        <label class="field duration">
            <span class="visually-hidden">{label}</span>
            <input
                type="text"
                placeholder=placeholder
                title=format!("{label}, such as 250ms, 1.5s, 2min or 3h")
                prop:value=move || value.get()
                aria-invalid=move || {
                    let held = value.with(|text| !text.is_empty() && format::parse_duration(text).is_none());
                    (held || wrong.get()).to_string()
                }
                on:change=move |event| {
                    let text = event_target_value(&event).trim().to_owned();
                    let understood = text.is_empty() || format::parse_duration(&text).is_some();
                    wrong.set(!understood);
                    if understood {
                        change.run(text);
                    }
                }
            />
        </label>
    }
}

/// A date and time in the chosen zone; `value` is nanoseconds since the epoch as text, or empty.
#[component]
fn MomentField(
    label: &'static str,
    #[prop(into)] value: Signal<String>,
    change: Callback<String>,
) -> impl IntoView {
    let preferences = Preferences::get();
    let shown = move || {
        let at = value.with(|text| text.parse::<i64>().ok());
        at.map(|at| preferences.to_field(at)).unwrap_or_default()
    };
    view! {
        <label class="field moment">
            <span>{label}</span>
            <input
                type="datetime-local"
                step="1"
                prop:value=shown
                on:change=move |event| {
                    let text = event_target_value(&event);
                    let at = preferences.of_field(&text);
                    if text.is_empty() || at.is_some() {
                        change.run(at.map(|at| at.to_string()).unwrap_or_default());
                    }
                }
            />
        </label>
    }
}
