//! What functions that functions called cost: their sandboxes that had to be started, and their work.

use super::{
    clue::{self, Clue, Explained},
    clues,
    scene::Scene,
    starved,
};
use model::{Attempt, Category, Invocation, Value, time::human_duration};

/// A single cold start that added less is nobody's fault, nanoseconds.
const SLIGHT_NS: i64 = 1_500_000_000;
/// Clocks of two sandboxes, nanoseconds.
const SLACK_NS: i64 = 250_000_000;

/// Whether one invocation ran inside the time of another one, as far as clocks tell.
pub(super) fn encloses(outer: &Invocation, inner: &Invocation) -> bool {
    let end = |it: &Invocation| it.end_time.unwrap_or(it.start_time).0;
    let took = |it: &Invocation| end(it).saturating_sub(it.start_time.0);
    outer.span_id != inner.span_id
        && outer.function_name != inner.function_name
        && inner.start_time.0.saturating_add(SLACK_NS) >= outer.start_time.0
        && inner.start_time.0 <= end(outer)
        && end(inner) <= end(outer).saturating_add(SLACK_NS)
        && took(outer) >= took(inner)
}

fn init_ns(of: &Invocation) -> i64 {
    let init = of.init_duration_ms.or(of.restore_duration_ms);
    let cold = of.cold_start.is_cold() == Some(true);
    init.filter(|_| cold).map_or(0, |it| (it * 1e6) as i64)
}

fn new_version(scene: &Scene, of: &Invocation) -> Option<String> {
    let (name, version) = (&of.function_name, of.function_version.as_ref()?);
    let ran = scene.healthy.iter().filter_map(|it| it.functions.get(name));
    let ran: Vec<_> = ran.filter(|it| !it.versions.is_empty()).collect();
    let old = ran.last()?.versions.iter().next_back()?;
    let new = ran.iter().all(|it| !it.versions.contains(version));
    new.then(|| format!("{name} version {old} → {version}"))
}

/// A callee as a suspect: below the function that the attempt called.
fn suspect(scene: &Scene, attempt: &Attempt, of: &Invocation) -> model::Entity {
    let above = attempt.function_name.as_deref().unwrap_or_default();
    let mut entity = clue::entity(
        scene,
        "function",
        &of.function_name,
        &[&attempt.path, above],
    );
    if let Some(version) = &of.function_version {
        entity.path.push(format!("version {version}"));
    }
    entity
}

/// Everybody above a callee, who only waited.
fn waiting(
    scene: &Scene,
    attempt: &Attempt,
    of: &Invocation,
    why: &str,
    reference: &str,
) -> Vec<Explained> {
    let around = scene.callees(attempt).into_iter();
    let around = around.filter(|it| encloses(it, of));
    let names = around.map(|it| it.function_name.clone());
    let names = names.chain(attempt.function_name.clone());
    names
        .filter(|it| *it != of.function_name)
        .map(|name| Explained {
            kind: String::new(),
            reason: format!("{name} waited while {} {why}", of.function_name),
            name,
            reference: reference.to_owned(),
        })
        .collect()
}

