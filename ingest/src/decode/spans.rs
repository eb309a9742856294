//! `ExportTraceServiceRequest` → rows of `spans`.
//!
//! Field numbers: `opentelemetry/proto/trace/v1/trace.proto`.

use super::{Common, DecodeError, Decoded, Notes, REPAIRED, nanos};
use crate::{
    attributes::AttributeColumns,
    columns::{BytesColumn, NumberColumn, SharedColumn},
    promotion::Promotion,
    resource::{Resource, Scope},
    value::{AnyValue, KeyValue, Separated, write_display, write_json_hex, write_json_text},
    wire::{Message, WireError},
};
use arrow::array::ArrayRef;
use store::Table;

const KINDS: [&str; 6] = [
    "unspecified",
    "internal",
    "server",
    "client",
    "producer",
    "consumer",
];
const STATUSES: [&str; 3] = ["unset", "ok", "error"];

pub(super) fn decode(request: &[u8], promotion: &Promotion) -> Result<Decoded, DecodeError> {
    let mut rows = Rows::new(promotion.clone(), super::count(request)?);
    let mut span = Span::default();
    let mut message = Message::new(request);
    while let Some((number, field)) = message.next()? {
        if number != 1 {
            continue;
        }
        let resource_spans = field.message()?;
        let mut resource = Resource::of(resource_spans)?;
        resource.place = rows.resource.share(&resource.json);
        resource.service_place = rows.service_name.share(&resource.service_name);
        rows.notes
            .hold(resource.json.len() + resource.service_name.len());
        let mut scopes = resource_spans;
        while let Some((number, field)) = scopes.next()? {
            if number != 2 {
                continue;
            }
            let scope_spans = field.message()?;
            let mut scope = Scope::of(scope_spans)?;
            scope.name_place = rows.scope_name.share(scope.name);
            scope.version_place = rows.scope_version.share(scope.version);
            rows.notes.hold(scope.named());
            let mut spans = scope_spans;
            while let Some((number, field)) = spans.next()? {
                if number == 2 {
                    span.read(field.message()?)?;
                    rows.push(&resource, &scope, &span)?;
                }
            }
        }
    }
    rows.finish()
}

/// One span as it lies in the message.
#[derive(Default)]
struct Span<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_span_id: &'a [u8],
    trace_state: &'a [u8],
    flags: u32,
    name: &'a [u8],
    kind: u64,
    start: u64,
    end: u64,
    status_code: u64,
    status_message: &'a [u8],
    attributes: Vec<&'a [u8]>,
    events: Vec<&'a [u8]>,
    links: Vec<&'a [u8]>,
    dropped_attributes: u64,
    dropped_events: u64,
    dropped_links: u64,
}

