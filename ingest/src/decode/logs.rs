//! `ExportLogsServiceRequest` → rows of `logs`.
//!
//! Field numbers: `opentelemetry/proto/logs/v1/logs.proto`. OTLP gives log records no identity, so
//! one is made of all that a row says, and of how many equal rows came before it in the request:
//! a request delivered again gives the same ids, two equal lines in one request give two.

use super::{Common, DecodeError, Decoded, Notes, REPAIRED, nanos};
use crate::{
    attributes::AttributeColumns,
    columns::{BytesColumn, NumberColumn, SharedColumn},
    promotion::Promotion,
    resource::{Resource, Scope},
    value::{AnyValue, KeyValue},
    wire::{Message, WireError},
};
use arrow::array::ArrayRef;
use std::collections::HashMap;
use store::Table;
use xxhash_rust::xxh3::Xxh3;

pub(super) fn decode(request: &[u8], promotion: &Promotion) -> Result<Decoded, DecodeError> {
    let mut rows = Rows::new(promotion.clone(), super::count(request)?);
    let mut message = Message::new(request);
    while let Some((number, field)) = message.next()? {
        if number != 1 {
            continue;
        }
        let resource_logs = field.message()?;
        let mut resource = Resource::of(resource_logs)?;
        resource.place = rows.resource.share(&resource.json);
        rows.notes.hold(resource.json.len());
        let mut scopes = resource_logs;
        while let Some((number, field)) = scopes.next()? {
            if number != 2 {
                continue;
            }
            let scope_logs = field.message()?;
            let scope = Scope::of(scope_logs)?;
            let mut records = scope_logs;
            while let Some((number, field)) = records.next()? {
                if number == 2 {
                    rows.push(&resource, &scope, &Record::read(field.message()?)?)?;
                }
            }
        }
    }
    rows.finish()
}

/// One record as it lies in the message.
#[derive(Default)]
struct Record<'a> {
    time: u64,
    observed_time: u64,
    severity_number: u64,
    severity_text: &'a [u8],
    body: Option<AnyValue<'a>>,
    attributes: Vec<KeyValue<'a>>,
    dropped_attributes: u64,
    trace_id: &'a [u8],
    span_id: &'a [u8],
    event_name: &'a [u8],
}

impl<'a> Record<'a> {
    fn read(mut fields: Message<'a>) -> Result<Self, WireError> {
        let mut record = Record::default();
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => record.time = field.fixed64()?,
                2 => record.severity_number = field.varint()?,
                3 => record.severity_text = field.bytes()?,
                5 => record.body = Some(AnyValue::read(field.bytes()?)?),
                6 => record.attributes.push(KeyValue::read(field.bytes()?)?),
                7 => record.dropped_attributes = field.varint()?,
                9 => record.trace_id = field.bytes()?,
                10 => record.span_id = field.bytes()?,
                11 => record.observed_time = field.fixed64()?,
                12 => record.event_name = field.bytes()?,
                _ => {}
            }
        }
        Ok(record)
    }

    /// Lambda's request id, if the attributes carry one.
    fn request_id(&self) -> &'a [u8] {
        let found = self.attributes.iter().find_map(|pair| match *pair {
            KeyValue {
                key: b"faas.invocation_id",
                value: AnyValue::Text(id),
            } => Some(id),
            _ => None,
        });
        found.unwrap_or_default()
    }
}

/// The columns of `logs`.
struct Rows<'a> {
    log_id: BytesColumn,
    time: NumberColumn<i64>,
    observed_time: NumberColumn<i64>,
    severity_number: NumberColumn<i64>,
    severity_text: BytesColumn,
    body: BytesColumn,
    trace_id: BytesColumn,
    span_id: BytesColumn,
    event_name: BytesColumn,
    service_name: BytesColumn,
    scope_name: BytesColumn,
    source: BytesColumn,
    log_group: BytesColumn,
    log_stream: BytesColumn,
    request_id: BytesColumn,
    resource: SharedColumn,
    attributes: AttributeColumns<'a>,
    equal: HashMap<u128, u64>,
    scratch: Vec<u8>,
    notes: Notes,
}

impl<'a> Rows<'a> {
    fn new(promotion: Promotion, rows: usize) -> Self {
        let bytes = |each| BytesColumn::new(rows, each);
        let numbers = || NumberColumn::new(rows);
        Rows {
            log_id: bytes(16),
            time: numbers(),
            observed_time: numbers(),
            severity_number: numbers(),
            severity_text: bytes(5),
            body: bytes(64),
            trace_id: bytes(16),
            span_id: bytes(8),
            event_name: bytes(0),
            service_name: bytes(12),
            scope_name: bytes(16),
            source: bytes(4),
            log_group: bytes(0),
            log_stream: bytes(0),
            request_id: bytes(0),
            resource: SharedColumn::new(rows),
            attributes: AttributeColumns::new(promotion, rows),
            equal: HashMap::new(),
            scratch: Vec::new(),
            notes: Notes::default(),
        }
    }

