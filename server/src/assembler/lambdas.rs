//! Invocations: every line of the log streams that got new ones, read again.

use super::{Assembler, Counts, Touched, group_by};
use analysis::lambda;
use anyhow::Result;
use model::{Invocation, LogOrigin, LogRecord, Span, TraceId, UnixNanos};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};
use store::{Table, Units, rows};

const HOUR: i64 = 3_600 * 1_000_000_000;
/// How far around the new lines of a stream its invocations are judged again. A stream is one sandbox,
/// which lives for hours.
const JUDGED: i64 = 24 * HOUR;
/// How far lines are read, so that judgement at the edge of what is judged sees what was before.
const READ: i64 = 48 * HOUR;
/// Invocations that are replaced together: one by one is fifty times slower.
const REPLACED_AT_ONCE: usize = 50_000;

/// Name of a log stream. It is random, and most exports do not tell the group: the same stream from two of
/// them must meet.
type Stream = String;

/// The streams that lines belong to, each with the times of its lines.
pub(super) fn streams(logs: &[LogRecord]) -> BTreeMap<Stream, RangeInclusive<UnixNanos>> {
    let mut streams: BTreeMap<Stream, RangeInclusive<UnixNanos>> = BTreeMap::new();
    for line in logs.iter().filter(|line| is_lambda(line)) {
        let stream = stream_of(line);
        let times = streams.entry(stream).or_insert(line.time..=line.time);
        *times = line.time.min(*times.start())..=line.time.max(*times.end());
    }
    streams
}

fn is_lambda(line: &LogRecord) -> bool {
    matches!(
        line.origin,
        LogOrigin::LambdaFunction | LogOrigin::LambdaPlatform
    )
}

fn stream_of(line: &LogRecord) -> Stream {
    line.log_stream.clone()
}

fn widened(times: &RangeInclusive<UnixNanos>, by: i64) -> RangeInclusive<UnixNanos> {
    UnixNanos(times.start().0.saturating_sub(by))..=UnixNanos(times.end().0.saturating_add(by))
}

/// The rows of one stream that differ from those held.
#[derive(Default)]
struct Difference {
    changed: Vec<(Invocation, Vec<Span>)>,
    gone: Vec<Invocation>,
}

impl Difference {
    fn len(&self) -> usize {
        self.changed.len() + self.gone.len()
    }

    fn append(&mut self, mut other: Difference) {
        self.changed.append(&mut other.changed);
        self.gone.append(&mut other.gone);
    }

    /// Their rows, and the invocations concerned.
    fn units(self) -> Result<(Units, Vec<Invocation>)> {
        let (mut invocations, spans): (Vec<_>, Vec<_>) = self.changed.into_iter().unzip();
        let spans: Vec<Span> = spans.into_iter().flatten().collect();
        let tables = vec![
            (Table::Invocations, rows::invocations(&invocations)?),
            (Table::Spans, rows::spans(&spans)?),
        ];
        invocations.extend(self.gone);
        let ids: BTreeSet<TraceId> = invocations.iter().map(|it| it.trace_id).collect();
        let ids = ids.into_iter().collect();
        Ok((Units { ids, tables }, invocations))
    }
}

impl Assembler {
    pub(super) async fn rebuild_invocations(
        &self,
        streams: BTreeMap<Stream, RangeInclusive<UnixNanos>>,
        touched: &mut Touched,
    ) -> Result<()> {
        let Some(window) = hull(streams.values()) else {
            return Ok(());
        };
        let names: BTreeSet<String> = streams.keys().cloned().collect();
        let lines = self
            .held
            .logs_where("log_stream", &names, Some(widened(&window, READ)))
            .await?;
        let mut lines = group_by(lines.into_iter().filter(is_lambda), stream_of);
        let held = self
            .held
            .invocations_where("log_stream", &names, Some(widened(&window, JUDGED)))
            .await?;
        let mut held = group_by(held, |it| it.log_stream.clone());
        let mut together = Difference::default();
        for (stream, times) in streams {
            let lines = lines.remove(&stream).unwrap_or_default();
            let held = held.remove(&stream).unwrap_or_default();
            let compare = move || difference(&lines, &held, &widened(&times, JUDGED));
            together.append(tokio::task::spawn_blocking(compare).await?);
            if together.len() >= REPLACED_AT_ONCE {
                self.replace_invocations(std::mem::take(&mut together), touched)
                    .await?;
            }
        }
        self.replace_invocations(together, touched).await
    }

    async fn replace_invocations(
        &self,
        difference: Difference,
        touched: &mut Touched,
    ) -> Result<()> {
        if difference.len() == 0 {
            return Ok(());
        }
        self.count(Counts {
            invocations: difference.changed.len() as u64,
            ..Counts::default()
        });
        let (units, invocations) =
            tokio::task::spawn_blocking(move || difference.units()).await??;
        self.held.store.replace_all(units).await?;
        touched.invocations.extend(invocations);
        Ok(())
    }
}

fn difference(
    lines: &[LogRecord],
    held: &[Invocation],
    judged: &RangeInclusive<UnixNanos>,
) -> Difference {
    let now = lambda::invocations(lines);
    let ids: BTreeSet<TraceId> = now.iter().map(|it| it.trace_id).collect();
    let held_by_id: BTreeMap<TraceId, &Invocation> =
        held.iter().map(|it| (it.trace_id, it)).collect();
    let mut difference = Difference::default();
    for old in held {
        if judged.contains(&old.start_time) && !ids.contains(&old.trace_id) {
            difference.gone.push(old.clone());
        }
    }
    let changed = now
        .into_iter()
        .filter(|it| judged.contains(&it.start_time) && held_by_id.get(&it.trace_id) != Some(&it));
    for invocation in changed {
        let spans = lambda::spans(std::slice::from_ref(&invocation));
        difference.changed.push((invocation, spans));
    }
    difference
}

/// The smallest range around all.
fn hull<'a>(
    ranges: impl Iterator<Item = &'a RangeInclusive<UnixNanos>>,
) -> Option<RangeInclusive<UnixNanos>> {
    ranges
        .cloned()
        .reduce(|a, b| *a.start().min(b.start())..=*a.end().max(b.end()))
}
