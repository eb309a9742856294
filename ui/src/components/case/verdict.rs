//! Who did it, how sure that is, who did not.

use super::exhibits::{Exhibits, go_to};
use crate::api::{Remote, ask_bytes};
use crate::browser::copy;
use crate::components::icon;
use crate::geometry::case::Reference;
use crate::url::query_string;
use leptos::prelude::*;
use model::api::ExecutionDetail;
use model::{Category, Fatality, Outcome, Sentence, Verdict};
use std::sync::Arc;

/// The class that carries the colour of an outcome.
fn outcome_class(verdict: &Verdict) -> &'static str {
    match (verdict.outcome, verdict.fatality) {
        (Outcome::NoCrime, _) => "ok",
        (Outcome::ColdCase, _) => "cold-case",
        (Outcome::Verdict, Fatality::Fatal) => "failed",
        (Outcome::Verdict, _) => "caught",
    }
}

fn outcome_icon(class: &str) -> &'static str {
    match class {
        "ok" => "ok",
        "cold-case" => "unknown",
        "failed" => "failed",
        _ => "caught",
    }
}

/// What the fault did, in words.
fn fatality_word(verdict: &Verdict) -> &'static str {
    let slow = verdict
        .but_for
        .as_deref()
        .is_some_and(|text| text.contains("would have taken"));
    match verdict.fatality {
        Fatality::Fatal => "ended the execution",
        Fatality::Survived if verdict.mechanism.contains(" was redriven ") => {
            "ended the execution, which was redriven"
        }
        Fatality::Survived => "survived by a retry",
        Fatality::Masked => "masked by a Catch",
        Fatality::None if verdict.still_runs() => "it still runs",
        Fatality::None if verdict.category == Some(Category::SilentData) => {
            "green, but the result is wrong"
        }
        Fatality::None if slow => "green, but slow",
        Fatality::None => "green, but not as in healthy runs",
    }
}

/// One line for the head of the page.
#[component]
pub fn VerdictBand(
    /// The verdict.
    verdict: Remote<Verdict>,
    /// The address of the case file.
    #[prop(into)]
    href: Signal<String>,
    /// The case file is below and says the same.
    #[prop(into)]
    below: Signal<bool>,
) -> impl IntoView {
    move || {
        let verdict = verdict.ready()?;
        // That nothing happened needs no line.
        (verdict.outcome != Outcome::NoCrime && !below.get()).then(|| {
            let class = outcome_class(&verdict);
            view! {
                <p class=format!("verdict-band {class}")>
                    {icon(outcome_icon(class))}
                    <span>
                        <a href=href>{headline(&verdict)}</a>
                        <small>{certainty(&verdict)}</small>
                    </span>
                </p>
            }
        })
    }
}

/// Who, of what: `Charge Card did it: timeout config`.
fn headline(verdict: &Verdict) -> String {
    match (&verdict.culprit, verdict.outcome) {
        (Some(culprit), Outcome::Verdict) => {
            let category = verdict.category.map_or(String::new(), |category| {
                format!(": {}", category.as_str().replace('_', " "))
            });
            let kind = sentence(&culprit.kind.replace('_', " "));
            format!("{kind} {} did it{category}", culprit.name)
        }
        (_, Outcome::ColdCase) => "Cold case: the facts do not suffice".to_owned(),
        _ => "No crime: nobody is to blame".to_owned(),
    }
}

/// With a capital at the beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase());
    first.into_iter().flatten().chain(letters).collect()
}

/// The same where the sentence begins with one of our own words; names keep their letters.
fn opening(text: &str) -> String {
    const OWN: [&str; 14] = [
        "all", "an", "a", "every", "in", "it", "its", "item", "only", "nothing", "no", "the",
        "there", "without",
    ];
    let first = text.split_whitespace().next().unwrap_or_default();
    match OWN.contains(&first) {
        true => sentence(text),
        false => text.to_owned(),
    }
}

fn certainty(verdict: &Verdict) -> String {
    match verdict.outcome {
        Outcome::Verdict => format!(
            "{}, {:.0} %",
            verdict.certainty(),
            verdict.confidence * 100.0
        ),
        _ => String::new(),
    }
}