/// Callees whose sandboxes had to be started for most of the time that was added.
/// What ended a run need not have taken long.
pub(super) fn cold(scene: &Scene, tries: &[&Attempt], excess_ns: i64, fatal: bool) -> Option<Clue> {
    let found = tries.iter().flat_map(|attempt| {
        let all = scene.callees(attempt).into_iter();
        all.map(move |it| (init_ns(it), *attempt, it))
    });
    let started: Vec<_> = found
        .filter(|(ns, _, it)| *ns > 0 && !usually_cold(scene, it))
        .collect();
    let total: i64 = started.iter().map(|it| it.0).sum();
    if total * 2 < excess_ns || total < SLIGHT_NS && !fatal {
        return by_spans(scene, tries, excess_ns);
    }
    let (ns, attempt, of) = started.into_iter().max_by_key(|it| (it.0, it.2.span_id))?;
    let name = &of.function_name;
    let init = human_duration(ns);
    let caller = attempt.function_name.as_deref().unwrap_or(&attempt.state);
    let mechanism = format!(
        "{name}, which {caller} called in {}, started cold: its init took {init}",
        attempt.state
    );
    let shown = clue::invocation(of, format!("{name} ran in a new sandbox, init {init}"));
    let waited = waiting(scene, attempt, of, "started", &shown.reference);
    let end = attempt.end_event_id.and_then(|id| scene.event(id));
    Some(
        Clue::new(
            suspect(scene, attempt, of),
            Category::ColdStart,
            0.95,
            mechanism,
        )
        .with([shown])
        .with(end.map(|it| clue::event(it, format!("{} waited for it", attempt.state))))
        .explaining(waited)
        .changed(new_version(scene, of)),
    )
}

/// One new sandbox of a callee now and then is nobody's fault when it took little.
pub(super) fn warmed_up(scene: &Scene, tries: &[&Attempt], excess_ns: i64) -> bool {
    let all = tries.iter().flat_map(|it| scene.callees(it));
    let started: Vec<i64> = all.map(init_ns).filter(|ns| *ns > 0).collect();
    let total: i64 = started.iter().sum();
    let own = scene.case.invocations.iter();
    let own = own.filter(|it| it.cold_start.is_cold() == Some(true));
    total < SLIGHT_NS && total * 2 >= excess_ns && started.len() == 1 && own.count() == 0
}

fn usually_cold(scene: &Scene, of: &Invocation) -> bool {
    let ran = scene.healthy.iter();
    let ran = ran.filter_map(|it| it.functions.get(&of.function_name));
    let alike = ran.filter(|it| it.cold > 0 && it.init_ms * 2e6 > init_ns(of) as f64);
    alike.count() * 2 > scene.healthy.len()
}

/// The same by spans, where no line of the callee is held: the span of its work says that it started cold, and began long
/// after the call.
fn by_spans(scene: &Scene, tries: &[&Attempt], excess_ns: i64) -> Option<Clue> {
    let mut best: Option<(i64, &Attempt, &model::Span)> = None;
    for attempt in tries {
        let forest = scene.forest(scene.spans_below(attempt));
        for (n, span) in forest.spans.iter().enumerate() {
            let told = ["faas.coldstart", "faas.cold_start", "cold_start"];
            let cold = told.iter().any(|name| match span.attributes.get(*name) {
                Some(Value::Bool(it)) => *it,
                Some(Value::String(it)) => it == "true",
                _ => false,
            });
            let own = attempt.function_name.as_deref() == Some(&span.service_name);
            let Some(above) = forest.parent[n].filter(|_| cold && !own) else {
                continue;
            };
            let call = forest.spans[above];
            let took = |it: &model::Span| it.end_time.since(it.start_time);
            let lost = took(call) - took(span);
            if super::charges::calls_out(call) && best.is_none_or(|it| lost > it.0) {
                best = Some((lost, attempt, span));
            }
        }
    }
    let (lost, attempt, span) = best.filter(|it| it.0 * 2 >= excess_ns && it.0 >= SLIGHT_NS)?;
    let name = &span.service_name;
    let mechanism = format!(
        "{name}, which was called in {}, started cold: {} passed before its work began",
        attempt.state,
        human_duration(lost)
    );
    let caller = attempt.function_name.clone().unwrap_or_default();
    let shown = clue::span(span, format!("{name} ran in a new sandbox"));
    let explained = Explained {
        kind: String::new(),
        reason: format!("{caller} waited while {name} started"),
        name: caller.clone(),
        reference: shown.reference.clone(),
    };
    let suspect = clue::entity(scene, "function", name, &[&attempt.path, &caller]);
    Some(
        Clue::new(suspect, Category::ColdStart, 0.94, mechanism)
            .with([shown])
            .explaining([explained]),
    )
}

