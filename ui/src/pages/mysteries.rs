//! `/mysteries`: executions grouped by who did it.

use crate::api::{Live, Load, remote_json};
use crate::browser::{self, Preferences};
use crate::components::changes::Changes;
use crate::components::{Empty, Problem, Waiting, icon, moment};
use crate::format;
use crate::router::Router;
use crate::url::{Filters, escape, query_string};
use leptos::prelude::*;
use model::api::{Mystery, MysteryExample, MysteryPage};
use model::{Category, Entity};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const RANGES: [(&str, &str); 5] = [
    ("1h", "Last hour"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
    ("", "Any time"),
];

/// What the address says: the filters of lists, of which a few count here, and the kind of fault.
#[derive(Debug, Clone, PartialEq, Default)]
struct Wanted {
    filters: Filters,
    category: String,
}

impl Wanted {
    fn query(&self) -> String {
        let f = &self.filters;
        query_string(&[
            ("range", &f.range),
            ("from", &f.from),
            ("to", &f.to),
            ("machine", &f.group),
            ("category", &self.category),
            ("q", &f.q),
        ])
    }

    /// The server filters by time and machine, the page by kind and text.
    fn admits(&self, mystery: &Mystery) -> bool {
        let category = mystery.category.map_or("", |category| category.as_str());
        let text = self.filters.q.to_lowercase();
        let culprit = mystery
            .culprit
            .as_ref()
            .map_or("", |culprit| culprit.name.as_str());
        let found = |part: &str| part.to_lowercase().contains(&text);
        (self.category.is_empty() || self.category == category)
            && (text.is_empty()
                || found(culprit)
                || found(&mystery.mechanism)
                || mystery.state_machines.iter().any(|machine| found(machine)))
    }
}

/// The page.
#[component]
pub fn Mysteries() -> impl IntoView {
    let router = Router::get();
    let wanted = Memo::new(move |_| Wanted {
        filters: Filters::read(|key| router.query(key), browser::iso_time),
        category: router.query("category").unwrap_or_default(),
    });
    let page = remote_json::<MysteryPage>(move || {
        let filters = wanted.with(|wanted| wanted.filters.clone());
        let (from, to) = filters.bounds(browser::now());
        let text = |at: Option<i64>| at.map(|at| at.to_string()).unwrap_or_default();
        let pairs = [
            ("from", text(from)),
            ("to", text(to)),
            ("state_machine", filters.group.clone()),
            ("buckets", "48".to_owned()),
        ];
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        Some(format!("/api/v1/mysteries{}", query_string(&pairs)))
    });
    let live = Live::get();
    let mut again = debounce(Duration::from_secs(3), move |()| page.reload());
    Effect::new(move |before: Option<()>| {
        live.update.track();
        if before.is_some() {
            again(());
        }
    });
    let change =
        Callback::new(move |next: Wanted| router.go(&format!("/mysteries{}", next.query()), false));
    browser::on_keys(|event| match event.key().as_str() {
        "j" | "ArrowDown" => step(1),
        "k" | "ArrowUp" => step(-1),
        "/" => super::executions::focus_search(),
        _ => false,
    });
    let body = move || match page.state.get() {
        Load::Waiting => view! { <Waiting what="mysteries" /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || page.reload() /> }.into_any()
        }
        Load::Ready(held) => list(held, wanted, change),
    };
    view! {
        <super::Title text="Mysteries · Inquest".to_owned() />
        <div class="page scroll-page mysteries-page">
            <h1 class="visually-hidden">"Mysteries"</h1>
            <Bar wanted=wanted change=change page=Signal::derive(move || page.ready()) />
            {body}
        </div>
    }
}

/// Moves the focus from mystery to mystery.
fn step(by: i32) -> bool {
    use leptos::wasm_bindgen::JsCast;
    let Ok(all) = document().query_selector_all(".mystery > summary") else {
        return false;
    };
    let now = document().active_element();
    let place = (0..all.length()).find(|at| {
        let node = all.item(*at);
        node.is_some_and(|node| {
            now.as_ref()
                .is_some_and(|now| now.is_same_node(Some(&node)))
        })
    });
    let next = match place {
        None => 0,
        Some(at) => (at as i32 + by).clamp(0, all.length() as i32 - 1) as u32,
    };
    if let Some(element) = all.item(next) {
        let _ = element.unchecked_into::<web_sys::HtmlElement>().focus();
    }
    true
}

