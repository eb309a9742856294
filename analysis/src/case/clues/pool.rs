//! Pools, breakers, ejected hosts. *What it looks for*: Envoy's `UO` and `UH`, pool errors of clients. *Why it
//! matters*: the refusal is made on the caller's side; the upstream may be in best health. *How to confirm*: the
//! upstream's own latency before the first refusal.

use super::network::flag_of;
use crate::case::{
    charges,
    clue::{self, Clue},
    failures::Failure,
    origin, releases,
    scene::{Scene, attribute},
    text::{self, Topic},
};
use model::{Attempt, Category, Span, time::human_duration};

/// A call that takes less keeps nobody busy, nanoseconds.
const SLOW_NS: i64 = 1_000_000_000;

pub(super) fn find(scene: &Scene, failure: &Failure) -> Vec<Clue> {
    let Some(attempt) = failure.attempt else {
        return Vec::new();
    };
    let caller = failure.function().unwrap_or(failure.state());
    let spans = &failure.spans;
    let at = |flags: &[&str]| {
        spans
            .spans
            .iter()
            .position(|span| flag_of(span, flags).is_some())
    };
    if let Some(n) = at(&["UH"]) {
        return vec![ejected(scene, failure, n, caller)];
    }
    let overflow = at(&["UO", "RLSE", "RL"]).or_else(|| {
        let mut all = spans.spans.iter().enumerate();
        let found = all.find(|(n, it)| {
            charges::failed(it)
                && spans.charged(*n) != caller
                && text::is(&super::dependency::words(it), Topic::Pool)
        });
        found.map(|(n, _)| n)
    });
    if let Some(n) = overflow {
        let span = spans.spans[n];
        let name = spans.charged(n);
        let told = format!("{name} refused the call at once: it had no room");
        let refused = (span.start_time, clue::span(span, told));
        if let Some(clue) = super::clogged::find(scene, failure, &name, caller, refused) {
            return vec![clue];
        }
        let suspect = clue::entity(scene, "service", &name, &[&attempt.path, caller]);
        let mechanism = format!(
            "calls of {caller} to {name} overflowed a limit on connections or requests in {}",
            failure.state()
        );
        return vec![
            Clue::new(suspect, Category::Capacity, 0.94, mechanism)
                .with([clue::span(
                    span,
                    format!("the call to {name} was refused before it was sent"),
                )])
                .with(failure.exhibit())
                .changed(super::deploy::change_of(
                    scene,
                    failure,
                    &["config", "pool", "breaker", "mesh"],
                ))
                .explaining([super::function::carried(caller, &name, span)]),
        ];
    }
    if failure.topic() != Some(Topic::Pool) {
        return Vec::new();
    }
    let line = failure
        .telling_line(Some(Topic::Pool))
        .filter(|it| text::is(&it.body, Topic::Pool));
    let words = format!(
        "{} {}",
        failure.said(),
        line.map_or("", |it| it.body.as_str())
    );
    let (kind, name) = match (
        super::network::service_in(scene, &words),
        failure.function(),
    ) {
        (Some(host), _) => ("service", host),
        (None, Some(function)) => ("function", function.to_owned()),
        (None, None) => ("state", failure.state().to_owned()),
    };
    if let Some(clue) = kept_busy(scene, failure, attempt, caller, &name) {
        return vec![clue];
    }
    if let Some(shown) = failure.exhibit()
        && let Some(clue) =
            super::clogged::find(scene, failure, caller, caller, (failure.at, shown))
                .filter(|it| it.suspect.name != name)
    {
        return vec![clue];
    }
    let suspect = clue::entity(scene, kind, &name, &[&attempt.path, caller]);
    let mechanism = format!("{caller} ran out of connections in {}", failure.state());
    vec![
        Clue::new(suspect, Category::Capacity, 0.8, mechanism)
            .with(failure.exhibit())
            .with(line.map(|it| {
                clue::log(
                    it,
                    format!("{caller} wrote: {}", text::brief(&it.body, 160)),
                )
            })),
    ]
}

