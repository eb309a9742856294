//! Verdicts grouped by culprit and category: "37 executions killed by the same suspect since 14:02".

use super::Court;
use anyhow::Result;
use model::{
    Entity, Fatality, Outcome, UnixNanos,
    api::{Mystery, MysteryExample, MysteryPage},
    state_of_item, time,
};
use std::collections::{BTreeMap, BTreeSet};
use store::rows::{self, Judged};

/// Examples that are shown of a group.
const EXAMPLES: usize = 5;
/// Verdicts that are read at most, the latest.
const MOST: usize = 50_000;

/// Which verdicts.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Beginning, nanoseconds since the epoch.
    pub from: Option<i64>,
    /// End, nanoseconds since the epoch.
    pub to: Option<i64>,
    /// One state machine only.
    pub state_machine: Option<String>,
    /// Buckets of the trend; 24 if nothing is said.
    pub buckets: Option<usize>,
    /// Groups; 100 if nothing is said.
    pub limit: Option<usize>,
}

impl Court {
    /// The groups.
    ///
    /// # Errors
    /// When the verdicts cannot be read.
    pub async fn mysteries(&self, filter: &Filter) -> Result<MysteryPage> {
        let mut conditions = Vec::new();
        conditions.extend(
            filter
                .from
                .map(|from| format!("start_time >= to_timestamp_nanos({from})")),
        );
        conditions.extend(
            filter
                .to
                .map(|to| format!("start_time < to_timestamp_nanos({to})")),
        );
        conditions.extend(
            filter
                .state_machine
                .as_ref()
                .map(|it| format!("state_machine = '{}'", it.replace('\'', "''"))),
        );
        let condition = match conditions.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", conditions.join(" AND ")),
        };
        let question =
            format!("SELECT * FROM verdicts {condition} ORDER BY start_time DESC LIMIT {MOST}");
        let mut all = Vec::new();
        for batch in self
            .held
            .ask(&self.held.store.snapshot(), &question)
            .await?
        {
            all.extend(rows::read_verdicts(&crate::assembler::held::physical(
                store::Table::Verdicts,
                &batch,
            )?)?);
        }
        Ok(page(&all, filter))
    }
}

/// Groups verdicts, the most frequent first.
fn page(all: &[Judged], filter: &Filter) -> MysteryPage {
    let told = |it: &&Judged| it.verdict.outcome != Outcome::NoCrime && !it.verdict.still_runs();
    let mut times: Vec<i64> = all.iter().filter(told).map(|it| it.start_time.0).collect();
    times.sort_unstable();
    let (first, last) = (
        times.first().copied().unwrap_or_default(),
        times.last().copied().unwrap_or_default(),
    );
    let from = filter
        .from
        .unwrap_or_else(|| beginning(&times).unwrap_or(first));
    let to = filter
        .to
        .unwrap_or(last.saturating_add(1))
        .max(from.saturating_add(1));
    let buckets = filter.buckets.unwrap_or(24).clamp(1, 200);
    let width = (to.saturating_sub(from) / buckets as i64 + 1).max(1);
    let mut groups: BTreeMap<(String, String, Option<model::Category>), Vec<&Judged>> =
        BTreeMap::new();
    let count = |outcome| {
        all.iter()
            .filter(|it| it.verdict.outcome == outcome && !it.verdict.still_runs())
            .count() as u64
    };
    for judged in all.iter().filter(told) {
        let culprit = judged.verdict.culprit.clone().unwrap_or_default();
        let name = one_of(&culprit.kind, culprit.name);
        let key = (culprit.kind, name, judged.verdict.category);
        groups.entry(key).or_default().push(judged);
    }
    let mut mysteries: Vec<Mystery> = groups
        .into_values()
        .map(|group| mystery(group, from, width, buckets))
        .collect();
    mysteries.sort_by(|a, b| {
        (b.count, &b.last_seen, &a.sentence).cmp(&(a.count, &a.last_seen, &b.sentence))
    });
    let limit = filter.limit.unwrap_or(100).clamp(1, 1_000);
    let more = mysteries.len().saturating_sub(limit) as u64;
    mysteries.truncate(limit);
    MysteryPage {
        hint: None,
        from: from.to_string(),
        to: to.to_string(),
        bucket_ns: width.to_string(),
        earlier: times.iter().filter(|at| **at < from).count() as u64,
        judged: all.iter().filter(|it| !it.verdict.still_runs()).count() as u64,
        no_crimes: count(Outcome::NoCrime),
        cold_cases: count(Outcome::ColdCase),
        mysteries,
        more,
    }
}

/// Items of one state are one mystery, whatever their index: `PriceItems[2]` and `PriceItems[0]` are `PriceItems`.
fn one_of(kind: &str, name: String) -> String {
    match kind {
        "item" => state_of_item(&name).to_owned(),
        _ => name,
    }
}

/// Where a trend begins when nobody says: at the first, but where more than half of them lie in the last fifth of the time, with the
/// first of those, and so on. Else a single one of long ago presses all others into one column.
fn beginning(times: &[i64]) -> Option<i64> {
    let last = *times.last()?;
    let mut from = 0;
    loop {
        let whole = last.saturating_sub(times[from]);
        let dense = |at: &i64| last.saturating_sub(*at) <= whole / 5;
        let late = from + times[from..].iter().position(dense)?;
        if late == from || (times.len() - late) * 2 <= times.len() {
            return Some(times[from]);
        }
        from = late;
    }
}

