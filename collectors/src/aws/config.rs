//! What can be said about an account to collect from: a `[[collect]]` table of the configuration file.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One account, seen from one set of credentials, in some Regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AwsSource {
    /// A name of your own: it is shown, and the key of what is remembered.
    pub name: String,
    /// Regions; that of the profile or environment if none is named.
    pub regions: Vec<String>,
    /// Profile of the shared configuration files.
    pub profile: Option<String>,
    /// A role to assume, by ARN.
    pub assume_role: Option<String>,
    /// The external id that the role asks for.
    pub external_id: Option<String>,
    /// Another address for every service: a local AWS, a proxy, a VPC endpoint.
    pub endpoint_url: Option<String>,
    /// The share of the account's API quotas that Inquest may use, above 0 and up to 1.
    pub quota_share: f64,
    /// Quotas that AWS has raised for the account: calls a second by API, such as
    /// `"states:GetExecutionHistory" = 40`.
    pub quotas: BTreeMap<String, f64>,
    /// What to collect; see [`Part`].
    pub parts: Vec<Part>,
    /// State machines, by name or ARN with `*`; all if empty.
    pub state_machines: Vec<String>,
    /// Durable functions, by name or ARN with `*`; all if empty.
    pub durable_functions: Vec<String>,
    /// Tags that a state machine must have.
    pub tags: BTreeMap<String, String>,
    /// How far to look back at the first start, hours.
    pub lookback_hours: u64,
    /// Seconds between two rounds.
    pub interval_s: u64,
    /// Seconds after which a call that was not answered is given up and made again.
    pub timeout_s: u64,
    /// CloudWatch log groups besides those that executions lead to, with `*` at the end.
    pub log_groups: Vec<String>,
    /// SQS queues that an EventBridge rule fills, by URL.
    pub queues: Vec<String>,
    /// Somebody waits for a single pass to end: what cannot be reached is given up soon. No key of the file.
    #[serde(skip)]
    pub hurried: bool,
}

impl Default for AwsSource {
    fn default() -> Self {
        AwsSource {
            name: "aws".to_owned(),
            regions: Vec::new(),
            profile: None,
            assume_role: None,
            external_id: None,
            endpoint_url: None,
            quota_share: 0.25,
            quotas: BTreeMap::new(),
            parts: Part::ALL.to_vec(),
            state_machines: Vec::new(),
            durable_functions: Vec::new(),
            tags: BTreeMap::new(),
            lookback_hours: 24,
            interval_s: 15,
            timeout_s: 30,
            log_groups: Vec::new(),
            queues: Vec::new(),
            hurried: false,
        }
    }
}

/// A part of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Histories, descriptions, definitions and map runs of Standard workflows.
    StepFunctions,
    /// Log groups that state machines deliver to: Express, and Standard with logging.
    StepFunctionsLogs,
    /// Executions of Lambda durable functions.
    DurableFunctions,
    /// Log groups of the functions that executions called.
    LambdaLogs,
    /// ECS tasks and Batch jobs that executions waited for.
    Containers,
    /// X-Ray traces of executions.
    Xray,
    /// Queues with EventBridge events.
    Sqs,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 7] = [
        Part::StepFunctions,
        Part::StepFunctionsLogs,
        Part::DurableFunctions,
        Part::LambdaLogs,
        Part::Containers,
        Part::Xray,
        Part::Sqs,
    ];

    /// Its word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::StepFunctions => "step_functions",
            Part::StepFunctionsLogs => "step_functions_logs",
            Part::DurableFunctions => "durable_functions",
            Part::LambdaLogs => "lambda_logs",
            Part::Containers => "containers",
            Part::Xray => "xray",
            Part::Sqs => "sqs",
        }
    }
}

impl AwsSource {
    /// What is wrong with it, in words that name the key.
    pub fn problem(&self) -> Option<String> {
        let name = &self.name;
        let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
        if name.is_empty() || name.len() > 64 || name.contains(odd) || name.starts_with('.') {
            return Some(format!(
                "collect.name '{name}' must be 1 to 64 letters, digits, '-', '_' or '.'"
            ));
        }
        if !(self.quota_share > 0.0 && self.quota_share <= 1.0) {
            return Some(format!(
                "collect.quota_share of '{name}' is {}: say a share above 0 and up to 1",
                self.quota_share
            ));
        }
        if self.interval_s == 0 {
            return Some(format!(
                "collect.interval_s of '{name}' is 0: say at least 1"
            ));
        }
        if let Some(url) = &self.endpoint_url
            && !(url.starts_with("http://") || url.starts_with("https://"))
        {
            return Some(format!(
                "collect.endpoint_url of '{name}' is '{url}': say http://… or https://…"
            ));
        }
        let bad = self
            .quotas
            .iter()
            .find(|(_, rate)| !(**rate > 0.0 && rate.is_finite()));
        if let Some((api, rate)) = bad {
            return Some(format!(
                "collect.quotas of '{name}': {api} is {rate}: say calls a second above 0"
            ));
        }
        self.external_id
            .as_ref()
            .filter(|_| self.assume_role.is_none())
            .map(|_| format!("collect.external_id of '{name}' is of no use without assume_role"))
    }
}

/// True when `text` fits a pattern in which `*` stands for anything.
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        let check = |pattern: &str, text: &str, expect: bool| {
            assert_eq!(fits(pattern, text), expect, "{pattern} {text}");
        };
        check("orders", "orders", true);
        check("orders", "orders-eu", false);
        check("orders*", "orders-eu", true);
        check("*", "", true);
        check("*-prod", "orders-prod", true);
        check("*-prod", "orders-prod-2", false);
        check("o*s*-p", "orders-xs-p", true);
        check("a*a", "a", false);
        check("", "", true);
        check("", "x", false);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |change: fn(&mut AwsSource), expect: Option<&str>| {
            let mut source = AwsSource::default();
            change(&mut source);
            let problem = source.problem();
            match expect {
                None => assert_eq!(problem, None),
                Some(word) => assert!(
                    problem.as_deref().is_some_and(|it| it.contains(word)),
                    "{problem:?}"
                ),
            }
        };
        check(|_| {}, None);
        check(|it| it.quota_share = 0.0, Some("quota_share"));
        check(|it| it.quota_share = f64::NAN, Some("quota_share"));
        check(|it| it.interval_s = 0, Some("interval_s"));
        check(|it| it.name = "../x".into(), Some("name"));
        check(
            |it| it.endpoint_url = Some(String::new()),
            Some("endpoint_url"),
        );
        check(|it| it.external_id = Some("x".into()), Some("assume_role"));
    }
}
