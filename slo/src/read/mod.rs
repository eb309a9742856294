//! Definitions from files: whatever dialects, any number of files, any mix of kinds.
//!
//! Nothing stops at the first mistake: what can be understood is used, and everything else is a finding
//! with its file and line.

mod conditions;
mod openslo;
mod own;
mod pyrra;
mod sloth;

pub(crate) use openslo::{ALERTING, OPTIONS, SLI};

use crate::{
    Indicator, Ratio, Slo, Window,
    bind::{self, Bindings},
    definition::{Empty, Method, NoData, Rule, Slices},
    duration,
    lint::{self, Finding, Findings, Level},
    node::{self, Node, Value},
    parts,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most objectives that are loaded.
const MOST_SLOS: usize = 20_000;

/// What files say.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The objectives, by file and line.
    pub slos: Vec<Slo>,
    /// What their authors should know.
    pub findings: Vec<Finding>,
    /// Other objects that were understood: `AlertPolicy low-priority`.
    pub others: Vec<String>,
}

impl Loaded {
    /// True when something is an error.
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.level == Level::Error)
    }
}

/// A document with the file it stands in.
struct Document {
    file: String,
    node: Node,
}

/// Sets of rules by the length of the objective's window, seconds: sloth's AlertWindows.
type Periods = BTreeMap<i64, Vec<Rule>>;

/// Everything that definitions may refer to.
struct Context<'a> {
    bindings: Bindings,
    periods: Periods,
    /// OpenSLO objects by kind and name.
    objects: BTreeMap<(String, String), &'a Document>,
}

/// Reads files: name and text of each.
pub fn read(files: &[(String, String)]) -> Loaded {
    let mut loaded = Loaded::default();
    let mut documents = Vec::new();
    for (file, text) in files {
        match node::parse(text) {
            Ok(roots) => {
                for root in roots {
                    flatten(file, root, &mut documents, 0);
                }
            }
            Err(error) => loaded.findings.push(Finding {
                level: Level::Error,
                rule: "syntax",
                file: file.clone(),
                line: error.line,
                slo: None,
                text: error.message,
            }),
        }
    }
    let mut context = Context {
        bindings: Bindings::new(),
        periods: Periods::new(),
        objects: BTreeMap::new(),
    };
    for document in &documents {
        context.bindings.extend(bind::bindings(&document.node));
        let (Some(kind), Some(name)) = (
            document.node.text_of("kind"),
            document.node.at(&["metadata", "name"]).and_then(Node::text),
        ) else {
            continue;
        };
        context
            .objects
            .insert((kind.to_owned(), name.to_owned()), document);
    }
    for document in &documents {
        let mut found = Findings {
            file: document.file.clone(),
            all: Vec::new(),
        };
        if document.node.text_of("kind") == Some("AlertWindows") {
            sloth::windows(&document.node, &mut context.periods, &mut found);
        }
        loaded.findings.append(&mut found.all);
    }
    for document in &documents {
        one(document, &context, &mut loaded);
    }
    finish(&mut loaded);
    loaded
}

/// Lists at the root, and Kubernetes lists, become their items.
fn flatten(file: &str, node: Node, documents: &mut Vec<Document>, depth: usize) {
    let is_list = node.text_of("kind") == Some("List");
    match node.value {
        Value::List(items) if depth < 4 => {
            for item in items {
                flatten(file, item, documents, depth + 1);
            }
        }
        Value::Map(entries) if is_list && depth < 4 => {
            for (key, items) in entries {
                if key == "items" {
                    flatten(file, items, documents, depth + 1);
                }
            }
        }
        Value::Null => {}
        value => documents.push(Document {
            file: file.to_owned(),
            node: Node {
                line: node.line,
                value,
            },
        }),
    }
}

