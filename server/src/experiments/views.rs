//! Experiments as the API tells them.

use experiments::Experiment;
use model::{UnixNanos, api};

/// One.
pub fn view(it: &Experiment) -> api::experiments::Experiment {
    let told = |time: UnixNanos| time.0.to_string();
    api::experiments::Experiment {
        id: it.id.clone(),
        name: it.name.clone(),
        tool: it.tool.clone(),
        template: it.template.clone(),
        owner: it.owner.clone(),
        state: it.phase.as_str().into(),
        start: told(it.start),
        end: it.end.map(told),
        planned_end: it.planned_end.map(told),
        tail_s: it.tail_s,
        scope: it.scope.clone(),
        slos: it.slos.clone(),
        max_spend: it.max_spend,
        hypothesis: it.hypothesis.clone(),
        charges: it.charges.clone(),
        verdict: it.verdict.clone(),
        abort_advised: it.abort_advised.clone(),
        note: it.note.clone(),
        warnings: Vec::new(),
    }
}