/// The innermost callee that took most of the time that was added, and whom it waited for.
pub(super) fn work(scene: &Scene, attempt: &Attempt, excess_ns: i64) -> Option<Clue> {
    let more = |it: &Invocation| {
        let ran = scene.healthy.iter();
        let ran = ran.filter_map(|peer| peer.functions.get(&it.function_name));
        let mut usual: Vec<i64> = ran.map(|it| it.longest_ns).collect();
        usual.sort_unstable();
        let usual = *usual.get(usual.len() / 2)?;
        Some((it.duration_ns? - usual, usual))
    };
    let all = scene.callees(attempt);
    let slow: Vec<_> = all
        .iter()
        .filter_map(|it| Some((*it, more(it)?)))
        .filter(|(_, (more, _))| more * 2 >= excess_ns)
        .collect();
    let inner = slow
        .iter()
        .filter(|(it, _)| !slow.iter().any(|(other, _)| encloses(it, other)));
    let (of, (_, usual)) = inner.max_by_key(|(it, (more, _))| (*more, it.span_id))?;
    let (name, took) = (&of.function_name, human_duration(of.duration_ns?));
    let usual = human_duration(*usual);
    let shown = clue::invocation(
        of,
        format!("{name} ran for {took}, {usual} in healthy runs"),
    );
    let waited = |why: &str| waiting(scene, attempt, of, why, &shown.reference);
    if let Some((who, how)) = awaited(scene, of, excess_ns) {
        let mechanism = format!(
            "{who} took most of the {took} that {name} took below {}, {usual} in healthy runs",
            attempt.state
        );
        let path = [attempt.path.as_str(), name];
        let carried = Explained {
            kind: String::new(),
            name: name.clone(),
            reason: format!("{name} waited for {who}"),
            reference: how.reference.clone(),
        };
        return Some(
            Clue::new(
                clue::entity(scene, "service", &who, &path),
                Category::Latency,
                0.9,
                mechanism,
            )
            .with([how, shown.clone()])
            .explaining([carried])
            .explaining(waited("waited for somebody else")),
        );
    }
    let less = starved::less_memory(scene, of);
    let new = less.clone().or_else(|| new_version(scene, of));
    let (category, weight) = match &new {
        _ if less.is_some() => (Category::Memory, 0.92),
        _ if starved::starved(scene, of) => (Category::Memory, 0.9),
        Some(_) => (Category::BadDeploy, 0.88),
        None => (Category::Latency, 0.88),
    };
    let mechanism = format!(
        "{name} took {took} below {}, {usual} in healthy runs",
        attempt.state
    );
    Some(
        Clue::new(suspect(scene, attempt, of), category, weight, mechanism)
            .explaining(waited("worked"))
            .with([shown])
            .changed(new),
    )
}

/// Whom a callee waited for: by its spans, else by its silence.
fn awaited(scene: &Scene, of: &Invocation, excess_ns: i64) -> Option<(String, model::Exhibit)> {
    let forest = scene.forest(scene.spans_of(of));
    let own = &of.function_name;
    if let Some(grown) = super::origin::of_time(scene, &forest, true) {
        let more = grown.ns - grown.usual_ns.unwrap_or(0);
        if grown.name != *own && more * 2 > excess_ns {
            let span = forest.spans[grown.span];
            let text = format!("{} was waited for {}", grown.name, human_duration(grown.ns));
            return Some((grown.name, clue::span(span, text)));
        }
        return None;
    }
    if let Some(timed) = super::timed::longest(scene, of, excess_ns.saturating_mul(6) / 10) {
        let text = super::text::brief(&timed.line.body, 160);
        return Some((timed.name, clue::log(timed.line, text)));
    }
    let silence = clues::longest_silence(scene, of)?;
    if silence.ns * 10 < excess_ns * 6 {
        return None;
    }
    let text = super::text::brief(&silence.line.body, 160);
    Some((silence.name, clue::log(silence.line, text)))
}
