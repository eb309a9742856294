//! OpenSLO: v1, v1alpha and v2alpha, as the specification, its SDK's tests and files in the wild have it.

mod policy;
mod sli;
mod window;

pub(super) use policy::check;

use super::{Context, blank, conditions, own, slices, slug, target, texts};
use crate::{
    Ratio, Slo,
    definition::Method,
    lint::{Findings, Level},
    node::{self, Node},
};

/// Annotation with an own indicator, as YAML.
pub(crate) const SLI: &str = "inquest.dev/sli";
/// Annotation: `workbook` or `none`.
pub(crate) const ALERTING: &str = "inquest.dev/alerting";
/// Annotation with own options, as YAML.
pub(crate) const OPTIONS: &str = "inquest.dev/options";

/// The objectives of an SLO object: one per entry of `objectives`.
pub(in crate::read) fn slos(node: &Node, context: &Context<'_>, found: &mut Findings) -> Vec<Slo> {
    let line = node.line;
    let Some(name) = node.at(&["metadata", "name"]).and_then(Node::text) else {
        found.say(Level::Error, "name", line, None, "metadata.name is missing");
        return Vec::new();
    };
    let Some(spec) = node.get("spec") else {
        found.say(
            Level::Error,
            "definition",
            line,
            Some(name),
            "there is no spec",
        );
        return Vec::new();
    };
    let mut base = blank(name, found.source(line, dialect(node)));
    base.labels = texts(node.at(&["metadata", "labels"]));
    base.annotations = texts(node.at(&["metadata", "annotations"]));
    if let Some(text) = node.at(&["metadata", "displayName"]).and_then(Node::text) {
        base.display_name = text.to_owned();
    }
    base.description = spec.text_of("description").unwrap_or_default().to_owned();
    let service = spec
        .text_of("service")
        .or_else(|| spec.text_of("serviceRef"));
    base.service = service.map(str::to_owned);
    match window::window(spec, name, found) {
        Ok(window) => base.window = window,
        Err(text) => {
            found.say(Level::Error, "window", spec.line, Some(name), text);
            return Vec::new();
        }
    }
    let shared = spec.get("indicator").or_else(|| spec.get("sli"));
    let shared = match sli_reference(spec) {
        Some(reference) => referred("SLI", reference, name, context, found),
        None => shared,
    };
    let objectives = spec.items_of("objectives");
    if objectives.is_empty() {
        found.say(
            Level::Error,
            "objectives",
            spec.line,
            Some(name),
            "there are no objectives",
        );
    }
    if objectives.len() > 1 {
        let text = format!(
            "it has {} objectives: each is an objective of its own here",
            objectives.len()
        );
        found.say(Level::Note, "objectives", spec.line, Some(name), text);
    }
    let mut all = Vec::new();
    for (index, objective) in objectives.iter().enumerate() {
        let mut slo = base.clone();
        if objectives.len() > 1 {
            let title = objective
                .text_of("displayName")
                .map(slug)
                .filter(|it| !it.is_empty());
            slo.name = format!(
                "{name}-{}",
                title.unwrap_or_else(|| (index + 1).to_string())
            );
            slo.source.line = objective.line;
        }
        let own_sli = objective.get("indicator").or_else(|| objective.get("sli"));
        let own_sli = match sli_reference(objective) {
            Some(reference) => referred("SLI", reference, name, context, found),
            None => own_sli,
        };
        match self::objective(
            &mut slo,
            spec,
            objective,
            own_sli.or(shared),
            context,
            found,
        ) {
            Ok(()) => all.push(slo),
            Err(text) => found.say(Level::Error, "objective", objective.line, Some(name), text),
        }
    }
    all
}

fn dialect(node: &Node) -> &'static str {
    match node.text_of("apiVersion") {
        Some("openslo/v1alpha") => "openslo/v1alpha",
        Some(version) if version.contains("v2") => "openslo.com/v2alpha",
        _ => "openslo/v1",
    }
}

/// Where the name of an indicator stands.
fn sli_reference(node: &Node) -> Option<&Node> {
    let reference = node.get("indicatorRef").or_else(|| node.get("sliRef"));
    reference.filter(|it| it.text().is_some())
}

/// An object that is named; a finding where the name stands if there is none.
fn referred<'a>(
    kind: &str,
    reference: &Node,
    slo: &str,
    context: &Context<'a>,
    found: &mut Findings,
) -> Option<&'a Node> {
    let name = reference.text().unwrap_or_default();
    match context.objects.get(&(kind.to_owned(), name.to_owned())) {
        Some(document) => Some(&document.node),
        None => {
            let text = format!("there is no {kind} {name} in the files given");
            found.say(
                Level::Warning,
                "dangling-reference",
                reference.line,
                Some(slo),
                text,
            );
            None
        }
    }
}

fn objective(
    slo: &mut Slo,
    spec: &Node,
    node: &Node,
    sli: Option<&Node>,
    context: &Context<'_>,
    found: &mut Findings,
) -> Result<(), String> {
    let name = slo.name.clone();
    let text = match (node.text_of("target"), node.text_of("targetPercent")) {
        (Some(text), _) => {
            if Ratio::parse(text).is_some_and(|it| it > Ratio::ONE) {
                let advice = format!(
                    "target {text} is a share: {text} is taken as a percentage; say targetPercent"
                );
                found.say(
                    Level::Warning,
                    "target-percent",
                    node.line,
                    Some(&name),
                    advice,
                );
            }
            text.to_owned()
        }
        (None, Some(percent)) => format!("{percent}%"),
        (None, None) => return Err("an objective needs target or targetPercent".to_owned()),
    };
    slo.target = target(&text)?;
    let method = spec.text_of("budgetingMethod").unwrap_or("Occurrences");
    let slice = || {
        let length = node.text_of("timeSliceWindow");
        slices(node.text_of("timeSliceTarget"), length, None)
    };
    slo.method = match method.to_lowercase().as_str() {
        "occurrences" => Method::Occurrences,
        "timeslices" => {
            if node.get("timeSliceTarget").is_none() {
                let text = "Timeslices without timeSliceTarget: a slice is good only when all of its events are";
                found.say(
                    Level::Warning,
                    "time-slice-target",
                    node.line,
                    Some(&name),
                    text,
                );
            }
            Method::Timeslices(slice()?)
        }
        "ratiotimeslices" => Method::RatioTimeslices(slice()?),
        other => return Err(format!("there is no budgetingMethod {other:?}")),
    };
    slo.indicator = sli::indicator(slo, node, sli, context, found);
    let said = found.all.len();
    slo.rules = policy::rules(slo, spec, context, found);
    if let Some(text) = slo.annotations.get(OPTIONS).cloned() {
        let options = node::parse(&text).map_err(|error| format!("{OPTIONS}: {error}"))?;
        if let Some(options) = options.first() {
            // Lines count in the file, not in the annotation.
            let options = &options.clone().moved_to(slo.source.line);
            let keys = own::Keys::of(options);
            if options.get("alerts").is_some() || options.get("outage").is_some() {
                // What was said of the rules of others does not hold.
                let mut index = 0;
                found.all.retain(|it| {
                    index += 1;
                    index <= said || it.rule != "workbook"
                });
                slo.rules = conditions::own(keys, slo, found);
            }
            own::options(keys, slo)?;
        }
    }
    Ok(())
}
