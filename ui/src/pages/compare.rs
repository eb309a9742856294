//! `/compare`: two executions, or two groups of them, beside each other.

use crate::api::{Load, remote_json};
use crate::components::case::Beside;
use crate::components::{Empty, Problem, Waiting, icon};
use crate::format;
use crate::router::Router;
use crate::url::{escape, query_string};
use leptos::prelude::*;
use model::TimeCategory;
use model::api::Facets;
use model::compare::{Comparison, Distinguishing, GroupSummary, StateDifference};
use model::time::human_duration;
use std::sync::Arc;

/// States and attributes that are shown.
const MOST: usize = 40;

/// Comparisons that are worth a click: words and both conditions, `{}` is the state machine.
const PRESETS: [(&str, &str, &str); 3] = [
    (
        "Failed against succeeded",
        "{} and status in ('FAILED', 'TIMED_OUT', 'ABORTED')",
        "{} and status = 'SUCCEEDED'",
    ),
    (
        "Last hour against the day before",
        "{} and start_time >= now() - interval '1 hour'",
        "{} and start_time < now() - interval '1 hour' and start_time >= now() - interval '25 hours'",
    ),
    (
        "With cold starts against without",
        "{} and cold_starts > 0",
        "{} and cold_starts = 0",
    ),
];

fn preset(machine: &str, condition: &str) -> String {
    condition.replace(
        "{}",
        &format!("state_machine = '{}'", machine.replace('\'', "''")),
    )
}

/// The page.
#[component]
pub fn Compare() -> impl IntoView {
    let router = Router::get();
    let side = move |key: &'static str| Memo::new(move |_| router.query(key).unwrap_or_default());
    let (a, b) = (side("a"), side("b"));
    let found = remote_json::<Comparison>(move || {
        let (a, b) = (a.get(), b.get());
        (!a.is_empty() && !b.is_empty())
            .then(|| format!("/api/v1/compare{}", query_string(&[("a", &a), ("b", &b)])))
    });
    let go = Callback::new(move |(a, b): (String, String)| {
        router.go(
            &format!(
                "/compare{}",
                query_string(&[("a", a.trim()), ("b", b.trim())])
            ),
            false,
        );
    });
    let body = move || {
        if a.with(String::is_empty) || b.with(String::is_empty) {
            return view! { <Start go=go /> }.into_any();
        }
        match found.state.get() {
            Load::Waiting => view! { <Waiting what="the comparison" /> }.into_any(),
            Load::Failed(failure) => {
                view! { <Problem failure=failure retry=move || found.reload() /> }.into_any()
            }
            Load::Ready(found) => shown(&found),
        }
    };
    view! {
        <super::Title text="Compare · Inquest".to_owned() />
        <div class="page scroll-page compare-page">
            <h1 class="visually-hidden">"Compare"</h1>
            <Sides a=a b=b go=go />
            {body}
        </div>
    }
}

/// The two fields.
#[component]
fn Sides(a: Memo<String>, b: Memo<String>, go: Callback<(String, String)>) -> impl IntoView {
    let left = RwSignal::new(String::new());
    let right = RwSignal::new(String::new());
    Effect::new(move |_| {
        left.set(a.get());
        right.set(b.get());
    });
    let field = |label: &'static str, hint: &'static str, text: RwSignal<String>| {
        view! {
            <label class="side">
                <span>{label}</span>
                <input
                    type="text"
                    placeholder=hint
                    spellcheck="false"
                    prop:value=move || text.get()
                    on:input=move |event| text.set(event_target_value(&event))
                />
            </label>
        }
    };
    view! {
        <form
            class="sides"
            on:submit=move |event| {
                event.prevent_default();
                go.run((left.get_untracked(), right.get_untracked()));
            }
        >
            {field("A", "An ARN, a trace id, or a condition such as status = 'FAILED'", left)}
            {field("B", "What to compare it to", right)}
            <div class="side-buttons">
                <button
                    type="button"
                    title="Swap A and B"
                    aria-label="Swap A and B"
                    on:click=move |_| go.run((right.get_untracked(), left.get_untracked()))
                >
                    "⇄"
                </button>
                <button type="submit" class="primary">"Compare"</button>
            </div>
        </form>
    }
}

