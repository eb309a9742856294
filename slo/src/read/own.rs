//! Inquest's own form: `slo`, `target`, `window`, `indicator`, and everything else with a default.

use super::{Context, blank, conditions, share, slices, target, texts};
use crate::{
    Indicator, Ratio, Slo, Window, bind,
    definition::{Exclusion, Method, NoData, workbook},
    duration,
    lint::{Findings, Level},
    node::Node,
    window::Calendar,
};

/// The keys of an objective.
const KEYS: [&str; 31] = [
    "slo",
    "name",
    "display_name",
    "description",
    "service",
    "labels",
    "annotations",
    "indicator",
    "target",
    "objective",
    "window",
    "method",
    "slice",
    "alerts",
    "min_bad",
    "min_total",
    "for",
    "hold",
    "no_data",
    "coverage",
    "group_by",
    "exclude",
    "receivers",
    "inhibit",
    "compare",
    "outage",
    "composite",
    "version",
    "budget_alerts",
    "silent_after",
    "send_resolved",
];

/// True for a document of this form.
pub(super) fn is_own(node: &Node) -> bool {
    ["slo", "slos", "indicator", "target"]
        .iter()
        .any(|key| node.get(key).is_some())
}

/// The objectives of a document: one, or those below `slos`, which have the document's other keys as
/// defaults.
pub(super) fn slos(node: &Node, context: &Context<'_>, found: &mut Findings) -> Vec<Slo> {
    match node.get("slos") {
        None => one(node, None, context, found).into_iter().collect(),
        Some(list) => {
            let items = list.items().iter();
            items
                .filter_map(|item| one(item, Some(node), context, found))
                .collect()
        }
    }
}

/// A node with defaults behind it.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    node: &'a Node,
    behind: Option<&'a Node>,
}

impl<'a> Keys<'a> {
    /// The keys of one node.
    pub fn of(node: &'a Node) -> Self {
        Keys { node, behind: None }
    }

    /// The value of a key.
    pub fn get(self, key: &str) -> Option<&'a Node> {
        self.node.get(key).or_else(|| self.behind?.get(key))
    }

    /// The text of a key.
    pub fn text(self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }
}

fn one(
    node: &Node,
    behind: Option<&Node>,
    context: &Context<'_>,
    found: &mut Findings,
) -> Option<Slo> {
    let line = node.line;
    let keys = Keys { node, behind };
    let name = node.text_of("slo").or_else(|| node.text_of("name"));
    let Some(name) = name else {
        found.say(
            Level::Error,
            "name",
            line,
            None,
            "an objective needs slo: its name",
        );
        return None;
    };
    for (key, value) in node.entries() {
        if !KEYS.contains(&key.as_str()) {
            let text = format!("an objective has no key {key}; see docs/slo.md for those it has");
            found.say(Level::Warning, "unknown-key", value.line, Some(name), text);
        }
    }
    let mut slo = blank(name, found.source(line, "inquest"));
    slo.labels = texts(keys.get("labels"));
    slo.annotations = texts(keys.get("annotations"));
    slo.service = keys.text("service").map(str::to_owned);
    if let Some(text) = keys.text("display_name") {
        slo.display_name = text.to_owned();
    }
    slo.description = keys.text("description").unwrap_or_default().to_owned();
    let fail = |found: &mut Findings, text: String| {
        found.say(Level::Error, "definition", line, Some(name), text);
        None
    };
    match keys.text("target").or_else(|| keys.text("objective")) {
        None => {
            return fail(
                found,
                "there is no target: give one such as 99.5%".to_owned(),
            );
        }
        Some(text) => match target(text) {
            Ok(ratio) => slo.target = ratio,
            Err(text) => return fail(found, text),
        },
    }
    match window(keys.get("window")) {
        Ok(window) => slo.window = window,
        Err(text) => return fail(found, text),
    }
    match method(keys) {
        Ok(method) => slo.method = method,
        Err(text) => return fail(found, text),
    }
    slo.indicator = match (
        keys.get("composite"),
        keys.get("indicator"),
        context.bindings.get(name),
    ) {
        (_, _, Some(bound)) => read_indicator(bound, name, found),
        (Some(_), _, None) => read_indicator(node, name, found),
        (None, Some(indicator), None) => read_indicator(indicator, name, found),
        (None, None, None) => slo.indicator,
    };
    slo.rules = conditions::own(keys, &slo, found);
    if let Err(text) = options(keys, &mut slo) {
        return fail(found, text);
    }
    Some(slo)
}

