//! Zipkin's old format, in which a span may hold both sides of a call, made into spans of the present one.
//!
//! The rules are those of Zipkin's own `V1SpanConverter`: `cs`…`cr` is the client's side, `sr`…`ss` the
//! server's, `ms` and `mr` those of a message; `sa`, `ca` and `ma` name the other side; `lc` names local work.

use super::span::{Annotation, Endpoint, ZipkinSpan, micros, text};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct V1Span {
    #[serde(deserialize_with = "text")]
    pub trace_id: String,
    #[serde(deserialize_with = "text")]
    pub id: String,
    pub parent_id: Option<String>,
    pub name: Option<String>,
    #[serde(deserialize_with = "micros")]
    pub timestamp: Option<i64>,
    #[serde(deserialize_with = "micros")]
    pub duration: Option<i64>,
    pub annotations: Option<Vec<V1Annotation>>,
    pub binary_annotations: Option<Vec<BinaryAnnotation>>,
    pub debug: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct V1Annotation {
    #[serde(deserialize_with = "micros")]
    pub timestamp: Option<i64>,
    #[serde(deserialize_with = "text")]
    pub value: String,
    pub endpoint: Option<Endpoint>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct BinaryAnnotation {
    #[serde(deserialize_with = "text")]
    pub key: String,
    pub value: Value,
    pub endpoint: Option<Endpoint>,
}

/// The sides that a span may hold: kind, annotation of its start, annotation of its end.
const SIDES: [(&str, &str, &str); 4] = [
    ("CLIENT", "cs", "cr"),
    ("SERVER", "sr", "ss"),
    ("PRODUCER", "ms", "ms"),
    ("CONSUMER", "mr", "mr"),
];
/// Keys that name the other side instead of a property.
const ADDRESSES: [&str; 3] = ["sa", "ca", "ma"];

impl V1Span {
    /// One span for each side that is in it, at least one.
    pub(super) fn into_v2(self) -> Vec<ZipkinSpan> {
        let annotations = self.annotations.clone().unwrap_or_default();
        let sides: Vec<_> = SIDES
            .iter()
            .filter(|(_, begin, end)| {
                annotations
                    .iter()
                    .any(|it| it.value == *begin || it.value == *end)
            })
            .collect();
        if sides.is_empty() {
            return vec![self.local(annotations)];
        }
        let both = sides.len() > 1;
        let sides = sides
            .iter()
            .map(|(kind, begin, end)| self.side(kind, begin, end, both, &annotations));
        sides.collect()
    }

    fn side(
        &self,
        kind: &str,
        begin: &str,
        end: &str,
        both: bool,
        annotations: &[V1Annotation],
    ) -> ZipkinSpan {
        let at = |word: &str| annotations.iter().find(|it| it.value == word);
        let own = at(begin)
            .or_else(|| at(end))
            .and_then(|it| it.endpoint.clone());
        let begun = at(begin).and_then(|it| it.timestamp);
        let ended = at(end).and_then(|it| it.timestamp);
        // The span's own times are those of the side that began it: the client's, if both are here.
        let owns = !both || kind == "CLIENT" || kind == "PRODUCER";
        let measured = begun.zip(ended).map(|(from, to)| to.saturating_sub(from));
        let mut span = ZipkinSpan {
            kind: Some(kind.to_owned()),
            timestamp: self.timestamp.filter(|_| owns).or(begun),
            duration: self
                .duration
                .filter(|_| owns)
                .or(measured.filter(|it| *it > 0)),
            local_endpoint: own.clone(),
            shared: (kind == "SERVER" && (both || self.timestamp.is_none())).then_some(true),
            ..self.frame()
        };
        let core = |value: &str| SIDES.iter().any(|(_, b, e)| *b == value || *e == value);
        let mine = |endpoint: &Option<Endpoint>| !both || endpoint.is_none() || *endpoint == own;
        span.annotations = Some(
            annotations
                .iter()
                .filter(|it| !core(&it.value) && mine(&it.endpoint))
                .map(plain)
                .collect(),
        );
        let owned = self
            .binary()
            .filter(|it| mine(&it.endpoint) || is_address(it));
        let client = kind == "CLIENT" || kind == "PRODUCER";
        for annotation in owned {
            match annotation.key.as_str() {
                "sa" if client => span.remote_endpoint = annotation.endpoint.clone(),
                "ca" if !client => span.remote_endpoint = annotation.endpoint.clone(),
                "ma" => span.remote_endpoint = annotation.endpoint.clone(),
                _ if is_address(annotation) => {}
                _ => add_tag(&mut span, annotation),
            }
        }
        span
    }

    /// No side at all: work inside one service.
    fn local(&self, annotations: Vec<V1Annotation>) -> ZipkinSpan {
        let endpoint = annotations
            .iter()
            .map(|it| &it.endpoint)
            .chain(
                self.binary()
                    .filter(|it| !is_address(it))
                    .map(|it| &it.endpoint),
            )
            .find_map(Clone::clone);
        let address = |key: &str| self.binary().find(|it| it.key == key && is_address(it));
        let server = address("sa").and_then(|it| it.endpoint.clone());
        let mut span = ZipkinSpan {
            kind: server.is_some().then(|| "CLIENT".to_owned()),
            timestamp: self.timestamp,
            duration: self.duration,
            local_endpoint: endpoint,
            remote_endpoint: server,
            annotations: Some(annotations.iter().map(plain).collect()),
            ..self.frame()
        };
        for annotation in self.binary().filter(|it| !is_address(it)) {
            add_tag(&mut span, annotation);
        }
        span
    }

    fn binary(&self) -> impl Iterator<Item = &BinaryAnnotation> {
        self.binary_annotations.iter().flatten()
    }

    fn frame(&self) -> ZipkinSpan {
        ZipkinSpan {
            trace_id: self.trace_id.clone(),
            id: self.id.clone(),
            parent_id: self.parent_id.clone(),
            name: self.name.clone(),
            debug: self.debug,
            tags: Some(BTreeMap::new()),
            ..ZipkinSpan::default()
        }
    }
}

fn plain(annotation: &V1Annotation) -> Annotation {
    Annotation {
        timestamp: annotation.timestamp,
        value: annotation.value.clone(),
    }
}

fn is_address(annotation: &BinaryAnnotation) -> bool {
    ADDRESSES.contains(&annotation.key.as_str()) && !annotation.value.is_string()
        || annotation.value.as_str() == Some("true") && ADDRESSES.contains(&annotation.key.as_str())
}

fn add_tag(span: &mut ZipkinSpan, annotation: &BinaryAnnotation) {
    if let Some(tags) = &mut span.tags {
        tags.insert(annotation.key.clone(), annotation.value.clone());
    }
}
