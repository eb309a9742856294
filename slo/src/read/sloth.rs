//! sloth: `prometheus/v1` files, its Kubernetes resource, and `AlertWindows`.

use super::{Context, Periods, blank, conditions, own, target, texts};
use crate::{
    Indicator, Ratio, Slo, Window,
    bind::promql,
    definition::{Rule, factor},
    duration,
    lint::{Findings, Level},
    node::Node,
};

/// sloth's own period, unless AlertWindows for another one are given.
const PERIOD: i64 = 30 * 86_400;

/// A key as files and as the Kubernetes resource spell it.
fn either<'a>(node: &'a Node, snake: &str, camel: &str) -> Option<&'a Node> {
    node.get(snake).or_else(|| node.get(camel))
}

/// `kind: PrometheusServiceLevel`.
pub(super) fn resource(node: &Node, context: &Context<'_>, found: &mut Findings) -> Vec<Slo> {
    match node.get("spec") {
        Some(spec) => slos(spec, context, found),
        None => {
            found.say(
                Level::Error,
                "definition",
                node.line,
                None,
                "there is no spec",
            );
            Vec::new()
        }
    }
}

/// The objectives of a file.
pub(super) fn slos(node: &Node, context: &Context<'_>, found: &mut Findings) -> Vec<Slo> {
    let service = node.text_of("service").unwrap_or_default();
    if service.is_empty() {
        found.say(
            Level::Warning,
            "definition",
            node.line,
            None,
            "there is no service",
        );
    }
    let labels = texts(node.get("labels"));
    let mut all = Vec::new();
    for item in node.items_of("slos") {
        let Some(name) = item.text_of("name") else {
            found.say(
                Level::Error,
                "name",
                item.line,
                None,
                "an objective needs a name",
            );
            continue;
        };
        // sloth's id of an objective is service and name together.
        let id = match service {
            "" => name.to_owned(),
            service => format!("{service}-{name}"),
        };
        let mut slo = blank(&id, found.source(item.line, "sloth"));
        slo.display_name = name.to_owned();
        slo.service = Some(service.to_owned()).filter(|it| !it.is_empty());
        slo.description = item.text_of("description").unwrap_or_default().to_owned();
        slo.labels.clone_from(&labels);
        slo.labels.extend(texts(item.get("labels")));
        let objective = item.text_of("objective").unwrap_or_default();
        match target(&format!("{}%", objective.trim_end_matches('%'))) {
            Ok(ratio) => slo.target = ratio,
            Err(text) => {
                found.say(Level::Error, "target", item.line, Some(&id), text);
                continue;
            }
        }
        slo.window = Window::Rolling(period(context, found, item.line));
        slo.indicator = match context
            .bindings
            .get(&id)
            .or_else(|| context.bindings.get(name))
        {
            Some(bound) => own::read_indicator(bound, &id, found),
            None => indicator(item.get("sli")),
        };
        slo.rules = rules(&slo, item.get("alerting"), context);
        slo.annotations = texts(item.at(&["alerting", "annotations"]));
        slo.labels.extend(texts(item.at(&["alerting", "labels"])));
        if let Some(plugins) = item.get("plugins").or_else(|| node.get("plugins")) {
            let text = "plugins of sloth change the rules that it writes; they are not run here";
            found.say(Level::Warning, "plugins", plugins.line, Some(&id), text);
        }
        if let Err(text) = own::options(
            own::Keys::of(&Node {
                line: item.line,
                value: crate::node::Value::Null,
            }),
            &mut slo,
        ) {
            found.say(Level::Error, "definition", item.line, Some(&id), text);
        }
        all.push(slo);
    }
    if node.items_of("slos").is_empty() {
        found.say(
            Level::Error,
            "definition",
            node.line,
            None,
            "there are no slos",
        );
    }
    all
}

fn period(context: &Context<'_>, found: &mut Findings, line: u64) -> i64 {
    match context.periods.keys().collect::<Vec<_>>().as_slice() {
        [only] if **only != PERIOD => {
            let text = format!(
                "the window is {}, that of the AlertWindows given; sloth takes it by --default-slo-period",
                duration::words(**only)
            );
            found.say(Level::Note, "period", line, None, text);
            **only
        }
        _ => PERIOD,
    }
}