fn one(document: &Document, context: &Context<'_>, loaded: &mut Loaded) {
    let node = &document.node;
    let mut found = Findings {
        file: document.file.clone(),
        all: Vec::new(),
    };
    let version = node.text_of("apiVersion").unwrap_or_default();
    let kind = node.text_of("kind").unwrap_or_default();
    let slos = match (version, kind) {
        (version, kind) if version.starts_with("openslo") => match kind {
            "SLO" => openslo::slos(node, context, &mut found),
            other => {
                openslo::check(node, context, &mut found);
                let name = node.at(&["metadata", "name"]).and_then(Node::text);
                loaded
                    .others
                    .push(format!("{other} {}", name.unwrap_or("without a name")));
                Vec::new()
            }
        },
        (version, "AlertWindows") if version.starts_with("sloth.slok.dev") => {
            loaded.others.push("AlertWindows".to_owned());
            Vec::new()
        }
        (version, _) if version.starts_with("sloth.slok.dev") => {
            sloth::resource(node, context, &mut found)
        }
        (version, _) if version.starts_with("pyrra.dev") => pyrra::slos(node, &mut found),
        _ if node
            .text_of("version")
            .is_some_and(|it| it.starts_with("prometheus/")) =>
        {
            sloth::slos(node, context, &mut found)
        }
        ("", _) if node.get("bindings").is_some() => {
            loaded.others.push("bindings".to_owned());
            Vec::new()
        }
        ("", _) if own::is_own(node) => own::slos(node, context, &mut found),
        _ => {
            let what = match version {
                "" => "it has neither apiVersion nor slo".to_owned(),
                version => format!("apiVersion {version}, kind {kind}"),
            };
            let text = format!(
                "this is no definition that Inquest reads ({what}): give its own form (docs/slo.md), \
                 openslo/v1, openslo/v1alpha, openslo.com/v2alpha, sloth's prometheus/v1 or pyrra.dev/v1alpha1"
            );
            found.say(Level::Error, "unknown-kind", node.line, None, text);
            Vec::new()
        }
    };
    loaded.slos.extend(slos);
    loaded.findings.append(&mut found.all);
}

/// Names are unique, and what can be checked of any dialect is.
fn finish(loaded: &mut Loaded) {
    if let Some(first) = loaded.slos.get(MOST_SLOS).map(|it| it.source.clone()) {
        loaded.slos.truncate(MOST_SLOS);
        loaded.findings.push(Finding {
            level: Level::Error,
            rule: "too-many",
            file: first.file,
            line: first.line,
            slo: None,
            text: format!("there are more than {MOST_SLOS} objectives: the rest is left out"),
        });
    }
    let mut names = BTreeSet::new();
    for slo in &mut loaded.slos {
        if !names.insert(slo.name.clone()) {
            let mut number = 2;
            while !names.insert(format!("{}-{number}", slo.name)) {
                number += 1;
            }
            let name = format!("{}-{number}", slo.name);
            loaded.findings.push(Finding {
                level: Level::Warning,
                rule: "duplicate-name",
                file: slo.source.file.clone(),
                line: slo.source.line,
                slo: Some(slo.name.clone()),
                text: format!("another objective has this name: this one is called {name}"),
            });
            slo.name = name;
        }
    }
    for slo in &loaded.slos {
        loaded.findings.extend(lint::check(slo));
    }
    loaded.findings.extend(parts::check(&loaded.slos));
    // What is wrong with a whole file is said of its first line.
    for finding in &mut loaded.findings {
        finding.line = finding.line.max(1);
    }
    loaded
        .findings
        .sort_by(|a, b| (&a.file, a.line, a.level).cmp(&(&b.file, b.line, b.level)));
    loaded.findings.dedup();
}

