//! Where the quota of GetExecutionHistory cannot keep up: what the busiest state machines deliver to
//! CloudWatch Logs is read in its place.
//!
//! Nothing is given up by that. An execution of such a state machine stays on the list and its history is
//! only asked for much later; it leaves the list before that if the logs have brought all of it, which its
//! numbered events prove. So delivery that loses a line costs one call, and delivery that loses none costs
//! none. After a while histories are asked for again, to see whether there is room now.

use super::{
    StepFunctions,
    memory::{Delivered, MAX_OPEN, Memory, Open, SECOND},
};
use crate::{
    aws::{api, call::CallError, config::Part, logs::group_of_arn},
    collect::{Failure, Outlet},
};
use model::text::counted;
use serde_json::Value;
use std::collections::BTreeMap;

/// What has waited for so many intervals shows that the quota cannot keep up.
const LATE: i64 = 4;
/// After an execution has ended its events are waited for this long; CloudWatch Logs mostly needs seconds.
const GRACE: i64 = 600 * SECOND;
/// An execution that runs has its history looked at this rarely, in case that the end is not delivered.
const RARELY: i64 = 1_800 * SECOND;
/// After so long histories are asked for again; it doubles…
const TRIAL: i64 = 900 * SECOND;
/// …so often.
const DOUBLED: u32 = 5;
/// What a state machine's configuration said holds for so long.
const SAME: i64 = 600 * SECOND;
/// State machines that are looked at in one round.
const LOOKED_AT: usize = 20;
/// Executions asked about in one round.
const ASKED: usize = 10_000;

impl StepFunctions {
    /// When an execution that was found just now is to be asked for, if its state machine is read from its
    /// logs.
    pub(super) fn postponed(&self, machine: &str, running: bool, now: i64) -> Option<i64> {
        self.memory.delivered.get(machine)?;
        Some(now.saturating_add(if running { RARELY } else { GRACE }))
    }

    /// Goes over to the logs of the busiest state machines when what is due has waited for too long, and
    /// back when it is time to try.
    pub(super) async fn fall_back(&mut self, out: &Outlet) -> Result<(), Failure> {
        let now = out.now().0;
        self.memory.come_back(now);
        if self.may_read_logs() {
            let mut load = self
                .memory
                .late(now.saturating_sub(self.interval().saturating_mul(LATE)));
            load.truncate(LOOKED_AT);
            for (machine, waiting) in load {
                let Some(group) = self.delivery_of(&machine, now).await? else {
                    continue;
                };
                tracing::warn!(
                    machine,
                    waiting,
                    group,
                    "histories cannot keep up: its log group is read in their place"
                );
                self.memory.deliver(&machine, group, now);
            }
        }
        self.settle(out, now).await?;
        let groups = self.memory.delivered.values().map(|it| it.group.clone());
        self.calls.session.read_too(groups.collect());
        Ok(())
    }

    fn may_read_logs(&self) -> bool {
        let parts = &self.calls.session.source.parts;
        parts.contains(&Part::StepFunctionsLogs)
    }

    /// Takes executions off the list whose history the logs have brought whole.
    async fn settle(&mut self, out: &Outlet, now: i64) -> Result<(), Failure> {
        let waiting = self.memory.open.iter();
        let waiting =
            waiting.filter(|(_, open)| self.memory.delivered.contains_key(&open.definition));
        let waiting: Vec<String> = waiting.map(|(arn, _)| arn.clone()).take(ASKED).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        for (arn, redrives) in out.whole(waiting).await? {
            if let Some(open) = self.memory.open.get(&arn).cloned() {
                let start = if open.start > 0 { open.start } else { now };
                self.want_definition(&arn, &open, start);
                self.memory.close(&arn, start, redrives.max(open.redrives));
            }
        }
        out.keep(&self.memory).await
    }

    /// The log group that gets every event of a state machine, with its data.
    async fn delivery_of(&mut self, machine: &str, now: i64) -> Result<Option<String>, Failure> {
        if let Some((asked, group)) = self.deliveries.get(machine)
            && now - asked < SAME
        {
            return Ok(group.clone());
        }
        let answer = self.calls.describe_machine(machine).await;
        let group = match answer {
            Ok(answer) => full_delivery(&answer),
            Err(CallError::Gone(_) | CallError::Denied(_)) => None,
            Err(error) => return Err(self.calls.failure(&api::DESCRIBE_MACHINE, error)),
        };
        self.deliveries
            .insert(machine.to_owned(), (now, group.clone()));
        Ok(group)
    }

