//! Spans of other tracers in files.

use super::{Refused, dispatch::Place, file::Importer};
use crate::{changes, chaos, envoy, xray, zipkin};
use model::text::counted;
use model::{Change, LogRecord, Span};
use serde_json::Value;
use std::io::BufRead;

impl Importer<'_> {
    /// Takes what other tracers wrote; `None` if it is nothing of theirs.
    pub(super) fn foreign(
        &mut self,
        value: &Value,
        place: &Place,
    ) -> Result<Option<bool>, Refused> {
        if let Some(told) = chaos::read(value) {
            self.file.is("chaos experiments");
            return self.told(told, place).map(Some);
        }
        if changes::is_change(value) {
            self.file.is("changes");
            return self.change(value, place).map(Some);
        }
        if zipkin::is_span(value) {
            self.file.is("Zipkin spans");
            return self.spans(zipkin::read_one(value.clone()), place).map(Some);
        }
        if xray::is_segment(value) {
            self.file.is("X-Ray segments");
            return self.spans(xray::segment(value), place).map(Some);
        }
        if let Some(object) = value.as_object().filter(|object| envoy::is_entry(object)) {
            self.file.is("Envoy access log (JSON)");
            return self.access_log(envoy::read_object(object)).map(Some);
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

    fn access_log(&mut self, record: Option<LogRecord>) -> Result<bool, Refused> {
        if let Some(mut record) = record {
            self.name_proxy(&mut record);
            self.file.taken.logs += 1;
            self.log(record)?;
        }
        Ok(true)
    }

    fn change(&mut self, value: &Value, place: &Place) -> Result<bool, Refused> {
        self.told(changes::read(value), place)
    }

    fn told(&mut self, told: Result<Change, String>, place: &Place) -> Result<bool, Refused> {
        match told {
            Ok(change) => {
                self.file.taken.changes += 1;
                self.sink.change(change)?;
            }
            Err(reason) => self.file.skip(place.position.clone(), reason),
        }
        Ok(true)
    }

    /// A file of lines does not say whose they are; its name may.
    fn name_proxy(&self, record: &mut LogRecord) {
        let stem = self
            .file
            .path
            .file_stem()
            .map(|stem| stem.to_string_lossy());
        let stem = stem.as_deref().unwrap_or_default();
        let stem = stem.split('.').next().unwrap_or_default();
        let generic = [
            "access",
            "access_log",
            "access-log",
            "stdout",
            "envoy",
            "upload",
            "log",
        ];
        if record.service_name.is_empty() && !stem.is_empty() && !generic.contains(&stem) {
            record.service_name = stem.to_owned();
        }
    }

    /// Reads a text file of access log lines; other lines in it are counted.
    pub(super) fn access_log_text(&mut self, reader: impl BufRead) -> Result<(), Refused> {
        self.file.is("Envoy access log (text)");
        let mut other = 0u64;
        for (n, line) in reader.split(b'\n').enumerate() {
            let line = match line {
                Ok(line) => line,
                Err(error) => {
                    self.file.skip(
                        format!("line {}", n + 1),
                        format!("cannot be read: {error}"),
                    );
                    break;
                }
            };
            let line = String::from_utf8_lossy(&line);
            match envoy::read_line(&line) {
                Some(record) => {
                    self.access_log(Some(record))?;
                }
                None if line.trim().is_empty() => {}
                None => other += 1,
            }
        }
        if other > 0 {
            let lines = counted(other, "line is", "lines are");
            self.file.skip("", format!("{lines} no access log lines"));
        }
        Ok(())
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