/// A definition with nothing in it yet.
fn blank(name: &str, source: crate::definition::Source) -> Slo {
    Slo {
        name: name.to_owned(),
        display_name: name.to_owned(),
        description: String::new(),
        service: None,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        indicator: Indicator::NotMeasured {
            reason: "it has no indicator".to_owned(),
            query: String::new(),
        },
        method: Method::Occurrences,
        window: Window::Rolling(30 * 86_400),
        target: Ratio::new(99, 100),
        rules: Vec::new(),
        no_data: NoData::Hold,
        coverage: None,
        group_by: None,
        exclusions: Vec::new(),
        receivers: Vec::new(),
        inhibit: false,
        budget_alerts: crate::definition::BUDGET_ALERTS
            .map(|percent| Ratio::new(percent, 100))
            .to_vec(),
        silent_after: None,
        send_resolved: true,
        source,
    }
}

/// A share: `99.5%`, or a number that is a share up to 1 and a percentage above.
fn share(text: &str) -> Option<Ratio> {
    let (number, percent) = match text.trim().strip_suffix('%') {
        Some(number) => (number, true),
        None => (text, false),
    };
    let ratio = Ratio::parse(number)?;
    match percent || ratio > Ratio::ONE {
        true => Some(ratio.over(Ratio::new(100, 1))),
        false => Some(ratio),
    }
}

/// A target that leaves a budget.
fn target(text: &str) -> Result<Ratio, String> {
    let ratio = share(text)
        .ok_or_else(|| format!("the target {text:?} is no number: give 0.995 or 99.5%"))?;
    if ratio <= Ratio::ZERO {
        return Err(format!(
            "a target of {text} promises nothing: give a share above 0"
        ));
    }
    if ratio >= Ratio::ONE {
        return Err(format!(
            "a target of {text} leaves no budget: every failure breaks it; give less, such as 99.9%"
        ));
    }
    Ok(ratio)
}

/// A long window and a short one, which confirms that the burn still goes on: the other way round the rule would
/// mean something else, and of two that are equal one says nothing.
fn pair(windows: &[i64]) -> Result<(), String> {
    match windows {
        [long, short] if short >= long => Err(format!(
            "the short window, {}, is not shorter than the long one, {}: are they swapped?",
            duration::words(*short),
            duration::words(*long)
        )),
        _ => Ok(()),
    }
}

/// Texts of a mapping; lists are joined with commas.
fn texts(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map_or(&[][..], Node::entries);
    entries
        .iter()
        .map(|(key, value)| {
            let items: Vec<&str> = value.items().iter().filter_map(Node::text).collect();
            (key.clone(), items.join(","))
        })
        .collect()
}

/// Slices of a method, from the objective's texts.
fn slices(
    target: Option<&str>,
    length: Option<&str>,
    empty: Option<&str>,
) -> Result<Slices, String> {
    let length = match length {
        None => 60,
        // OpenSLO: a number alone is minutes.
        Some(text) => match text.trim().parse::<i64>() {
            Ok(minutes) => minutes.saturating_mul(60),
            Err(_) => duration::seconds(text)
                .ok_or_else(|| format!("{text:?} is no length of a slice"))?,
        },
    };
    if length < 60 || length % 60 != 0 || length > 86_400 {
        return Err("a slice is a whole number of minutes, at most a day".to_owned());
    }
    Ok(Slices {
        length,
        target: match target {
            Some(text) => share(text)
                .filter(|it| *it > Ratio::ZERO && *it <= Ratio::ONE)
                .ok_or_else(|| {
                    format!("the target of a slice is {text:?}: give a share above 0, at most 100%")
                })?,
            None => Ratio::ONE,
        },
        empty: match empty {
            None | Some("good") => Empty::Good,
            Some("ignore" | "ignored") => Empty::Ignored,
            Some("bad") => Empty::Bad,
            Some(other) => return Err(format!("empty is {other:?}: give good, ignore or bad")),
        },
    })
}

/// A name made of words for people.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars() {
        match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => slug.push(letter),
            _ if !slug.ends_with('-') && !slug.is_empty() => slug.push('-'),
            _ => {}
        }
    }
    slug.trim_end_matches('-').to_owned()
}