    /// What the Sources page says of it.
    pub(super) fn fallen_back(&self, left: usize) -> Option<String> {
        let names: Vec<&str> = self
            .memory
            .delivered
            .keys()
            .map(|arn| arn.rsplit(':').next().unwrap_or(arn))
            .collect();
        let share = self.calls.session.source.quota_share;
        let slow = "GetExecutionHistory cannot keep up at the share of";
        if !names.is_empty() {
            let shown = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            let more = match names.len().saturating_sub(5) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return Some(format!(
                "{slow} {share} of its quota: the log groups of {shown}{more} are read in its place"
            ));
        }
        (left > 0).then(|| {
            let why = match self.may_read_logs() {
                true => "no busy state machine delivers its log at level ALL with execution data",
                false => "the part step_functions_logs is not collected",
            };
            format!(
                "{}; {slow} {share} of its quota, and {why}: let the busiest state machines \
                 do that, raise quota_share, or have the quota raised",
                counted(left as u64, "execution waits", "executions wait")
            )
        })
    }
}

impl Memory {
    /// State machines with executions that were due before `since`, those with the most first.
    fn late(&self, since: i64) -> Vec<(String, usize)> {
        let mut load: BTreeMap<&str, usize> = BTreeMap::new();
        for open in self.open.values().filter(|open| open.due < since) {
            *load.entry(&open.definition).or_default() += 1;
        }
        load.retain(|machine, _| !machine.is_empty() && !self.delivered.contains_key(*machine));
        let mut load: Vec<(String, usize)> =
            load.into_iter().map(|(m, n)| (m.to_owned(), n)).collect();
        load.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        load
    }

    fn deliver(&mut self, machine: &str, group: String, now: i64) {
        let times = self.trials.entry(machine.to_owned()).or_default();
        let until = now.saturating_add(TRIAL << (*times).min(DOUBLED));
        *times += 1;
        for open in self.open.values_mut() {
            if open.definition == machine {
                open.due = open.due.max(now.saturating_add(RARELY));
            }
        }
        self.delivered
            .insert(machine.to_owned(), Delivered { group, until });
    }

    /// Histories of these are asked for again.
    fn come_back(&mut self, now: i64) {
        self.delivered.retain(|_, it| now < it.until);
    }

    /// True when there is room for one more execution to be followed.
    pub fn has_room(&self) -> bool {
        self.open.len() < MAX_OPEN
    }
}

impl Open {
    /// The same, due at another time.
    pub fn due_at(mut self, due: i64) -> Self {
        self.due = due;
        self
    }
}

/// The group of a `loggingConfiguration` that leaves nothing out.
fn full_delivery(machine: &Value) -> Option<String> {
    let logging = machine.get("loggingConfiguration")?;
    let all = logging.get("level")?.as_str()? == "ALL";
    let data = logging.get("includeExecutionData")?.as_bool()?;
    let arn = logging.pointer("/destinations/0/cloudWatchLogsLogGroup/logGroupArn")?;
    arn.as_str().filter(|_| all && data).and_then(group_of_arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn open(definition: &str, due: i64) -> Open {
        let definition = definition.to_owned();
        Open {
            definition,
            due,
            ..Open::default()
        }
    }

    #[test]
    fn only_delivery_of_everything_will_do() {
        let check = |level: &str, data: bool, expect: Option<&str>| {
            let arn = "arn:aws:logs:eu-west-1:1:log-group:/aws/vendedlogs/states/x:*";
            let to = json!([{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]);
            let logging = json!({"level": level, "includeExecutionData": data, "destinations": to});
            let found = full_delivery(&json!({ "loggingConfiguration": logging }));
            assert_eq!(found.as_deref(), expect, "{level} {data}");
        };
        check("ALL", true, Some("/aws/vendedlogs/states/x"));
        check("ALL", false, None);
        check("ERROR", true, None);
        check("OFF", true, None);
        assert_eq!(full_delivery(&json!({})), None);
    }

    #[test]
    fn the_busiest_go_first_and_come_back() {
        let mut memory = Memory::default();
        for n in 0..9 {
            let machine = if n % 3 == 0 { "a" } else { "b" };
            memory.open.insert(format!("e{n}"), open(machine, 0));
        }
        memory.open.insert("new".into(), open("c", 500));
        assert_eq!(memory.late(100), [("b".to_owned(), 6), ("a".to_owned(), 3)]);
        memory.deliver("b", "/g".into(), 1_000);
        assert_eq!(memory.late(100), [("a".to_owned(), 3)]);
        memory.come_back(1_000 + TRIAL - 1);
        assert_eq!(memory.delivered.len(), 1);
        memory.come_back(1_000 + TRIAL);
        assert!(memory.delivered.is_empty());
        memory.deliver("b", "/g".into(), 1_000);
        memory.come_back(1_000 + TRIAL);
        assert_eq!(memory.delivered.len(), 1, "longer at the second time");
    }
}
