//! Which groups are read.

use super::{Logs, Whose, Wish};
use crate::{
    aws::{api, call::CallError, config::fits},
    collect::{Failure, Outlet},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// How long the log group of a function is taken to stay the same, milliseconds.
const SAME: i64 = 3_600_000;
const MILLI: i64 = 1_000_000;

impl Logs {
    pub(super) async fn wishes(&mut self, out: &Outlet) -> Result<Vec<Wish>, Failure> {
        let mut wishes: BTreeMap<String, Wish> = BTreeMap::new();
        let mut add = |wish: Wish| match wishes.get_mut(&wish.group) {
            None => {
                wishes.insert(wish.group.clone(), wish);
            }
            Some(held) => {
                held.missing_since = [held.missing_since, wish.missing_since]
                    .into_iter()
                    .flatten()
                    .min();
                held.last = held.last.zip(wish.last).map(|(a, b)| a.max(b));
            }
        };
        match self.whose {
            Whose::StateMachines => {
                let mut groups = self.groups_of_machines().await?;
                groups.extend(self.calls.session.also_read());
                for group in groups {
                    add(Wish {
                        group,
                        ..Wish::default()
                    });
                }
            }
            Whose::Functions => {
                let now = out.now().0 / MILLI;
                for function in out.wanted().await?.functions {
                    if function.region != self.calls.session.region {
                        continue;
                    }
                    let group = self.group_of(&function.name, now).await?;
                    add(Wish {
                        group,
                        missing_since: function.missing_since.map(|time| time.0 / MILLI),
                        last: Some(function.last.0 / MILLI),
                    });
                }
                for group in self.configured().await? {
                    add(Wish {
                        group,
                        ..Wish::default()
                    });
                }
            }
        }
        Ok(wishes.into_values().collect())
    }

    /// The function's own group, or the one that it is configured to write to.
    async fn group_of(&mut self, function: &str, now: i64) -> Result<String, Failure> {
        if let Some((asked, group)) = self.groups_of.get(function)
            && now - asked < SAME
        {
            return Ok(group.clone());
        }
        let answer = self
            .calls
            .ask(&api::GET_FUNCTION, |clients, capture| {
                let call = clients
                    .lambda
                    .get_function_configuration()
                    .function_name(function);
                async move { call.customize().interceptor(capture).send().await }
            })
            .await;
        let custom = match answer {
            Ok(answer) => answer
                .pointer("/LoggingConfig/LogGroup")
                .and_then(Value::as_str)
                .map(str::to_owned),
            // Deleted, of another account, or not ours to see: most functions write to the usual group.
            Err(CallError::Gone(_) | CallError::Denied(_) | CallError::Refused(_)) => None,
            Err(error) => return Err(self.calls.failure(&api::GET_FUNCTION, error)),
        };
        let group = custom.unwrap_or_else(|| format!("/aws/lambda/{function}"));
        self.groups_of
            .insert(function.to_owned(), (now, group.clone()));
        Ok(group)
    }

    async fn configured(&self) -> Result<Vec<String>, Failure> {
        let mut groups = Vec::new();
        for pattern in &self.calls.session.source.log_groups {
            match pattern.split_once('*') {
                None => groups.push(pattern.clone()),
                Some((prefix, _)) => groups.extend(self.matching(prefix, pattern).await?),
            }
        }
        Ok(groups)
    }

    async fn matching(&self, prefix: &str, pattern: &str) -> Result<Vec<String>, Failure> {
        let mut groups = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .calls
                .ask(&api::DESCRIBE_LOG_GROUPS, |clients, capture| {
                    let prefix = Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty());
                    let call = clients
                        .logs
                        .describe_log_groups()
                        .set_log_group_name_prefix(prefix);
                    let call = call.set_next_token(token.clone());
                    async move { call.customize().interceptor(capture).send().await }
                })
                .await
                .map_err(|error| self.calls.failure(&api::DESCRIBE_LOG_GROUPS, error))?;
            let list = page.get("logGroups").and_then(Value::as_array);
            let names = list
                .into_iter()
                .flatten()
                .filter_map(|it| it.get("logGroupName")?.as_str());
            groups.extend(names.filter(|name| fits(pattern, name)).map(str::to_owned));
            token = page
                .get("nextToken")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if token.is_none() {
                return Ok(groups);
            }
        }
    }

    /// Groups that Express state machines deliver to. Standard ones have a history, which is more.
    async fn groups_of_machines(&self) -> Result<Vec<String>, Failure> {
        let mut groups = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .calls
                .ask(&api::LIST_STATE_MACHINES, |clients, capture| {
                    let call = clients
                        .sfn
                        .list_state_machines()
                        .set_next_token(token.clone());
                    async move { call.customize().interceptor(capture).send().await }
                })
                .await
                .map_err(|error| self.calls.failure(&api::LIST_STATE_MACHINES, error))?;
            let list = page.get("stateMachines").and_then(Value::as_array);
            for machine in list.into_iter().flatten() {
                if let (Some(arn), Some("EXPRESS")) = (
                    machine.get("stateMachineArn").and_then(Value::as_str),
                    machine.get("type").and_then(Value::as_str),
                ) {
                    groups.extend(self.destinations(arn).await?);
                }
            }
            token = page
                .get("nextToken")
                .and_then(Value::as_str)
                .map(str::to_owned);
            if token.is_none() {
                return Ok(groups);
            }
        }
    }

    async fn destinations(&self, machine: &str) -> Result<Vec<String>, Failure> {
        let answer = self.calls.describe_machine(machine).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(CallError::Gone(_)) => return Ok(Vec::new()),
            Err(error) => return Err(self.calls.failure(&api::DESCRIBE_MACHINE, error)),
        };
        let list = answer
            .pointer("/loggingConfiguration/destinations")
            .and_then(Value::as_array);
        let arns = list.into_iter().flatten();
        let arns =
            arns.filter_map(|it| it.pointer("/cloudWatchLogsLogGroup/logGroupArn")?.as_str());
        Ok(arns.filter_map(group_of_arn).collect())
    }
}

/// `arn:aws:logs:region:account:log-group:/aws/vendedlogs/states/x:*` → `/aws/vendedlogs/states/x`.
pub(in crate::aws) fn group_of_arn(arn: &str) -> Option<String> {
    let (_, group) = arn.split_once(":log-group:")?;
    Some(group.trim_end_matches(":*").to_owned())
}
