//! The HTTP API and the pages, on one address. The whole API on one page: see [`router`], and
//! `model::api` for the shapes.

mod accounts;
mod case;
mod compare;
mod coverage;
mod deliveries;
pub mod exact;
mod executions;
mod experiments;
mod graph;
mod guard;
mod health;
mod hints;
mod import;
mod live;
mod map;
mod named;
mod params;
mod problem;
pub mod push;
mod slos;
mod sources;
mod sql;
mod traces;

pub use hints::of_names as hint;

use crate::{
    alerts::Alerts, assets::Assets, case::Court, collect::Sources, config::Config,
    experiments::Experiments, importer::Entrance, live::Live, slo::Slos,
};
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::{Method, Response, StatusCode},
    middleware::{self, Next},
    routing::{delete, get, post},
};
use query::Engine;
use std::{sync::Arc, time::Duration};
use store::Store;
use tokio_util::sync::CancellationToken;
use tower::Layer;
use tower_http::{CompressionLevel, compression::CompressionLayer};
use tracing::Instrument;

/// Longest time in which a request must be read and its answer begun.
const REQUEST_TIME: Duration = Duration::from_secs(600);
/// Paths that take more.
const IMPORTS: [&str; 3] = [
    "/api/import",
    "/api/v1/push/firehose",
    "/api/v1/push/eventbridge",
];
/// Largest request that is not an import, bytes.
const REQUEST_BYTES: usize = 2 << 20;

/// What handlers work with.
#[derive(Clone)]
pub struct App {
    /// What is held.
    pub store: Store,
    /// Answers questions.
    pub engine: Engine,
    /// Takes imports.
    pub entrance: Entrance,
    /// Says what changed.
    pub live: Live,
    /// Judges executions.
    pub court: Court,
    /// What Inquest did or has to do next.
    pub state: state::State,
    /// Who is told.
    pub alerts: Alerts,
    /// Who may push.
    pub push_keys: push::Keys,
    /// How every source stands.
    pub sources: Sources,
    /// What is promised.
    pub slos: Slos,
    /// What is billed by.
    pub prices: Arc<analysis::cost::PriceBook>,
    /// What spends budgets on purpose.
    pub experiments: Experiments,
    /// The pages.
    pub assets: Arc<Assets>,
    /// Cancelled when the server ends: open streams end, too.
    pub ending: CancellationToken,
}