fn mystery(mut group: Vec<&Judged>, from: i64, width: i64, buckets: usize) -> Mystery {
    group.sort_by_key(|it| (std::cmp::Reverse(it.start_time), it.trace_id));
    let latest = group[0];
    let first = group[group.len() - 1].start_time;
    let fate = |wanted: &[Fatality]| {
        group
            .iter()
            .filter(|it| wanted.contains(&it.verdict.fatality))
            .count() as u64
    };
    let mut trend = vec![0_u64; buckets];
    for it in group.iter().filter(|it| it.start_time.0 >= from) {
        let at = usize::try_from((it.start_time.0.saturating_sub(from)) / width).unwrap_or(0);
        trend[at.min(buckets - 1)] += 1;
    }
    let machines: BTreeSet<String> = group.iter().map(|it| it.state_machine.clone()).collect();
    let sum: f64 = group.iter().map(|it| it.verdict.confidence).sum();
    let culprit = latest.verdict.culprit.clone();
    let same = |it: &&Judged| {
        it.verdict.culprit.as_ref().map(|it| &it.name) == culprit.as_ref().map(|it| &it.name)
    };
    let culprit = match group.iter().all(same) {
        true => culprit,
        false => culprit.map(|it| Entity {
            name: one_of(&it.kind, it.name),
            ..it
        }),
    };
    Mystery {
        sentence: sentence(&group, culprit.as_ref(), first),
        culprit,
        category: latest.verdict.category,
        mechanism: latest.verdict.mechanism.clone(),
        count: group.len() as u64,
        fatal: fate(&[Fatality::Fatal]),
        survived: fate(&[Fatality::Survived]),
        unharmed: fate(&[Fatality::None]),
        masked: fate(&[Fatality::Masked]),
        first_seen: first.0.to_string(),
        last_seen: latest.start_time.0.to_string(),
        state_machines: machines.into_iter().filter(|it| !it.is_empty()).collect(),
        confidence: sum / group.len() as f64,
        trend,
        examples: group.iter().take(EXAMPLES).map(|it| example(it)).collect(),
    }
}

fn sentence(group: &[&Judged], culprit: Option<&Entity>, first: UnixNanos) -> String {
    let verdict = &group[0].verdict;
    let (n, s) = (group.len(), if group.len() == 1 { "" } else { "s" });
    let since = time::rfc3339(first);
    let since = format!(
        "{} {}",
        since.get(..10).unwrap_or_default(),
        since.get(11..16).unwrap_or_default()
    );
    let Some(culprit) = culprit else {
        return format!("{n} cold case{s} since {since}");
    };
    let what = match verdict.fatality {
        Fatality::Fatal => "killed",
        Fatality::Masked => "led astray",
        Fatality::Survived | Fatality::None => "held up",
    };
    let category = verdict
        .category
        .map_or("", |it| it.as_str())
        .replace('_', " ");
    format!(
        "{n} execution{s} {what} by {} ({category}) since {since}",
        culprit.name
    )
}

fn example(judged: &Judged) -> MysteryExample {
    MysteryExample {
        execution_arn: judged.verdict.execution.clone(),
        trace_id: judged.trace_id.to_string(),
        name: judged.name.clone(),
        start_time: judged.start_time.0.to_string(),
        mechanism: judged.verdict.mechanism.clone(),
        confidence: judged.verdict.confidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Category, TraceId, Verdict};

    fn judged(n: u8, culprit: Option<&str>, outcome: Outcome) -> Judged {
        Judged {
            trace_id: TraceId([n; 16]),
            start_time: UnixNanos(i64::from(n) * 1_000_000_000),
            verdict: Verdict {
                outcome,
                culprit: culprit.map(|name| Entity {
                    name: name.into(),
                    ..Entity::default()
                }),
                category: culprit.map(|_| Category::Memory),
                fatality: Fatality::Fatal,
                ..Verdict::default()
            },
            ..Judged::default()
        }
    }

    #[test]
    fn items_of_one_state_are_one_mystery() {
        let all = ["Price[2]", "Price[0]", "Price"].map(|name| {
            let mut it = judged(1, Some(name), Outcome::Verdict);
            it.verdict.fatality = Fatality::None;
            it.verdict.culprit.as_mut().expect("one").kind = "item".into();
            it
        });
        let page = page(&all, &Filter::default());
        assert_eq!(page.mysteries.len(), 1);
        let one = &page.mysteries[0];
        assert_eq!(one.culprit.as_ref().expect("one").name, "Price");
        assert_eq!((one.count, one.survived, one.unharmed), (3, 0, 3));
        assert_eq!(one_of("state", "Price[2]".into()), "Price[2]");
        assert_eq!(one_of("item", "Price[x]".into()), "Price[x]");
    }

    #[test]
    fn a_trend_begins_where_the_data_is() {
        let check = |times: &[i64], expect| assert_eq!(beginning(times), expect, "{times:?}");
        check(&[], None);
        check(&[7], Some(7));
        check(&[0, 990, 992, 994, 1_000], Some(990));
        check(&[0, 250, 500, 750, 1_000], Some(0));
    }

    #[test]
    fn the_same_suspect_is_one_mystery() {
        let all = [
            judged(1, Some("pay"), Outcome::Verdict),
            judged(2, None, Outcome::NoCrime),
            judged(3, Some("pay"), Outcome::Verdict),
            judged(4, None, Outcome::ColdCase),
        ];
        let page = page(
            &all,
            &Filter {
                buckets: Some(4),
                ..Filter::default()
            },
        );
        assert_eq!((page.judged, page.no_crimes, page.cold_cases), (4, 1, 1));
        let first = &page.mysteries[0];
        assert_eq!((first.count, first.trend.iter().sum::<u64>()), (2, 2));
        assert_eq!(
            first.sentence,
            "2 executions killed by pay (memory) since 1970-01-01 00:00"
        );
        assert_eq!(page.mysteries.len(), 2);
    }
}