/// What to begin with.
#[component]
fn Start(go: Callback<(String, String)>) -> impl IntoView {
    let facets = remote_json::<Facets>(|| Some("/api/v1/executions/facets".to_owned()));
    let chosen = RwSignal::new(String::new());
    let machines = move || {
        let held = facets.ready();
        let machines = held
            .map(|facets| facets.state_machines.clone())
            .unwrap_or_default();
        if chosen.with_untracked(String::is_empty)
            && let Some((first, _)) = machines.first()
        {
            chosen.set(first.clone());
        }
        let options = machines.into_iter().map(|(machine, n)| {
            let text = format!("{machine} ({})", format::count(n));
            view! { <option value=machine>{text}</option> }
        });
        options.collect_view()
    };
    view! {
        <Empty title="Two executions, or two groups, beside each other">
            <p>"Name both above: an ARN or a trace id for one execution, or a condition over the table executions for a group. Or begin with one of these:"</p>
            <p class="presets">
                <label>
                    <span class="visually-hidden">"State machine"</span>
                    <select on:change=move |event| chosen.set(event_target_value(&event))>{machines}</select>
                </label>
                {PRESETS
                    .map(|(words, a, b)| {
                        view! {
                            <button
                                disabled=move || chosen.with(String::is_empty)
                                on:click=move |_| {
                                    let machine = chosen.get_untracked();
                                    go.run((preset(&machine, a), preset(&machine, b)));
                                }
                            >
                                {words}
                            </button>
                        }
                    })
                    .collect_view()}
            </p>
        </Empty>
    }
}

fn shown(found: &Arc<Comparison>) -> AnyView {
    let alignment = found.alignment.clone().map(|twins| {
        let base = format!("/x/{}", twins.subject.trace_id);
        view! { <section class="card wide"><h2>"State by state"</h2> <Beside twins=Arc::new(twins) base=base chosen=true /></section> }
    });
    let single = alignment.is_some();
    let states: Vec<_> = found.states.iter().take(MOST).map(state_line).collect();
    let attributes: Vec<_> = found
        .attributes
        .iter()
        .take(MOST)
        .map(attribute_line)
        .collect();
    let most = found
        .a
        .ledger
        .iter()
        .chain(&found.b.ledger)
        .map(|(_, ns)| *ns)
        .max()
        .unwrap_or(1);
    let empty = found.a.executions == 0 || found.b.executions == 0;
    view! {
        <div class="case">
            <Summary title="A" group=found.a.clone() most=most />
            <Summary title="B" group=found.b.clone() most=most />
            {empty.then(|| view! { <p class="notice wide">{icon("partial")} <span>"A side without executions has nothing to compare."</span></p> })}
            {alignment}
            {(!attributes.is_empty()).then(|| view! {
                <section class="card wide">
                    <h2>"What tells them apart"</h2>
                    <div class="scrolled" tabindex="0"><table class="plain-table">
                        <thead><tr>
                            <th scope="col">"Attribute"</th><th scope="col">"Value"</th><th scope="col">"In A"</th><th scope="col">"In B"</th>
                            <th scope="col" class="number">"Strength"</th><th scope="col" class="number">"q"</th><th scope="col">"Mind"</th>
                        </tr></thead>
                        <tbody>{attributes}</tbody>
                    </table></div>
                </section>
            })}
            {(!single && attributes_none(found)).then(|| view! {
                <section class="card wide"><h2>"What tells them apart"</h2> <p class="quiet">"No attribute does, beyond chance."</p></section>
            })}
            {(!single && !states.is_empty()).then(|| view! {
                <section class="card wide">
                    <h2>"State by state"</h2>
                    <div class="scrolled" tabindex="0"><table class="plain-table">
                        <thead><tr>
                            <th scope="col">"State"</th><th scope="col">"Median in A"</th><th scope="col">"Median in B"</th>
                            <th scope="col" class="number">"Failures per visit"</th><th scope="col" class="number">"Retries per visit"</th><th scope="col" class="number">"Went there"</th>
                        </tr></thead>
                        <tbody>{states}</tbody>
                    </table></div>
                </section>
            })}
        </div>
    }
    .into_any()
}

fn attributes_none(found: &Comparison) -> bool {
    found.attributes.is_empty() && found.a.executions > 0 && found.b.executions > 0
}