/// An indicator in our words; a mistake in it makes it not measured, with a finding.
pub(super) fn read_indicator(node: &Node, name: &str, found: &mut Findings) -> Indicator {
    let node = match node.get("composite") {
        Some(_) => Node {
            line: node.line,
            value: crate::node::Value::Map(
                node.entries()
                    .iter()
                    .filter(|(key, _)| key == "composite")
                    .cloned()
                    .collect(),
            ),
        },
        None => node.clone(),
    };
    bind::own(&node).unwrap_or_else(|reason| {
        found.say(
            Level::Error,
            "indicator",
            node.line,
            Some(name),
            reason.clone(),
        );
        Indicator::NotMeasured {
            reason,
            query: String::new(),
        }
    })
}

fn window(node: Option<&Node>) -> Result<Window, String> {
    let Some(node) = node else {
        return Ok(Window::Rolling(28 * 86_400));
    };
    if let Some(text) = node.text() {
        let length = duration::seconds(text.trim_end_matches("rolling").trim());
        let length = length.filter(|it| (3_600..=400 * 86_400).contains(it));
        return length.map(Window::Rolling).ok_or_else(|| {
            format!("the window {text:?} is no length from 1h to 400d; months need calendar: 1M")
        });
    }
    let unit = node
        .text_of("calendar")
        .or_else(|| node.text_of("duration"));
    let unit = unit.ok_or("a calendar window needs calendar: its length, such as 1M")?;
    let unit = duration::calendar(unit)
        .ok_or_else(|| format!("{unit:?} is no calendar length such as 1M, 1w or 1Q"))?;
    let zone = node.text_of("time_zone").unwrap_or("UTC");
    let start = node.text_of("start").unwrap_or("2024-01-01 00:00:00");
    Calendar::read(unit, start, zone).map(Window::Calendar)
}

fn method(keys: Keys<'_>) -> Result<Method, String> {
    let slice = keys.get("slice");
    let of = |key: &str| slice.and_then(|it| it.text_of(key));
    let read = || {
        // Here a number alone is seconds, as everywhere in this form.
        let length = of("length").map(|text| match text.parse::<i64>() {
            Ok(_) => format!("{text}s"),
            Err(_) => text.to_owned(),
        });
        slices(of("target"), length.as_deref(), of("empty"))
    };
    match keys.text("method").map(str::to_lowercase).as_deref() {
        None if slice.is_some() => read().map(Method::Timeslices),
        None | Some("occurrences") => Ok(Method::Occurrences),
        Some("timeslices") => read().map(Method::Timeslices),
        Some("ratio_timeslices" | "ratiotimeslices") => read().map(Method::RatioTimeslices),
        Some(other) => Err(format!(
            "there is no method {other:?}: give occurrences, timeslices or ratio_timeslices"
        )),
    }
}

/// What any dialect can say in our words: guards, holding, coverage, groups, exclusions.
pub(super) fn options(keys: Keys<'_>, slo: &mut Slo) -> Result<(), String> {
    let seconds = |key: &str| match keys.text(key) {
        None => Ok(None),
        Some(text) => match duration::seconds(text) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(format!(
                "{key} is {text:?}, which is no length of time such as 5m"
            )),
        },
    };
    let number = |key: &str| match keys.text(key) {
        None => Ok(None),
        Some(text) => match text.parse::<u64>() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(format!("{key} is {text:?}, which is no whole number")),
        },
    };
    let (hold, wait) = (seconds("hold")?, seconds("for")?);
    let (min_bad, min_total) = (number("min_bad")?, number("min_total")?);
    let compare = keys.text("compare");
    if !matches!(compare, None | Some(">" | ">=" | "gt" | "gte")) {
        return Err("compare is > or >=".to_owned());
    }
    for rule in &mut slo.rules {
        let is_burn = rule
            .tests
            .iter()
            .any(|test| matches!(test, crate::definition::Test::Burn { .. }));
        rule.hold_s = hold.filter(|_| rule.hold_s == 0).unwrap_or(rule.hold_s);
        rule.for_s = wait.filter(|_| rule.for_s == 0).unwrap_or(rule.for_s);
        if is_burn {
            rule.min_bad = min_bad
                .filter(|_| rule.min_bad <= 1)
                .unwrap_or(rule.min_bad);
            rule.min_total = min_total
                .filter(|_| rule.min_total <= 1)
                .unwrap_or(rule.min_total);
        }
        for test in &mut rule.tests {
            if let (crate::definition::Test::Burn { or_equal, .. }, Some(compare)) = (test, compare)
            {
                *or_equal = matches!(compare, ">=" | "gte");
            }
        }
    }
    slo.no_data = match keys.text("no_data") {
        None | Some("hold" | "unknown") => NoData::Hold,
        Some("ok" | "false" | "good") => NoData::False,
        Some("bad" | "true") => NoData::True,
        Some(other) => return Err(format!("no_data is {other:?}: give hold, ok or bad")),
    };
    if let Some(text) = keys.text("coverage") {
        let ratio = share(text).filter(|it| (Ratio::ZERO..=Ratio::ONE).contains(it));
        let ratio = ratio.ok_or_else(|| {
            format!("coverage is {text:?}: give a share from 0 to 100%, such as 90%")
        })?;
        slo.coverage = Some(ratio);
    }
    slo.group_by = keys
        .text("group_by")
        .map(str::to_owned)
        .or(slo.group_by.take());
    let truth = |key: &str| match keys.text(key) {
        None => Ok(None),
        Some("true" | "yes") => Ok(Some(true)),
        Some("false" | "no") => Ok(Some(false)),
        Some(other) => Err(format!("{key} is {other:?}: give true or false")),
    };
    slo.send_resolved = truth("send_resolved")?.unwrap_or(slo.send_resolved);
    slo.inhibit = truth("inhibit")?.unwrap_or(false);
    let receivers = keys.get("receivers").map_or(&[][..], Node::items);
    for name in receivers.iter().filter_map(Node::text) {
        if !slo.receivers.iter().any(|it| it == name) {
            slo.receivers.push(name.to_owned());
        }
    }
    if let (Some(empty), Method::Timeslices(slices) | Method::RatioTimeslices(slices)) =
        (keys.text("slice_empty"), &mut slo.method)
    {
        slices.empty = super::slices(None, None, Some(empty))?.empty;
    }
    if let Some(node) = keys.get("budget_alerts") {
        slo.budget_alerts = budget_alerts(node)?;
    }
    slo.silent_after = match keys.text("silent_after") {
        None => slo.silent_after,
        Some("none" | "never" | "off") => Some(0),
        Some(text) => match seconds("silent_after")? {
            Some(length) if length < 60 => {
                return Err(format!(
                    "silent_after is {text:?}: give at least 1m, or none"
                ));
            }
            length => length,
        },
    };
    for node in keys.get("exclude").map_or(&[][..], Node::items) {
        slo.exclusions.push(exclusion(node)?);
    }
    Ok(())
}