impl<'a> Span<'a> {
    /// Forgets the last span, keeping the lists' memory, and reads this one.
    fn read(&mut self, mut fields: Message<'a>) -> Result<(), WireError> {
        self.attributes.clear();
        self.events.clear();
        self.links.clear();
        *self = Span {
            attributes: std::mem::take(&mut self.attributes),
            events: std::mem::take(&mut self.events),
            links: std::mem::take(&mut self.links),
            ..Span::default()
        };
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => self.trace_id = field.bytes()?,
                2 => self.span_id = field.bytes()?,
                3 => self.trace_state = field.bytes()?,
                4 => self.parent_span_id = field.bytes()?,
                5 => self.name = field.bytes()?,
                6 => self.kind = field.varint()?,
                7 => self.start = field.fixed64()?,
                8 => self.end = field.fixed64()?,
                9 => self.attributes.push(field.bytes()?),
                10 => self.dropped_attributes = field.varint()?,
                11 => self.events.push(field.bytes()?),
                12 => self.dropped_events = field.varint()?,
                13 => self.links.push(field.bytes()?),
                14 => self.dropped_links = field.varint()?,
                15 => self.read_status(field.message()?)?,
                16 => self.flags = field.fixed32()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_status(&mut self, mut fields: Message<'a>) -> Result<(), WireError> {
        while let Some((number, field)) = fields.next()? {
            match number {
                2 => self.status_message = field.bytes()?,
                3 => self.status_code = field.varint()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Why it cannot be kept, else start and end.
    fn check(&self) -> Result<(i64, i64), &'static str> {
        if self.trace_id.len() != 16 || self.trace_id == [0; 16] {
            return Err("the trace id is not 16 bytes other than zero");
        }
        if self.span_id.len() != 8 || self.span_id == [0; 8] {
            return Err("the span id is not 8 bytes other than zero");
        }
        Ok((nanos(self.start)?, nanos(self.end)?))
    }
}

/// The columns of `spans`.
struct Rows<'a> {
    trace_id: BytesColumn,
    span_id: BytesColumn,
    parent_span_id: BytesColumn,
    service_name: SharedColumn,
    name: BytesColumn,
    kind: BytesColumn,
    start_time: NumberColumn<i64>,
    duration_ns: NumberColumn<i64>,
    status_code: SharedColumn,
    status_message: BytesColumn,
    scope_name: SharedColumn,
    scope_version: SharedColumn,
    trace_state: BytesColumn,
    flags: NumberColumn<i64>,
    source: SharedColumn,
    resource: SharedColumn,
    events: BytesColumn,
    links: BytesColumn,
    attributes: AttributeColumns<'a>,
    notes: Notes,
}

impl<'a> Rows<'a> {
    fn new(promotion: Promotion, rows: usize) -> Self {
        let bytes = |each| BytesColumn::new(rows, each);
        let shared = || SharedColumn::new(rows);
        let numbers = || NumberColumn::new(rows);
        Rows {
            trace_id: bytes(16),
            span_id: bytes(8),
            parent_span_id: bytes(8),
            service_name: shared(),
            name: bytes(24),
            kind: bytes(8),
            start_time: numbers(),
            duration_ns: numbers(),
            status_code: SharedColumn::of(&STATUSES, rows),
            status_message: bytes(0),
            scope_name: shared(),
            scope_version: shared(),
            trace_state: bytes(0),
            flags: numbers(),
            source: SharedColumn::of(&["otlp"], rows),
            resource: shared(),
            events: bytes(0),
            links: bytes(0),
            attributes: AttributeColumns::new(promotion, rows),
            notes: Notes::default(),
        }
    }

    fn push(
        &mut self,
        resource: &Resource,
        scope: &Scope<'a>,
        span: &Span<'a>,
    ) -> Result<(), WireError> {
        let common = Common {
            shared: resource.json.len() + resource.service_name.len() + scope.named(),
            copied: scope.len,
        };
        let checked = span.check().and_then(|times| {
            self.notes
                .admit(common, self.attributes.width())
                .map(|()| times)
        });
        let (start, end) = match checked {
            Ok(times) => times,
            Err(reason) => {
                self.notes.reject(reason);
                return Ok(());
            }
        };
        self.push_own(span, start, end);
        self.service_name.push(resource.service_place);
        self.resource.push(resource.place);
        self.scope_name.push(scope.name_place);
        self.scope_version.push(scope.version_place);
        self.push_attributes(scope, span, start, end)?;
        push_list(&mut self.events, &span.events, write_event)?;
        push_list(&mut self.links, &span.links, write_link)
    }

    fn push_own(&mut self, span: &Span, start: i64, end: i64) {
        self.trace_id.push(span.trace_id);
        self.span_id.push(span.span_id);
        let parent = span.parent_span_id;
        let has_parent = parent.len() == 8 && parent != [0; 8];
        self.parent_span_id
            .push_or_null(if has_parent { parent } else { &[] });
        if !parent.is_empty() && parent.len() != 8 {
            self.notes.change(
                "parent span id was not 8 bytes and left out",
                "parent span ids were not 8 bytes and left out",
                1,
            );
        }
        self.name.push(span.name);
        self.kind.push(word(&KINDS, span.kind));
        self.start_time.push(start);
        self.duration_ns.push(end.saturating_sub(start).max(0));
        self.status_code
            .push(Some(number(&STATUSES, span.status_code)));
        self.status_message.push_or_null(span.status_message);
        self.trace_state.push_or_null(span.trace_state);
        self.flags.push_or_null(i64::from(span.flags));
        self.source.push(Some(0));
    }

    fn push_attributes(
        &mut self,
        scope: &Scope<'a>,
        span: &Span<'a>,
        start: i64,
        end: i64,
    ) -> Result<(), WireError> {
        for bytes in &span.attributes {
            self.attributes.add(KeyValue::read(bytes)?)?;
        }
        for (key, value) in &scope.attributes {
            self.attributes.add_rest(key, *value)?;
        }
        // Names of OpenTelemetry's mapping to formats that lack these fields.
        for (key, count) in [
            ("otel.dropped_attributes_count", span.dropped_attributes),
            ("otel.dropped_events_count", span.dropped_events),
            ("otel.dropped_links_count", span.dropped_links),
        ] {
            if count > 0 {
                let count = AnyValue::Int(count.cast_signed());
                self.attributes.add_rest(key.as_bytes(), count)?;
            }
        }
        if end < start {
            let end = AnyValue::Int(end);
            self.attributes.add_rest(b"inquest.end_time", end)?;
            self.notes.change(
                "span ends before it starts: its duration is 0, the end is in inquest.end_time",
                "spans end before they start: their duration is 0, the end is in inquest.end_time",
                1,
            );
        }
        self.attributes.end_row();
        Ok(())
    }

    fn finish(mut self) -> Result<Decoded, DecodeError> {
        let mut replaced = 0;
        let (promoted, rest) = self.attributes.finish(&mut replaced);
        let mut shared = |column: SharedColumn| column.finish(&mut replaced);
        let service_name = shared(self.service_name)?;
        let status_code = shared(self.status_code)?;
        let scope_name = shared(self.scope_name)?;
        let scope_version = shared(self.scope_version)?;
        let source = shared(self.source)?;
        let resource = shared(self.resource)?;
        let mut text = |column: BytesColumn| column.text(&mut replaced);
        let base: Vec<ArrayRef> = vec![
            self.trace_id.binary(),
            self.span_id.binary(),
            self.parent_span_id.binary(),
            service_name,
            text(self.name),
            text(self.kind),
            self.start_time.finish(),
            self.duration_ns.finish(),
            status_code,
            text(self.status_message),
            scope_name,
            scope_version,
            text(self.trace_state),
            self.flags.finish(),
            source,
            resource,
            text(self.events),
            text(self.links),
            rest,
        ];
        self.notes.change(REPAIRED.0, REPAIRED.1, replaced);
        let batch = super::batch(Table::Spans, base, promoted)?;
        Ok(self.notes.decoded(batch, "span"))
    }
}

/// The place of a word in its list.
fn number(words: &[&'static str], number: u64) -> i32 {
    let known = (number as usize) < words.len() && number <= 64;
    if known { number as i32 } else { 0 }
}

fn word(words: &[&'static str], number: u64) -> &'static [u8] {
    let index = usize::try_from(number).unwrap_or_default();
    words.get(index).unwrap_or(&words[0]).as_bytes()
}

/// A JSON array of `messages`, null if there are none.
fn push_list(
    column: &mut BytesColumn,
    messages: &[&[u8]],
    write: fn(Message, &mut Vec<u8>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    if messages.is_empty() {
        column.push_nulls(1);
        return Ok(());
    }
    let mut list = Separated::open(b'[', column.open());
    for bytes in messages {
        list.separate();
        write(Message::new(bytes), list.out)?;
    }
    list.close(b']');
    column.commit();
    Ok(())
}

/// A `Span.Event` as serde writes [`model::SpanEvent`].
fn write_event(message: Message, out: &mut Vec<u8>) -> Result<(), WireError> {
    let (mut time, mut name): (u64, &[u8]) = (0, &[]);
    let mut fields = message;
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => time = field.fixed64()?,
            2 => name = field.bytes()?,
            _ => {}
        }
    }
    let mut event = Separated::open(b'{', out);
    write_display(nanos(time).unwrap_or(i64::MAX), event.key(b"time"));
    write_json_text(name, event.key(b"name"));
    write_attributes(message, 3, event.key(b"attributes"))?;
    event.close(b'}');
    Ok(())
}

/// A `Span.Link` as serde writes [`model::Link`].
fn write_link(message: Message, out: &mut Vec<u8>) -> Result<(), WireError> {
    let (mut trace_id, mut span_id, mut trace_state) = ([0; 16], [0; 8], &[] as &[u8]);
    let mut fields = message;
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => trace_id = field.bytes()?.try_into().unwrap_or_default(),
            2 => span_id = field.bytes()?.try_into().unwrap_or_default(),
            3 => trace_state = field.bytes()?,
            _ => {}
        }
    }
    let mut link = Separated::open(b'{', out);
    write_json_hex(&trace_id, link.key(b"trace_id"));
    write_json_hex(&span_id, link.key(b"span_id"));
    if !trace_state.is_empty() {
        write_json_text(trace_state, link.key(b"trace_state"));
    }
    write_attributes(message, 4, link.key(b"attributes"))?;
    link.close(b'}');
    Ok(())
}

/// The attributes in field `at` of a message as a JSON object.
fn write_attributes(mut fields: Message, at: u32, out: &mut Vec<u8>) -> Result<(), WireError> {
    let mut object = Separated::open(b'{', out);
    while let Some((number, field)) = fields.next()? {
        if number == at {
            let pair = KeyValue::read(field.bytes()?)?;
            pair.value.write_json(object.key(pair.key))?;
        }
    }
    object.close(b'}');
    Ok(())
}