#[component]
fn Bar(
    wanted: Memo<Wanted>,
    change: Callback<Wanted>,
    #[prop(into)] page: Signal<Option<Arc<MysteryPage>>>,
) -> impl IntoView {
    let with = move |edit: &dyn Fn(&mut Wanted)| {
        let Some(mut next) = wanted.try_get_untracked() else {
            return;
        };
        edit(&mut next);
        if wanted.with_untracked(|now| *now != next) {
            change.run(next);
        }
    };
    let mut search = debounce(Duration::from_millis(250), move |text: String| {
        with(&|wanted| wanted.filters.q.clone_from(&text))
    });
    let machines = move || {
        let mut all: BTreeSet<String> = page
            .get()
            .map(|page| {
                page.mysteries
                    .iter()
                    .flat_map(|m| m.state_machines.clone())
                    .collect()
            })
            .unwrap_or_default();
        let chosen = wanted.with(|wanted| wanted.filters.group.clone());
        if !chosen.is_empty() {
            all.insert(chosen.clone());
        }
        options(all, chosen, str::to_owned)
    };
    let categories = move || {
        let held = page.get();
        let mysteries = held.iter().flat_map(|page| &page.mysteries);
        let mut all: BTreeSet<String> = mysteries
            .filter_map(|m| Some(m.category?.as_str().to_owned()))
            .collect();
        let chosen = wanted.with(|wanted| wanted.category.clone());
        if !chosen.is_empty() {
            all.insert(chosen.clone());
        }
        options(all, chosen, |it| it.replace('_', " "))
    };
    view! {
        <search class="filters open">
            <label class="field search">
                {icon("search")} <span class="visually-hidden">"Search suspects"</span>
                <input
                    type="search"
                    id="search"
                    placeholder="Search suspects and mechanisms"
                    prop:value=move || wanted.with(|wanted| wanted.filters.q.clone())
                    on:input=move |event| search(event_target_value(&event))
                />
            </label>
            <label class="field">
                <span class="visually-hidden">"Time"</span>
                <select
                    prop:value=move || wanted.with(|wanted| wanted.filters.range.clone())
                    on:change=move |event| {
                        let value = event_target_value(&event);
                        with(&|wanted| {
                            wanted.filters.range.clone_from(&value);
                            wanted.filters.from.clear();
                            wanted.filters.to.clear();
                        })
                    }
                >
                    {RANGES.map(|(value, word)| view! { <option value=value>{word}</option> }).collect_view()}
                </select>
            </label>
            <label class="field">
                <span class="visually-hidden">"State machine"</span>
                <select on:change=move |event| {
                    let value = event_target_value(&event);
                    with(&|wanted| wanted.filters.group.clone_from(&value))
                }>
                    <option value="">"Any state machine"</option>
                    {machines}
                </select>
            </label>
            <label class="field">
                <span class="visually-hidden">"Kind of fault"</span>
                <select on:change=move |event| {
                    let value = event_target_value(&event);
                    with(&|wanted| wanted.category.clone_from(&value))
                }>
                    <option value="">"Any kind of fault"</option>
                    {categories}
                </select>
            </label>
        </search>
    }
}

fn options(all: BTreeSet<String>, chosen: String, word: fn(&str) -> String) -> impl IntoView {
    all.into_iter()
        .map(|value| {
            let selected = value == chosen;
            let word = word(&value);
            view! { <option value=value selected=selected>{word}</option> }
        })
        .collect_view()
}

fn list(page: Arc<MysteryPage>, wanted: Memo<Wanted>, change: Callback<Wanted>) -> AnyView {
    let solved = page.judged.saturating_sub(page.no_crimes + page.cold_cases);
    let summary = format!(
        "{} judged: {} with a culprit, {} cold, {} without a crime",
        format::plural(page.judged, "execution", "executions"),
        format::count(solved),
        format::count(page.cold_cases),
        format::count(page.no_crimes),
    );
    let page_line = (page.from.clone(), page.to.clone());
    let (any, earlier) = (!page.mysteries.is_empty(), page.earlier);
    let rows = move || {
        let wanted = wanted.get();
        let rows: Vec<&Mystery> = page.mysteries.iter().filter(|m| wanted.admits(m)).collect();
        if rows.is_empty() {
            return nothing(&page, change).into_any();
        }
        let peak = rows
            .iter()
            .flat_map(|m| m.trend.iter().copied())
            .max()
            .unwrap_or(1)
            .max(1);
        let range = (format::nanos(&page.from), format::nanos(&page.to));
        let rows = rows
            .iter()
            .map(|m| view! { <Group mystery=(*m).clone() peak=peak range=range /> });
        rows.collect_view().into_any()
    };
    let preferences = Preferences::get();
    let (from, to) = (format::nanos(&page_line.0), format::nanos(&page_line.1));
    let point = move |at: i64| moment(at, preferences);
    view! {
        <p class="quiet" role="status">{summary}</p>
        {any.then(|| view! {
            <div class="trend-axis">
                <p class="quiet">
                    "The trends show " {move || point(from)} " to " {move || point(to)}
                    {(earlier > 0).then(|| format!("; {} before that", format::plural(earlier, "execution", "executions")))}
                </p>
                <div class="trend-line"><Changes line=Signal::derive(move || Some((from, to))) /></div>
            </div>
        })}
        <div class="mysteries">{rows}</div>
    }
    .into_any()
}

