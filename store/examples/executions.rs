//! Fills a folder with made-up executions, to measure what evaluates and lists many of them:
//! `cargo run --release -p inquest-store --example executions -- FOLDER [executions] [state machines] [days] [end, Unix s]`.
//!
//! State machines `workflow-0000…` share the executions evenly; one of 200 fails. Nothing but the rows of `executions` is made.

use inquest_store::{Store, StoreConfig, Table, Units, rows};
use model::{Execution, ExecutionStatus, SpanId, TraceId, UnixNanos};

const AT_ONCE: u64 = 50_000;
const DAY: i64 = 86_400_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("which folder?")?;
    let mut number = |otherwise: i64| arguments.next().map_or(Ok(otherwise), |n| n.parse());
    let (count, machines, days) = (number(10_000_000)?, number(1_000)?, number(28)?);
    let end = number(1_790_000_000)? * 1_000_000_000;
    let made = Made {
        machines: machines.max(1) as u64,
        start: end - days * DAY,
        step: days * DAY / count.max(1),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(fill(StoreConfig::at(folder), count as u64, &made))
}

/// What the executions are like.
struct Made {
    machines: u64,
    start: i64,
    step: i64,
}

async fn fill(
    config: StoreConfig,
    count: u64,
    made: &Made,
) -> Result<(), Box<dyn std::error::Error>> {
    let (store, _) = Store::open(config).await?;
    for first in (0..count).step_by(AT_ONCE as usize) {
        let executions: Vec<Execution> = (first..count.min(first + AT_ONCE))
            .map(|n| made.execution(n))
            .collect();
        let ids = executions.iter().map(|it| it.trace_id).collect();
        let tables = vec![(Table::Executions, rows::executions(&executions)?)];
        store.replace_all(Units { ids, tables }).await?;
        // No log stands behind these rows: they are in blocks before there are more of them.
        if (first / AT_ONCE) % 8 == 7 {
            store.flush().await?;
        }
    }
    store.flush().await?;
    let blocks = store.snapshot().blocks(Table::Executions);
    let bytes: u64 = blocks.iter().map(|block| block.bytes).sum();
    println!(
        "{} blocks, {:.1} bytes an execution",
        blocks.len(),
        bytes as f64 / count as f64
    );
    store.close().await?;
    Ok(())
}

impl Made {
    fn execution(&self, n: u64) -> Execution {
        let dice = mixed(n);
        let machine = format!("workflow-{:04}", n % self.machines);
        let arn = "arn:aws:states:eu-central-1:123456789012";
        let failed = dice.is_multiple_of(200);
        let start = self.start + self.step * n as i64;
        let duration = 1_000_000_000 + (dice >> 8) as i64 % 20_000_000_000;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&mixed(dice).to_be_bytes());
        id[8..].copy_from_slice(&n.to_be_bytes());
        Execution {
            execution_arn: format!("{arn}:execution:{machine}:run-{n}"),
            trace_id: TraceId(id),
            span_id: SpanId(dice.to_be_bytes()),
            engine: "aws.step_functions".to_owned(),
            state_machine_arn: Some(format!("{arn}:stateMachine:{machine}")),
            state_machine: machine,
            name: format!("run-{n}"),
            status: match failed {
                true => ExecutionStatus::Failed,
                false => ExecutionStatus::Succeeded,
            },
            start_time: UnixNanos(start),
            end_time: Some(UnixNanos(start + duration)),
            duration_ns: Some(duration),
            error: failed.then(|| "Card.Declined".to_owned()),
            states_entered: 5,
            attempts: 3,
            events: 22,
            complete: true,
            source: "history".to_owned(),
            ..Execution::default()
        }
    }
}

/// SplitMix64.
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
