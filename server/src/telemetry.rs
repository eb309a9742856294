//! Our own logs, on stderr, and our own traces, to an OTLP endpoint if one is given.

use crate::terminal::Logs;
use anyhow::{Context, Result};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use std::io::IsTerminal;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Keeps the exporter; [`shutdown`](Telemetry::shutdown) sends what is left.
pub struct Telemetry(Option<SdkTracerProvider>);

/// Starts logging and, with an endpoint, exporting. Needs a runtime when there is an endpoint.
///
/// # Errors
/// A filter or endpoint that cannot be understood.
pub fn start(filter: &str, endpoint: Option<&str>) -> Result<Telemetry> {
    let filter = EnvFilter::try_new(filter).with_context(|| {
        format!("--log '{filter}' is not a filter such as info or warn,inquest=debug")
    })?;
    let colours = std::io::stderr().is_terminal();
    let logs = tracing_subscriber::fmt::layer()
        .with_writer(Logs { colours })
        .with_ansi(colours)
        .with_filter(filter);
    let provider = endpoint.map(exporter).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        // Only our own spans: those of the exporter's transport would feed themselves.
        let own = EnvFilter::new("off,inquest=info");
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("inquest"))
            .with_filter(own)
    });
    tracing_subscriber::registry()
        .with(logs)
        .with(traces)
        .try_init()
        .context("logging was started twice")?;
    Ok(Telemetry(provider))
}

fn exporter(endpoint: &str) -> Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .with_context(|| format!("cannot export our own traces to {endpoint}"))?;
    let resource = Resource::builder()
        .with_service_name("inquest")
        .with_attribute(opentelemetry::KeyValue::new(
            "service.version",
            env!("CARGO_PKG_VERSION"),
        ))
        .build();
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
}

impl Telemetry {
    /// Sends what was recorded and ends. Blocks for at most the exporter's time limit.
    pub fn shutdown(self) {
        if let Some(Err(error)) = self.0.map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "our own last traces were not sent");
        }
    }
}