    fn push(
        &mut self,
        resource: &Resource,
        scope: &Scope<'a>,
        record: &Record<'a>,
    ) -> Result<(), WireError> {
        let group = resource.log_group.len() + resource.log_stream.len();
        let common = Common {
            shared: resource.json.len(),
            copied: resource.service_name.len() + group + scope.name.len() + scope.len,
        };
        let times = nanos(record.time).and_then(|time| Ok((time, nanos(record.observed_time)?)));
        let checked = times.and_then(|times| {
            self.notes
                .admit(common, self.attributes.width())
                .map(|()| times)
        });
        let (time, observed) = match checked {
            Ok(times) => times,
            Err(reason) => {
                self.notes.reject(reason);
                return Ok(());
            }
        };
        // OTLP: who has no time of the event takes the time at which it was observed.
        self.time.push(if time == 0 { observed } else { time });
        self.observed_time.push_or_null(observed);
        self.push_own(record)?;
        self.service_name.push(&resource.service_name);
        self.scope_name.push_or_null(scope.name);
        self.log_group.push_or_null(resource.log_group);
        self.log_stream.push_or_null(resource.log_stream);
        self.resource.push(resource.place);
        self.push_attributes(scope, record)?;
        self.push_identity(resource, scope, record)
    }

    fn push_own(&mut self, record: &Record<'a>) -> Result<(), WireError> {
        let severity = i64::try_from(record.severity_number).unwrap_or_default();
        self.severity_number.push(severity.min(24));
        self.severity_text.push_or_null(record.severity_text);
        match record.body {
            None | Some(AnyValue::Empty) => self.body.push(&[]),
            Some(AnyValue::Text(text)) => self.body.push(text),
            Some(value) => {
                value.write_json(self.body.open())?;
                self.body.commit();
            }
        }
        let (trace_id, span_id) = (record.trace_id, record.span_id);
        let names_trace = trace_id.len() == 16 && trace_id != [0; 16];
        let names_span = span_id.len() == 8 && span_id != [0; 8];
        // OTLP: a record with an id that is none belongs to no trace.
        for (id, length) in [(trace_id, 16), (span_id, 8)] {
            if !id.is_empty() && id.len() != length {
                self.notes.change(
                    "trace or span id was not of its length and left out",
                    "trace or span ids were not of their length and left out",
                    1,
                );
            }
        }
        self.trace_id
            .push_or_null(if names_trace { trace_id } else { &[] });
        self.span_id
            .push_or_null(if names_span { span_id } else { &[] });
        self.event_name.push_or_null(record.event_name);
        self.source.push(b"otlp");
        self.request_id.push_or_null(record.request_id());
        Ok(())
    }

    fn push_attributes(&mut self, scope: &Scope<'a>, record: &Record<'a>) -> Result<(), WireError> {
        for pair in &record.attributes {
            self.attributes.add(*pair)?;
        }
        for (key, value) in &scope.attributes {
            self.attributes.add_rest(key, *value)?;
        }
        if record.dropped_attributes > 0 {
            let count = AnyValue::Int(record.dropped_attributes.cast_signed());
            self.attributes
                .add_rest(b"otel.dropped_attributes_count", count)?;
        }
        self.attributes.end_row();
        Ok(())
    }

    fn push_identity(
        &mut self,
        resource: &Resource,
        scope: &Scope,
        record: &Record,
    ) -> Result<(), WireError> {
        let mut hash = Xxh3::new();
        let mut part = |bytes: &[u8]| {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(&resource.service_name);
        part(&resource.json);
        part(scope.name);
        part(&record.time.to_le_bytes());
        part(&record.observed_time.to_le_bytes());
        part(&record.severity_number.to_le_bytes());
        part(record.severity_text);
        part(record.trace_id);
        part(record.span_id);
        part(record.event_name);
        self.scratch.clear();
        record
            .body
            .unwrap_or(AnyValue::Empty)
            .write_json(&mut self.scratch)?;
        part(&self.scratch);
        for pair in &record.attributes {
            self.scratch.clear();
            pair.value.write_json(&mut self.scratch)?;
            part(pair.key);
            part(&self.scratch);
        }
        let content = hash.digest128();
        let count = self.equal.entry(content).or_default();
        hash.update(&count.to_le_bytes());
        *count += 1;
        self.log_id.push(&hash.digest128().to_be_bytes());
        Ok(())
    }

    fn finish(mut self) -> Result<Decoded, DecodeError> {
        let mut replaced = 0;
        let (promoted, rest) = self.attributes.finish(&mut replaced);
        let resource = self.resource.finish(&mut replaced)?;
        let mut text = |column: BytesColumn| column.text(&mut replaced);
        let base: Vec<ArrayRef> = vec![
            self.log_id.binary(),
            self.time.finish(),
            self.observed_time.finish(),
            self.severity_number.finish(),
            text(self.severity_text),
            text(self.body),
            self.trace_id.binary(),
            self.span_id.binary(),
            text(self.event_name),
            text(self.service_name),
            text(self.scope_name),
            text(self.source),
            text(self.log_group),
            text(self.log_stream),
            text(self.request_id),
            resource,
            rest,
        ];
        self.notes.change(REPAIRED.0, REPAIRED.1, replaced);
        let batch = super::batch(Table::Logs, base, promoted)?;
        Ok(self.notes.decoded(batch, "log record"))
    }
}