/// The verdict with its proof.
#[component]
pub fn Judged(verdict: Arc<Verdict>, detail: Arc<ExecutionDetail>) -> impl IntoView {
    let trace_id = detail.execution.trace_id.to_string();
    let class = outcome_class(&verdict);
    let path = verdict
        .culprit
        .as_ref()
        .map(|culprit| culprit.path.clone())
        .unwrap_or_default();
    let line = |label: &'static str, text: Option<String>, of: Option<Sentence>| {
        text.filter(|text| !text.is_empty()).map(|text| {
            let cited = of.map(|of| citations(&verdict, of));
            view! { <div><dt>{label}</dt><dd>{text} {cited}</dd></div> }
        })
    };
    let harm = (verdict.outcome == Outcome::Verdict).then(|| fatality_word(&verdict).to_owned());
    let missing: Vec<_> = verdict
        .missing
        .iter()
        .map(|text| view! { <li>{text.clone()}</li> })
        .collect();
    view! {
        <section class=format!("card wide judged {class}") aria-label="Verdict">
            <div class="judged-head">
                {icon(outcome_icon(class))}
                <h2>{headline(&verdict)}</h2>
                {(verdict.outcome == Outcome::Verdict).then(|| view! { <Meter verdict=Arc::clone(&verdict) /> })}
                <Exports trace_id=trace_id.clone() />
            </div>
            {(!path.is_empty())
                .then(|| {
                    view! {
                        <ol class="trail" aria-label="From the workflow to the culprit">
                            {path.into_iter().map(|step| view! { <li>{step}</li> }).collect_view()}
                        </ol>
                    }
                })}
            <p class="mechanism">{opening(&verdict.mechanism)} {citations(&verdict, Sentence::Mechanism)}</p>
            <dl class="findings">
                {line("But for it", verdict.but_for.as_deref().map(opening), Some(Sentence::ButFor))}
                {line("What changed", verdict.changed.clone(), Some(Sentence::Changed))} {line("Effect", harm, None)}
                {line("Verdict", (verdict.version > 1).then(|| format!("version {}: late facts changed it", verdict.version)), None)}
            </dl>
            {(!missing.is_empty())
                .then(|| view! { <div class="missing"><h3>"Evidence that would decide"</h3> <ul>{missing}</ul></div> })}
        </section>
        {(!verdict.exhibits.is_empty())
            .then(|| {
                view! {
                    <section class="card wide">
                        <h2>"Exhibits"</h2>
                        <Exhibits verdict=Arc::clone(&verdict) detail=Arc::clone(&detail) />
                    </section>
                }
            })}
        {suspects(&verdict)}
        {cleared(&verdict, &trace_id)}
    }
}

/// The numbers of the exhibits on which a sentence stands; each leads there.
fn citations(verdict: &Verdict, of: Sentence) -> impl IntoView + use<> {
    let cited = verdict.cited(of);
    (!cited.is_empty()).then(|| {
        let all: Vec<_> = cited
            .into_iter()
            .map(|n| {
                let label = format!("Exhibit {n}");
                view! { <button class="plain" aria-label=label title="Show the exhibit" on:click=move |_| go_to(n)>{n}</button> }
            })
            .collect();
        view! { <span class="cites">{all}</span> }
    })
}

/// How sure it is, as a word, a number and a bar.
#[component]
fn Meter(verdict: Arc<Verdict>) -> impl IntoView {
    let percent = (verdict.confidence.clamp(0.0, 1.0) * 100.0).round();
    view! {
        <span class="meter" title="How often verdicts of this confidence are right">
            <b>{verdict.certainty()}</b>
            <span class="gauge" aria-hidden="true"><i style:width=format!("{percent}%")></i></span>
            {format!("{:.0} %", verdict.confidence * 100.0)}
        </span>
    }
}

