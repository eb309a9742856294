//! How much CPU time ingest costs: `cargo run --release -p inquest-ingest --example load -- [MODE] [SPANS] [FOLDER]`
//!
//! Modes: `decode` (one thread, protobuf → rows), `door` (decode, log, append, flush, compact), `send` (over gRPC to the
//! server at the URL given instead of a folder; what the server takes is read from `/proc/PID/stat` before and after).

/// That of the binary.
#[path = "../../../server/src/allocator.rs"]
mod allocator;
mod traffic;

use bytes::Bytes;
use inquest_ingest::{Door, Promotion, decode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, trace_service_client::TraceServiceClient,
};
use prost::Message;
use std::time::Instant;
use store::{Store, StoreConfig};

/// Requests under way at a time.
const SENDERS: usize = 8;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    allocator::keep_freed_pages();
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_else(|| "decode".into());
    let spans = arguments.next().map_or(Ok(1_000_000), |n| n.parse())?;
    let folder = arguments
        .next()
        .unwrap_or_else(|| "/tmp/inquest-load".into());
    let requests: Vec<Bytes> = traffic::requests(spans, 1)
        .into_iter()
        .map(Bytes::from)
        .collect();
    let bytes: usize = requests.iter().map(Bytes::len).sum();
    println!(
        "{spans} spans in {} requests, {:.1} bytes a span",
        requests.len(),
        bytes as f64 / spans as f64
    );
    let meter = Meter::start(spans);
    match mode.as_str() {
        "decode" => {
            let promotion = Promotion::default();
            let rows: Result<Vec<usize>, _> = requests
                .iter()
                .map(|request| decode::traces(request, &promotion).map(|it| it.batch.num_rows()))
                .collect();
            assert_eq!(rows?.iter().sum::<usize>(), spans);
            meter.report("decode");
        }
        "door" => door(requests, &folder, &meter).await?,
        "send" => send(requests, folder, &meter).await?,
        other => return Err(format!("no mode {other}: decode, door or send").into()),
    }
    Ok(())
}

/// Senders as below, each with a connection of its own.
async fn send(
    requests: Vec<Bytes>,
    url: String,
    meter: &Meter,
) -> Result<(), Box<dyn std::error::Error>> {
    let requests = std::sync::Arc::new(requests);
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (url, requests) = (url.clone(), requests.clone());
            tokio::spawn(async move {
                let mut client = TraceServiceClient::connect(url).await?;
                for request in requests.iter().skip(sender).step_by(SENDERS) {
                    let request = ExportTraceServiceRequest::decode(request.as_ref())?;
                    while let Err(status) = client.export(request.clone()).await {
                        println!("{status}");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
                Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
            })
        })
        .collect();
    for sender in senders {
        sender.await?.map_err(|error| error.to_string())?;
    }
    meter.report("sent (this is the sender's time)");
    Ok(())
}

/// Senders that each have a few requests under way, as exporters do.
async fn door(
    requests: Vec<Bytes>,
    folder: &str,
    meter: &Meter,
) -> Result<(), Box<dyn std::error::Error>> {
    let _ = std::fs::remove_dir_all(folder);
    let (store, _) = Store::open(StoreConfig::at(folder)).await?;
    let (batches, _keep) = tokio::sync::mpsc::channel(1);
    let door = Door::new(store.clone(), batches);
    let requests = std::sync::Arc::new(requests);
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (door, requests) = (door.clone(), requests.clone());
            tokio::spawn(async move {
                for request in requests.iter().skip(sender).step_by(SENDERS) {
                    while let Err(error) = door.traces(request.clone()).await {
                        println!("{error}");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await?;
    }
    meter.report("acknowledged");
    store.flush().await?;
    meter.report("flushed");
    store.compact().await?;
    meter.report("compacted");
    let rows = store.snapshot().rows(store::Table::Spans);
    drop(door);
    store.close().await?;
    let size = parquet_bytes(std::path::Path::new(folder))?;
    println!(
        "{rows} rows, {:.1} bytes a span at rest",
        size as f64 / rows as f64
    );
    Ok(())
}

fn parquet_bytes(folder: &std::path::Path) -> std::io::Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            size += parquet_bytes(&entry.path())?;
        } else if entry.path().extension().is_some_and(|it| it == "parquet") {
            size += entry.metadata()?.len();
        }
    }
    Ok(size)
}

/// CPU and wall time since the start.
struct Meter {
    spans: f64,
    wall: Instant,
    cpu: f64,
}

impl Meter {
    fn start(spans: usize) -> Self {
        Meter {
            spans: spans as f64,
            wall: Instant::now(),
            cpu: cpu_seconds(),
        }
    }

    fn report(&self, what: &str) {
        let cpu = (cpu_seconds() - self.cpu) * 1e6 / self.spans;
        let wall = self.wall.elapsed().as_secs_f64();
        println!(
            "{what}: {cpu:.2} CPU s a million spans, {wall:.2} s in all, peak {} MiB",
            peak_mib()
        );
    }
}

/// User and system time of this process: `/proc/self/stat`, in hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let fields = after_name.split_whitespace().skip(11).take(2);
    fields
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or(0u64) / 1024
}