/// Everything that is answered on the address of the pages.
pub fn router(app: App, config: &Config) -> Router {
    let import_bytes = usize::try_from(config.max_import_mb << 20).unwrap_or(usize::MAX);
    let imports = Router::new()
        .route("/api/import", post(import::import))
        .route("/api/v1/push/firehose", post(push::firehose))
        .route("/api/v1/push/eventbridge", post(push::eventbridge))
        .layer(DefaultBodyLimit::max(import_bytes));
    let answers = Router::new()
        .route("/api/v1/executions", get(executions::page))
        .route("/api/v1/executions/histogram", get(executions::histogram))
        .route("/api/v1/executions/facets", get(executions::facets))
        .route("/api/v1/executions/{id}", get(executions::detail))
        .route("/api/v1/executions/{id}/events", get(executions::events))
        .route("/api/v1/executions/{id}/verdict", get(case::verdict))
        .route("/api/v1/executions/{id}/case.html", get(case::html))
        .route("/api/v1/executions/{id}/case.md", get(case::markdown))
        .route("/api/v1/explain", get(case::explain))
        .route("/api/v1/mysteries", get(case::mysteries))
        .route("/api/v1/executions/{id}/graph", get(graph::graph))
        .route("/api/v1/executions/{id}/ledger", get(accounts::ledger))
        .route("/api/v1/executions/{id}/cost", get(accounts::cost))
        .route("/api/v1/executions/{id}/twins", get(compare::twins))
        .route("/api/v1/compare", get(compare::compare))
        .route("/api/v1/cold-starts", get(compare::cold_starts))
        .route("/api/v1/changes", get(compare::changes).post(compare::tell))
        .route("/api/changes", get(compare::changes).post(compare::tell))
        .route("/api/v1/traces", get(traces::page))
        .route("/api/v1/traces/{id}/spans.bin", get(traces::tree))
        .route("/api/v1/traces/{id}/spans/{span}", get(traces::span))
        .route("/api/v1/traces/{id}/logs", get(traces::logs))
        .route("/api/v1/slos", get(slos::page))
        .route("/api/v1/slos/preview", post(slos::preview))
        .route(
            "/api/v1/slos/{name}",
            get(slos::detail).put(slos::save).delete(slos::remove),
        )
        .route("/api/v1/slos/{name}/definition", get(slos::definition))
        .route("/api/v1/alerts", get(slos::alerts))
        .route("/metrics", get(slos::metrics))
        .route("/api/v1/traces/{id}/hops", get(map::hops))
        .route("/api/v1/traces/{id}/clocks", get(map::clocks))
        .route("/api/v1/traces/{id}/joins", get(map::joins))
        .route("/api/v1/map", get(map::map))
        .route("/api/v1/receivers", get(deliveries::receivers))
        .route("/api/v1/receivers/{name}/test", post(deliveries::test))
        .route("/api/v1/deliveries", get(deliveries::page))
        .route("/api/v1/deliveries/{id}/replay", post(deliveries::replay))
        .route(
            "/api/v1/silences",
            get(deliveries::silences).post(deliveries::add_silence),
        )
        .route("/api/v1/silences/{id}", delete(deliveries::end_silence))
        .route("/api/v1/executions/{id}/coverage", get(coverage::coverage))
        .route("/api/v1/sources", get(sources::page))
        .route(
            "/api/v1/experiments",
            get(experiments::page).post(experiments::take),
        )
        .route("/v1/experiments", post(experiments::take))
        .route("/api/v1/experiments/{id}", get(experiments::report))
        .route("/api/v1/experiments/{id}/end", post(experiments::end))
        .route("/api/v1/slos/{name}/gate", get(experiments::gate))
        .route("/v1/slo/{name}/gate", get(experiments::gate))
        .route("/api/v1/budget-ledger", get(experiments::ledger))
        .route("/api/v1/schema", get(sql::schema))
        .route("/api/v1/live", get(live::live))
        .route("/api/sql", post(sql::sql))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES))
        .merge(imports)
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(pages)
        .with_state(app.clone());
    let answers = middleware::from_fn_with_state(app, named::resolve).layer(answers);
    // Around the whole router: inside of it, nobody knows yet which methods a path has.
    let worded =
        middleware::from_fn_with_state(config.max_import_mb, problem::worded).layer(answers);
    Router::new()
        .fallback_service(worded)
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(middleware::from_fn(observe))
        .layer(middleware::from_fn_with_state(
            guard::Guard::new(config.ui_listen, &config.allowed_hosts),
            guard::guard,
        ))
}

async fn pages(State(app): State<App>, request: Request) -> Response<Body> {
    let path = request.uri().path();
    if problem::is_api(path) {
        let text = format!(
            "there is no {path} in the API: docs/api.md names what there is, such as GET /api/v1/executions"
        );
        return problem::respond(StatusCode::NOT_FOUND, text);
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return problem::respond(StatusCode::METHOD_NOT_ALLOWED, "pages are only read");
    }
    app.assets.answer(path, request.headers()).await
}

/// A span of our own per request, and an end to requests that take for ever.
async fn observe(request: Request, next: Next) -> Response<Body> {
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{} {}", request.method(), request.uri().path()),
        otel.kind = "server",
        http.response.status_code = tracing::field::Empty,
    );
    let answer =
        tokio::time::timeout(REQUEST_TIME, next.run(request).instrument(span.clone())).await;
    let answer = answer.unwrap_or_else(|_| {
        problem::respond(
            StatusCode::GATEWAY_TIMEOUT,
            "the request took too long and was ended",
        )
    });
    span.record(
        "http.response.status_code",
        i64::from(answer.status().as_u16()),
    );
    answer
}