/// Somebody else whom the caller waits for while it holds its connections: many times as long as in healthy runs.
fn kept_busy(
    scene: &Scene,
    failure: &Failure,
    attempt: &Attempt,
    caller: &str,
    store: &str,
) -> Option<Clue> {
    let grown = origin::of_time(scene, &failure.spans, false)?;
    let usual = grown.usual_ns?;
    let late = grown.ns >= SLOW_NS && grown.ns >= usual.saturating_mul(5);
    if !late || grown.name == caller || grown.name == store {
        return None;
    }
    let (name, took) = (&grown.name, human_duration(grown.ns));
    let span = failure.spans.spans[grown.span];
    let mechanism = format!(
        "{name} took {took} in {}, {} in healthy runs, while {caller} kept its connections, until none was left",
        failure.state(),
        human_duration(usual)
    );
    let suspect = clue::entity(scene, "service", name, &[&attempt.path, caller]);
    Some(
        Clue::new(suspect, Category::Latency, 0.9, mechanism)
            .with([clue::span(
                span,
                format!("{caller} waited {took} for {name}"),
            )])
            .with(failure.exhibit())
            .explaining([super::function::carried(caller, name, span)]),
    )
}

/// No healthy host was left: the one that failed first brought it about.
fn ejected(scene: &Scene, failure: &Failure, n: usize, caller: &str) -> Clue {
    let refused = failure.spans.spans[n];
    let cluster = failure.spans.charged(n);
    let bad = |span: &&&Span| {
        let code = charges::status(span).is_some_and(|code| code >= 500);
        code && upstream_host(span).is_some() && span.start_time <= refused.start_time
    };
    let first = scene.case.spans.iter().collect::<Vec<_>>();
    let first = first
        .iter()
        .filter(bad)
        .min_by_key(|span| (span.start_time, span.span_id))
        .copied();
    let path = failure.attempt.map_or("", |it| it.path.as_str());
    if let Some(clue) = first.and_then(|it| released(scene, failure, it, &cluster, caller)) {
        let shown = clue::span(refused, format!("no healthy host of {cluster} (UH)"));
        let carried = super::function::carried(caller, &cluster, refused);
        return clue
            .with([shown])
            .with(failure.exhibit())
            .explaining([carried]);
    }
    let (suspect, how, weight) = match first.and_then(upstream_host) {
        Some(host) => (
            clue::entity(scene, "host", &host, &[path, caller, &cluster]),
            format!("host {host} of {cluster} answered with errors until it was ejected"),
            0.9,
        ),
        None => (
            clue::entity(scene, "service", &cluster, &[path, caller]),
            format!("no healthy host of {cluster} was left (UH)"),
            0.96,
        ),
    };
    let mechanism = format!(
        "{how}; calls of {caller} in {} found nobody",
        failure.state()
    );
    Clue::new(suspect, Category::Infrastructure, weight, mechanism)
        .with(first.map(|it| {
            clue::span(
                it,
                format!(
                    "{cluster} answered with {}",
                    charges::status(it).unwrap_or_default()
                ),
            )
        }))
        .with([clue::span(
            refused,
            format!("no healthy host of {cluster} (UH)"),
        )])
        .with(failure.exhibit())
        .explaining([super::function::carried(caller, &cluster, refused)])
}

/// What the hosts answered with before they were ejected, where nobody was served by their release, and others were by the
/// one before: it is no matter of a host.
fn released(
    scene: &Scene,
    failure: &Failure,
    first: &Span,
    cluster: &str,
    caller: &str,
) -> Option<Clue> {
    let spans = scene.case.spans.iter();
    let mut answers = spans.filter(|it| {
        it.trace_id == first.trace_id && it.parent_span_id == first.span_id && charges::failed(it)
    });
    let (answer, release) = answers.find_map(|it| Some((it, releases::bad(scene, it)?)))?;
    let name = &answer.service_name;
    let path = failure.attempt.map_or("", |it| it.path.as_str());
    let lines = scene.said(answer);
    let line = lines.iter().rfind(|it| it.severity_number >= 17);
    let mechanism = format!(
        "{name} fails since {release}, until its hosts were ejected; calls of {caller} in {} found nobody",
        failure.state()
    );
    let ejected = clue::Explained {
        kind: String::new(),
        name: cluster.to_owned(),
        reason: format!("its hosts were ejected because {name} failed on them"),
        reference: clue::span_ref(answer),
    };
    Some(
        Clue::new(
            clue::entity(scene, "service", name, &[path, caller]),
            Category::BadDeploy,
            0.95,
            mechanism,
        )
        .with([clue::span(answer, format!("{name} answered with an error"))])
        .with(line.map(|it| clue::log(it, format!("{name} wrote: {}", text::brief(&it.body, 160)))))
        .changed(super::deploy::change_of(scene, failure, &[name]).or(Some(release)))
        .explaining([ejected].into_iter().filter(|it| it.name != *name)),
    )
}

fn upstream_host(span: &Span) -> Option<String> {
    attribute(
        &span.attributes,
        &[
            "upstream_host",
            "upstream_address",
            "network.peer.address",
            "net.peer.ip",
        ],
    )
}