fn nothing(page: &MysteryPage, change: Callback<Wanted>) -> impl IntoView + use<> {
    let filtered = !page.mysteries.is_empty();
    match (filtered, page.judged) {
        (true, _) => view! {
            <Empty title="No mystery matches">
                <button on:click=move |_| change.run(Wanted::default())>"Clear all filters"</button>
            </Empty>
        }
        .into_any(),
        (false, 0) => view! {
            <Empty title="Nothing was judged in this time">
                <p>"Executions are judged as they are imported. Try a longer time."</p>
                <button on:click=move |_| change.run(Wanted::default())>"Any time"</button>
            </Empty>
        }
        .into_any(),
        (false, _) => view! {
            <Empty title="No open mystery">
                <p>"Every execution of this time went well, or nobody is to blame."</p>
            </Empty>
        }
        .into_any(),
    }
}

#[component]
fn Group(mystery: Mystery, peak: u64, range: (i64, i64)) -> impl IntoView {
    let preferences = Preferences::get();
    let when = move |text: &str| {
        let at = format::nanos(text);
        move || {
            let offset = preferences.offset(at);
            format!(
                "{} {}",
                format::day(at, browser::now(), offset),
                format::hour_minute(at, offset)
            )
        }
    };
    let (kind, name) = match &mystery.culprit {
        Some(culprit) => (culprit.kind.replace('_', " "), culprit.name.clone()),
        None => (String::new(), "Cold cases".to_owned()),
    };
    let category = mystery
        .category
        .map(|category| category.as_str().replace('_', " "));
    let counted = |n: u64, class: &'static str, name: &'static str, word: &'static str| {
        (n > 0).then(|| view! { <span class=format!("status {class}")>{icon(name)} {format!("{} {word}", format::count(n))}</span> })
    };
    let examples: Vec<_> = mystery
        .examples
        .iter()
        .map(|example| line(example, preferences))
        .collect();
    let shown = mystery.examples.len() as u64;
    let all = format!("/sql{}", query_string(&[("q", &query(&mystery))]));
    let listed = mystery.culprit.as_ref();
    let listed = listed.map(|culprit| format!("/{}", query_string(&[("culprit", &culprit.name)])));
    let compare = mystery
        .culprit
        .as_ref()
        .zip(mystery.state_machines.first())
        .map(|(culprit, machine)| {
            let quoted = |text: &str| text.replace('\'', "''");
            let a = format!(
                "trace_id in (select trace_id from verdicts where {})",
                named(culprit)
            );
            let b = format!(
                "state_machine = '{}' and status = 'SUCCEEDED'",
                quoted(machine)
            );
            format!("/compare?a={}&b={}", escape(&a), escape(&b))
        });
    let of_cold = mystery.category == Some(Category::ColdStart);
    let cold = mystery
        .culprit
        .as_ref()
        .filter(|culprit| of_cold && culprit.kind == "function")
        .map(|culprit| format!("/cold-starts?function={}", escape(&culprit.name)));
    view! {
        <details class="mystery card">
            <summary>
                <div class="mystery-who">
                    <p>
                        <small>{kind}</small> " " <b>{name}</b>
                        {category.map(|category| view! { <span class="badge">{category}</span> })}
                    </p>
                    <p class="mystery-how">{mystery.mechanism.clone()}</p>
                    <p class="mystery-marks">
                        {counted(mystery.fatal, "failed", "failed", "killed")}
                        {counted(mystery.survived, "running", "retry", "survived")}
                        {counted(mystery.masked, "aborted", "caught", "masked")}
                        {counted(mystery.unharmed, "ok", "clock", "green, but slow or wrong")}
                        <small>{mystery.state_machines.join(", ")}</small>
                    </p>
                </div>
                <Trend trend=mystery.trend.clone() peak=peak range=range />
                <dl class="mystery-times">
                    <div><dt>"Executions"</dt><dd class="large">{format::count(mystery.count)}</dd></div>
                    <div><dt>"Since"</dt><dd>{when(&mystery.first_seen)}</dd></div>
                    <div><dt>"Last"</dt><dd>{when(&mystery.last_seen)}</dd></div>
                    <div><dt>"Confidence"</dt><dd>{format!("{:.0} %", mystery.confidence * 100.0)}</dd></div>
                </dl>
            </summary>
            <div class="mystery-body">
                <p>{mystery.sentence.clone()}</p>
                <ul class="visits">{examples}</ul>
                <p class="exhibit-links">
                    {(mystery.count > shown).then(|| format!("and {} more", format::count(mystery.count - shown)))}
                    {listed.map(|href| view! { <a href=href>"In the list of executions"</a> })}
                    <a href=all>{format!("All {} in SQL", format::count(mystery.count))}</a>
                    {compare.map(|href| view! { <a href=href>"Compare with healthy executions"</a> })}
                    {cold.map(|href| view! { <a href=href>"Cold starts of it"</a> })}
                </p>
            </div>
        </details>
    }
}

