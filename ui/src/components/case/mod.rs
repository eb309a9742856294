//! The case file: who did it, what proves it, where the time and the money went, and how it goes when all is well.

mod account;
mod exhibits;
mod ledger;
mod twins;
mod verdict;

pub use twins::Beside;
pub use verdict::VerdictBand;

use crate::api::{Load, Remote, remote_json};
use crate::components::{Problem, Waiting};
use crate::url::escape;
use leptos::prelude::*;
use model::api::ExecutionDetail;
use model::compare::Twins;
use model::{CostReport, Ledger, Verdict};
use std::sync::Arc;

/// The whole file.
#[component]
pub fn CaseFile(
    /// The execution.
    detail: Arc<ExecutionDetail>,
    /// Its verdict, which the head of the page shows, too.
    verdict: Remote<Verdict>,
) -> impl IntoView {
    let trace_id = detail.execution.trace_id.to_string();
    let address = |part: &str| format!("/api/v1/executions/{}/{part}", escape(&trace_id));
    let (ledger, cost, twins) = (address("ledger"), address("cost"), address("twins"));
    let ledger = remote_json::<Ledger>(move || Some(ledger.clone()));
    let cost = remote_json::<CostReport>(move || Some(cost.clone()));
    let twins = remote_json::<Twins>(move || Some(twins.clone()));
    let base = format!("/x/{trace_id}");
    let of = Arc::clone(&detail);
    let judged = move || {
        part(verdict, "the verdict", |verdict| {
            let detail = Arc::clone(&of);
            view! { <verdict::Judged verdict=verdict detail=detail /> }.into_any()
        })
    };
    let path = base.clone();
    let timed = move || {
        part(ledger, "the ledger", |ledger| {
            view! { <ledger::TimeLedger ledger=ledger base=path.clone() /> }.into_any()
        })
    };
    let path = base.clone();
    let billed = move || {
        part(cost, "the cost", |cost| {
            view! { <account::Cost cost=cost base=path.clone() /> }.into_any()
        })
    };
    let beside = move || {
        part(twins, "healthy twins", |twins| {
            view! { <twins::Beside twins=twins base=base.clone() /> }.into_any()
        })
    };
    view! {
        <div class="case">
            {judged}
            <section class="card wide"><h2>"Where the time went"</h2> {timed}</section>
            <section class="card wide"><h2>"Beside its healthy twin"</h2> {beside}</section>
            <section class="card wide"><h2>"What it cost"</h2> {billed}</section>
        </div>
    }
}

/// A part that comes by itself.
fn part<T: Send + Sync>(
    remote: Remote<T>,
    what: &'static str,
    show: impl FnOnce(Arc<T>) -> AnyView,
) -> AnyView {
    match remote.state.get() {
        Load::Waiting => view! { <Waiting what=what /> }.into_any(),
        Load::Failed(failure) => {
            view! { <Problem failure=failure retry=move || remote.reload() /> }.into_any()
        }
        Load::Ready(value) => show(value),
    }
}
