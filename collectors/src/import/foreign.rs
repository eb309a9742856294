//! Spans of other tracers in files.

use super::{Refused, dispatch::Place, file::Importer};
use crate::{xray, zipkin};
use model::Span;
use serde_json::Value;

impl Importer<'_> {
    /// Takes what other tracers wrote; `None` if it is nothing of theirs.
    pub(super) fn foreign(
        &mut self,
        value: &Value,
        place: &Place,
    ) -> Result<Option<bool>, Refused> {
        if zipkin::is_span(value) {
            self.file.is("Zipkin spans");
            return self.spans(zipkin::read_one(value.clone()), place).map(Some);
        }
        if xray::is_segment(value) {
            self.file.is("X-Ray segments");
            return self.spans(xray::segment(value), place).map(Some);
        }
        let documents = value.get("TraceSegmentDocuments").and_then(Value::as_array);
        if let Some(documents) = documents {
            self.file.is("X-Ray segments");
            for (n, document) in documents.iter().enumerate() {
                let place = place.inside(&format!("TraceSegmentDocuments[{n}]"));
                let text = document.as_str().ok_or("it is not text".to_owned());
                self.spans(text.and_then(xray::document), &place)?;
            }
            return Ok(Some(true));
        }
        let list = value.get("Traces").and_then(Value::as_array);
        if list.is_some_and(|list| list.iter().any(xray::is_trace)) {
            return self.xray_traces(value, place).map(Some);
        }
        if xray::is_trace(value) {
            let answer = serde_json::json!({"Traces": [value]});
            return self.xray_traces(&answer, place).map(Some);
        }
        Ok(None)
    }

    fn xray_traces(&mut self, answer: &Value, place: &Place) -> Result<bool, Refused> {
        self.file.is("X-Ray traces");
        let (spans, problems) = xray::batch_get_traces(answer);
        for reason in problems {
            self.file.skip(place.position.clone(), reason);
        }
        let unprocessed = answer.get("UnprocessedTraceIds").and_then(Value::as_array);
        if let Some(ids) = unprocessed.filter(|ids| !ids.is_empty()) {
            let reason = format!("X-Ray had not {} of the traces asked for", ids.len());
            self.file.skip(place.position.clone(), reason);
        }
        self.spans(Ok(spans), place)
    }

    fn spans(&mut self, read: Result<Vec<Span>, String>, place: &Place) -> Result<bool, Refused> {
        match read {
            Ok(spans) => {
                self.file.taken.spans += spans.len() as u64;
                for span in spans {
                    self.span(span)?;
                }
            }
            Err(reason) => self.file.skip(place.position.clone(), reason),
        }
        Ok(true)
    }
}