/// The condition for the culprit's name: of an item without its index, any item of the state.
fn named(culprit: &Entity) -> String {
    let name = culprit.name.replace('\'', "''");
    match culprit.kind == "item" && !name.ends_with(']') {
        true => format!("(culprit_name = '{name}' or starts_with(culprit_name, '{name}['))"),
        false => format!("culprit_name = '{name}'"),
    }
}

/// The query for all executions of a mystery.
fn query(mystery: &Mystery) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let culprit = match &mystery.culprit {
        Some(culprit) => format!(
            "culprit_kind = {} and {}",
            quoted(&culprit.kind),
            named(culprit)
        ),
        None => "outcome = 'cold_case'".to_owned(),
    };
    let category = mystery
        .category
        .map(|category| format!(" and category = '{}'", category.as_str()));
    format!(
        "select start_time, state_machine, name, fatality, confidence, mechanism, trace_id\nfrom verdicts where {culprit}{}\norder by start_time desc",
        category.unwrap_or_default()
    )
}

fn line(example: &MysteryExample, preferences: Preferences) -> impl IntoView + use<> {
    let at = format::nanos(&example.start_time);
    let time = move || {
        let offset = preferences.offset(at);
        format!(
            "{} {}",
            format::day(at, browser::now(), offset),
            format::clock(at, offset)
        )
    };
    view! {
        <li>
            <a href=format!("/x/{}?tab=case", example.trace_id)>{example.name.clone()}</a>
            " "
            <small title=format::exact(at)>{time}</small>
            <span class="of-visit">{example.mechanism.clone()}</span>
        </li>
    }
}

/// Executions over time as small bars.
#[component]
fn Trend(trend: Vec<u64>, peak: u64, range: (i64, i64)) -> impl IntoView {
    let preferences = Preferences::get();
    let count = trend.len().max(1) as f64;
    let bars: Vec<_> = trend
        .iter()
        .enumerate()
        .filter(|(_, n)| **n > 0)
        .map(|(at, n)| {
            let height = (*n as f64 / peak as f64 * 34.0).max(2.0);
            view! {
                <rect
                    x=format!("{:.2}", at as f64 / count * 200.0)
                    width=format!("{:.2}", 200.0 / count * 0.8)
                    y=format!("{:.1}", 36.0 - height)
                    height=format!("{height:.1}")
                ></rect>
            }
        })
        .collect();
    let total: u64 = trend.iter().sum();
    let label = move || {
        format!(
            "{} from {} to {}",
            format::plural(total, "execution", "executions"),
            moment(range.0, preferences),
            moment(range.1, preferences)
        )
    };
    view! {
        <svg class="trend" viewBox="0 0 200 37" preserveAspectRatio="none" role="img" aria-label=label>
            <title>{label}</title>
            <path d="M0 36.5h200"></path>
            {bars}
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mystery() -> Mystery {
        Mystery {
            culprit: Some(Entity {
                kind: "function".into(),
                name: "o'brien".into(),
                path: Vec::new(),
            }),
            category: Some(Category::ColdStart),
            mechanism: "init took long".into(),
            ..Mystery::default()
        }
    }

    #[test]
    fn the_query_finds_the_group_and_nothing_else() {
        assert!(query(&mystery()).contains(
            "culprit_kind = 'function' and culprit_name = 'o''brien' and category = 'cold_start'"
        ));
        assert!(query(&Mystery::default()).contains("outcome = 'cold_case'"));
        let mut items = mystery();
        let culprit = items.culprit.as_mut().expect("one");
        (culprit.kind, culprit.name) = ("item".into(), "Price".into());
        assert!(query(&items).contains("starts_with(culprit_name, 'Price[')"));
    }

    #[test]
    fn mysteries_are_filtered_by_kind_and_text() {
        let check = |category: &str, q: &str, expect: bool| {
            let wanted = Wanted {
                category: category.into(),
                filters: Filters {
                    q: q.into(),
                    ..Filters::default()
                },
            };
            assert_eq!(wanted.admits(&mystery()), expect, "{category} {q}");
        };
        check("", "", true);
        check("cold_start", "INIT", true);
        check("memory", "", false);
        check("", "nobody", false);
    }
}