/// The file to send on.
#[component]
fn Exports(trace_id: String) -> impl IntoView {
    let address = |kind: &str| format!("/api/v1/executions/{trace_id}/case.{kind}");
    let (html, markdown) = (address("html"), address("md"));
    let name = |kind: &str| format!("case-{}.{kind}", &trace_id[..trace_id.len().min(8)]);
    let copied = RwSignal::new(false);
    let text = markdown.clone();
    let copy_markdown = move |_| {
        ask_bytes(text.clone(), None, move |answer| {
            if let Ok(bytes) = answer {
                copy(&String::from_utf8_lossy(&bytes));
                let _ = copied.try_set(true);
            }
        });
    };
    view! {
        <span class="case-exports">
            <a class="button" href=html download=name("html")>"HTML"</a>
            <a class="button" href=markdown download=name("md")>"Markdown"</a>
            <button on:click=copy_markdown>
                {icon("copy")} <span role="status">{move || if copied.get() { "Copied" } else { "Copy" }}</span>
            </button>
        </span>
    }
}

fn suspects(verdict: &Verdict) -> impl IntoView + use<> {
    let rows: Vec<_> = verdict
        .suspects
        .iter()
        .map(|suspect| {
            let percent = (suspect.score.clamp(0.0, 1.0) * 100.0).round();
            let category = suspect.category.map(|category| category.as_str().replace('_', " "));
            view! {
                <li>
                    <span>
                        <small>{suspect.kind.replace('_', " ")}</small> " " <b>{suspect.name.clone()}</b>
                        {category.map(|category| view! { <span class="badge">{category}</span> })}
                    </span>
                    <span class="gauge" aria-hidden="true"><i style:width=format!("{percent}%")></i></span>
                    <span class="number">{format!("{:.2}", suspect.score)}</span>
                </li>
            }
        })
        .collect();
    (!rows.is_empty()).then(|| view! { <section class="card"><h2>"Suspects"</h2> <ol class="suspects">{rows}</ol></section> })
}

fn cleared(verdict: &Verdict, trace_id: &str) -> impl IntoView + use<> {
    let rows: Vec<_> = verdict
        .cleared
        .iter()
        .map(|cleared| {
            let reference = Reference::read(&cleared.reference);
            let proof = reference.page(trace_id).or_else(|| {
                let sql = reference.sql()?;
                Some(format!("/sql{}", query_string(&[("q", &sql)])))
            });
            view! {
                <li>
                    {icon("ok")}
                    <span>
                        <small>{cleared.kind.replace('_', " ")}</small> " " <b>{cleared.name.clone()}</b> ": " {cleared.reason.clone()} " "
                        {proof.map(|href| view! { <a href=href>"proof"</a> })}
                    </span>
                </li>
            }
        })
        .collect();
    (!rows.is_empty()).then(|| view! { <section class="card"><h2>"Alibis"</h2> <ul class="alibis">{rows}</ul></section> })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Entity;

    #[test]
    fn what_went_green_did_not_go_well() {
        let check = |category, but_for: &str, expect: &str| {
            let verdict = Verdict {
                category: Some(category),
                but_for: Some(but_for.to_owned()),
                fatality: Fatality::None,
                ..Verdict::default()
            };
            assert_eq!(fatality_word(&verdict), expect);
        };
        check(
            Category::Capacity,
            "Without it this run would have taken about 2 min",
            "green, but slow",
        );
        check(Category::SilentData, "", "green, but the result is wrong");
        check(Category::BadDeploy, "", "green, but not as in healthy runs");
    }

    #[test]
    fn a_headline_names_who_and_what() {
        let mut verdict = Verdict {
            outcome: Outcome::Verdict,
            culprit: Some(Entity {
                kind: "state_machine".into(),
                name: "orders".into(),
                path: Vec::new(),
            }),
            category: Some(Category::TimeoutConfig),
            fatality: Fatality::Fatal,
            confidence: 0.934,
            ..Verdict::default()
        };
        assert_eq!(
            headline(&verdict),
            "State machine orders did it: timeout config"
        );
        assert_eq!(certainty(&verdict), "beyond reasonable doubt, 93 %");
        assert_eq!(outcome_class(&verdict), "failed");
        verdict.outcome = Outcome::ColdCase;
        assert_eq!(
            (headline(&verdict).as_str(), certainty(&verdict).as_str()),
            ("Cold case: the facts do not suffice", "")
        );
    }
}