fn indicator(sli: Option<&Node>) -> Indicator {
    let Some(sli) = sli else {
        return not("it has no sli", "");
    };
    if let Some(events) = sli.get("events") {
        let query = |snake, camel| {
            either(events, snake, camel)
                .and_then(Node::text)
                .unwrap_or_default()
        };
        return promql::ratio(
            query("error_query", "errorQuery"),
            query("total_query", "totalQuery"),
            true,
        );
    }
    if let Some(raw) = sli.get("raw") {
        let query = either(raw, "error_ratio_query", "errorRatioQuery").and_then(Node::text);
        return promql::error_ratio(query.unwrap_or_default());
    }
    match sli.at(&["plugin", "id"]).and_then(Node::text) {
        Some(id) => not(
            &format!(
                "the sloth plugin {id} cannot be run here: bind the indicator in a bindings file"
            ),
            id,
        ),
        None => not("its sli has neither events nor raw", ""),
    }
}

fn not(reason: &str, query: &str) -> Indicator {
    Indicator::NotMeasured {
        reason: reason.to_owned(),
        query: query.to_owned(),
    }
}

fn rules(slo: &Slo, alerting: Option<&Node>, context: &Context<'_>) -> Vec<Rule> {
    let period = slo.window.nominal_seconds();
    let all = context
        .periods
        .get(&period)
        .cloned()
        .unwrap_or_else(|| own::usual(slo));
    let disabled = |snake: &str, camel: &str| {
        let alert = alerting.and_then(|it| either(it, snake, camel));
        alert.and_then(|it| it.text_of("disable")) == Some("true")
    };
    let (page, ticket) = (
        disabled("page_alert", "pageAlert"),
        disabled("ticket_alert", "ticketAlert"),
    );
    let keep =
        |rule: &Rule| !(page && rule.severity == "page" || ticket && rule.severity == "ticket");
    let mut rules: Vec<Rule> = all.into_iter().filter(keep).collect();
    conditions::unique(&mut rules);
    rules
}

/// `kind: AlertWindows`: shares of the budget and windows, for a period.
pub(super) fn windows(node: &Node, periods: &mut Periods, found: &mut Findings) {
    let period = node
        .at(&["spec", "sloPeriod"])
        .and_then(Node::text)
        .and_then(duration::seconds);
    let Some(period) = period.filter(|it| *it > 0) else {
        found.say(
            Level::Error,
            "alert-windows",
            node.line,
            None,
            "sloPeriod is no length of time such as 30d",
        );
        return;
    };
    let mut rules = Vec::new();
    for severity in ["page", "ticket"] {
        for speed in ["quick", "slow"] {
            let Some(pair) = node.at(&["spec", severity, speed]) else {
                let text = format!("{severity}.{speed} is missing");
                found.say(Level::Warning, "alert-windows", node.line, None, text);
                continue;
            };
            let share = pair.text_of("errorBudgetPercent").and_then(Ratio::parse);
            let window = |key| {
                pair.text_of(key)
                    .and_then(duration::seconds)
                    .filter(|it| *it >= 60)
            };
            match (share, window("longWindow"), window("shortWindow")) {
                (Some(_), Some(long), Some(short)) if short >= long => {
                    let text = super::pair(&[long, short]).err().unwrap_or_default();
                    let text = format!("{severity}.{speed}: {text}");
                    found.say(Level::Error, "alert-windows", pair.line, None, text);
                }
                (Some(percent), Some(long), Some(short)) => {
                    let share = percent.over(Ratio::new(100, 1));
                    rules.push(Rule::burn(
                        severity,
                        long,
                        short,
                        factor(share, period, long),
                    ));
                }
                _ => {
                    let text = format!(
                        "{severity}.{speed} needs errorBudgetPercent, longWindow and shortWindow"
                    );
                    found.say(Level::Error, "alert-windows", pair.line, None, text);
                }
            }
        }
    }
    conditions::unique(&mut rules);
    periods.insert(period, rules);
}