#[component]
fn Summary(title: &'static str, group: GroupSummary, most: i64) -> impl IntoView {
    let ratio = group.failed as f64 / group.looked_at.max(1) as f64 * 100.0;
    let duration = |ns: Option<i64>| ns.map_or("–".to_owned(), human_duration);
    let ledger: Vec<_> = group
        .ledger
        .iter()
        .filter(|(_, ns)| *ns > 0)
        .map(|(category, ns)| ledger_line(*category, *ns, most))
        .collect();
    let link = match group.selection.contains(' ') {
        true => {
            let sql = format!(
                "select * from executions where {} limit 100",
                group.selection
            );
            format!("/sql{}", query_string(&[("q", &sql)]))
        }
        false => format!("/x/{}", escape(&group.selection)),
    };
    let cut = (group.looked_at < group.executions)
        .then(|| format!(", the newest {} looked at", format::count(group.looked_at)));
    view! {
        <section class="card" aria-label=format!("Group {title}")>
            <h2>{title} " " <small>{format::plural(group.executions, "execution", "executions")} {cut}</small></h2>
            <p class="selection"><a href=link><code>{group.selection.clone()}</code></a></p>
            <dl class="fact-strip">
                <div><dt>"Failed"</dt><dd>{format!("{} ({ratio:.0} %)", format::count(group.failed))}</dd></div>
                <div><dt>"Median"</dt><dd>{duration(group.duration_ns_p50)}</dd></div>
                <div><dt>"95th percentile"</dt><dd>{duration(group.duration_ns_p95)}</dd></div>
                {group.picodollars_mean.map(|pico| {
                    let over = (group.priced < group.looked_at)
                        .then(|| format!(" (over {} of {})", format::count(group.priced), format::count(group.looked_at)));
                    view! { <div><dt>"Mean cost"</dt><dd>{format!("${}", model::cost::usd(pico))} {over}</dd></div> }
                })}
            </dl>
            <ul class="ledger-lines" aria-label="Mean time by category">{ledger}</ul>
        </section>
    }
}

fn ledger_line(category: TimeCategory, ns: i64, most: i64) -> impl IntoView {
    let width = ns as f64 / most.max(1) as f64 * 100.0;
    view! {
        <li>
            <span>{category.label()}</span>
            <span class="in-bar"><i class=format!("cat-{}", category.as_str()) style:width=format!("{width:.1}%") aria-hidden="true"></i></span>
            <span class="number">{human_duration(ns)}</span>
        </li>
    }
}

fn state_line(state: &StateDifference) -> impl IntoView + use<> {
    let most = state
        .duration_ns_a
        .max(state.duration_ns_b)
        .unwrap_or(1)
        .max(1);
    let bar = |ns: Option<i64>| {
        let width = ns.unwrap_or(0) as f64 / most as f64 * 100.0;
        view! {
            <span class="beside">
                <span class="in-bar"><i style:width=format!("{width:.1}%") aria-hidden="true"></i></span>
                {ns.map_or("–".to_owned(), human_duration)}
            </span>
        }
    };
    let pair = |a: f64, b: f64| format!("{a:.2} / {b:.2}");
    let worse = state.failures_a > state.failures_b;
    view! {
        <tr>
            <th scope="row">{state.state.clone()}</th>
            <td>{bar(state.duration_ns_a)}</td>
            <td>{bar(state.duration_ns_b)}</td>
            <td class="number" class:slower=worse>{pair(state.failures_a, state.failures_b)}</td>
            <td class="number">{pair(state.retries_a, state.retries_b)}</td>
            <td class="number">{format!("{:.0} % / {:.0} %", state.visited_a * 100.0, state.visited_b * 100.0)}</td>
        </tr>
    }
}

fn attribute_line(attribute: &Distinguishing) -> impl IntoView + use<> {
    let share = |share: f64, n: u64| {
        let width = (share * 100.0).clamp(0.0, 100.0);
        view! {
            <span class="beside">
                <span class="in-bar"><i style:width=format!("{width:.1}%") aria-hidden="true"></i></span>
                {format!("{width:.0} %")} " " <small>{format::count(n)}</small>
            </span>
        }
    };
    let why = match &attribute.explained_by {
        _ if attribute.consequence => "a consequence: it follows from how they went".to_owned(),
        Some(other) => format!("only goes along with {other}"),
        None if attribute.q_value > 0.05 => "may be chance".to_owned(),
        None => String::new(),
    };
    let faint = !why.is_empty();
    view! {
        <tr class:faint=faint>
            <th scope="row">{attribute.attribute.clone()}</th>
            <td><code>{attribute.value.clone()}</code></td>
            <td>{share(attribute.share_a, attribute.count_a)}</td>
            <td>{share(attribute.share_b, attribute.count_b)}</td>
            <td class="number">{format!("{:+.1}", attribute.score)}</td>
            <td class="number">{q_word(attribute.q_value)}</td>
            <td><small>{why}</small></td>
        </tr>
    }
}

/// How likely it is chance, corrected for all that was tried; never 0.
fn q_word(q: f64) -> String {
    match q {
        q if q < 0.001 => "< 0.001".to_owned(),
        q => format!("{q:.3}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_certain() {
        assert_eq!(super::q_word(0.0), "< 0.001");
        assert_eq!(super::q_word(0.0123), "0.012");
    }

    #[test]
    fn presets_name_the_machine_safely() {
        assert_eq!(
            super::preset("o'b", "{} and x = 1"),
            "state_machine = 'o''b' and x = 1"
        );
    }
}