fn budget_alerts(node: &Node) -> Result<Vec<Ratio>, String> {
    if node.text() == Some("none") {
        return Ok(Vec::new());
    }
    let of = |item: &Node| {
        let text = item.text().unwrap_or_default();
        let shares = share(text).filter(|it| *it > Ratio::ZERO);
        shares
            .ok_or_else(|| format!("budget_alerts has {text:?}: give shares such as 50%, or none"))
    };
    let mut all = node.items().iter().map(of).collect::<Result<Vec<_>, _>>()?;
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

fn exclusion(node: &Node) -> Result<Exclusion, String> {
    let zone_name = node.text_of("time_zone").unwrap_or("UTC");
    let zone = jiff::tz::TimeZoneDatabase::bundled().get(zone_name);
    let zone = zone.map_err(|_| format!("there is no time zone {zone_name:?}"))?;
    let time = |key: &str| -> Result<Option<i64>, String> {
        let Some(text) = node.text_of(key) else {
            return Ok(None);
        };
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Ok(Some(at.as_second()));
        }
        let local = text.replace(' ', "T").parse::<jiff::civil::DateTime>();
        let local = local.map_err(|_| format!("{key} is {text:?}, which is no time"))?;
        let at = zone
            .to_timestamp(local)
            .map_err(|error| error.to_string())?;
        Ok(Some(at.as_second()))
    };
    let from = time("from")?.ok_or("an exclusion needs from")?;
    let to = match (
        time("to")?,
        node.text_of("duration").and_then(duration::seconds),
    ) {
        (Some(to), _) => to,
        (None, Some(length)) => from + length,
        (None, None) => return Err("an exclusion needs to, or duration".to_owned()),
    };
    if to <= from {
        return Err("an exclusion ends before it begins".to_owned());
    }
    let every_days = match node.text_of("every") {
        None => None,
        Some("day" | "daily") => Some(1),
        Some("week" | "weekly") => Some(7),
        Some(text) => {
            let days = duration::seconds(text)
                .map(|it| it / 86_400)
                .filter(|it| *it > 0);
            Some(days.ok_or_else(|| format!("every is {text:?}: give day, week or 14d"))?)
        }
    };
    if every_days.is_some_and(|days| to - from > days.saturating_mul(86_400)) {
        return Err("an exclusion is longer than the time after which it begins again".to_owned());
    }
    Ok(Exclusion {
        from,
        to,
        every_days,
        zone,
        reason: node.text_of("reason").unwrap_or_default().to_owned(),
    })
}

/// The rules that hold where a definition says nothing: those of the workbook.
pub(super) fn usual(slo: &Slo) -> Vec<crate::definition::Rule> {
    workbook(slo.window.nominal_seconds())
}
