//! The messages of OTLP traces and logs: member names, field numbers and types.

use std::borrow::Cow;

/// A message.
pub(super) struct Shape {
    /// Its name in OTLP.
    pub(super) name: &'static str,
    members: &'static [Member],
}

/// A field of a message.
pub(super) struct Member {
    /// `lowerCamelCase`.
    pub(super) name: &'static str,
    pub(super) number: u64,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Bytes of that length, written in hex digits.
    Id(usize),
    Base64,
    Varint,
    Fixed64,
    Fixed32,
    Double,
    Bool,
    /// A number that has names.
    Enum(&'static [(&'static str, u64)]),
    Message(&'static Shape),
}

impl Shape {
    /// The member of that name in `lowerCamelCase` or `snake_case`.
    pub(super) fn member(&self, name: &str) -> Option<&'static Member> {
        let camel = match name.contains('_') {
            true => Cow::Owned(camel_case(name)),
            false => Cow::Borrowed(name),
        };
        self.members.iter().find(|member| member.name == camel)
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

const fn one(number: u64, name: &'static str, kind: Kind) -> Member {
    Member {
        name,
        number,
        kind,
        repeated: false,
    }
}
const fn many(number: u64, name: &'static str, shape: &'static Shape) -> Member {
    Member {
        name,
        number,
        kind: Kind::Message(shape),
        repeated: true,
    }
}
const fn message(number: u64, name: &'static str, shape: &'static Shape) -> Member {
    one(number, name, Kind::Message(shape))
}

pub(super) static TRACES: Shape = Shape {
    name: "ExportTraceServiceRequest",
    members: &[many(1, "resourceSpans", &RESOURCE_SPANS)],
};

pub(super) static LOGS: Shape = Shape {
    name: "ExportLogsServiceRequest",
    members: &[many(1, "resourceLogs", &RESOURCE_LOGS)],
};

static RESOURCE_SPANS: Shape = Shape {
    name: "ResourceSpans",
    members: &[
        message(1, "resource", &RESOURCE),
        many(2, "scopeSpans", &SCOPE_SPANS),
        one(3, "schemaUrl", Kind::Text),
    ],
};

static RESOURCE_LOGS: Shape = Shape {
    name: "ResourceLogs",
    members: &[
        message(1, "resource", &RESOURCE),
        many(2, "scopeLogs", &SCOPE_LOGS),
        one(3, "schemaUrl", Kind::Text),
    ],
};

static RESOURCE: Shape = Shape {
    name: "Resource",
    members: &[
        many(1, "attributes", &KEY_VALUE),
        one(2, "droppedAttributesCount", Kind::Varint),
    ],
};

static SCOPE_SPANS: Shape = Shape {
    name: "ScopeSpans",
    members: &[
        message(1, "scope", &SCOPE),
        many(2, "spans", &SPAN),
        one(3, "schemaUrl", Kind::Text),
    ],
};

static SCOPE_LOGS: Shape = Shape {
    name: "ScopeLogs",
    members: &[
        message(1, "scope", &SCOPE),
        many(2, "logRecords", &LOG_RECORD),
        one(3, "schemaUrl", Kind::Text),
    ],
};

static SCOPE: Shape = Shape {
    name: "InstrumentationScope",
    members: &[
        one(1, "name", Kind::Text),
        one(2, "version", Kind::Text),
        many(3, "attributes", &KEY_VALUE),
        one(4, "droppedAttributesCount", Kind::Varint),
    ],
};

static SPAN: Shape = Shape {
    name: "Span",
    members: &[
        one(1, "traceId", Kind::Id(16)),
        one(2, "spanId", Kind::Id(8)),
        one(3, "traceState", Kind::Text),
        one(4, "parentSpanId", Kind::Id(8)),
        one(5, "name", Kind::Text),
        one(6, "kind", Kind::Enum(SPAN_KINDS)),
        one(7, "startTimeUnixNano", Kind::Fixed64),
        one(8, "endTimeUnixNano", Kind::Fixed64),
        many(9, "attributes", &KEY_VALUE),
        one(10, "droppedAttributesCount", Kind::Varint),
        many(11, "events", &EVENT),
        one(12, "droppedEventsCount", Kind::Varint),
        many(13, "links", &LINK),
        one(14, "droppedLinksCount", Kind::Varint),
        message(15, "status", &STATUS),
        one(16, "flags", Kind::Fixed32),
    ],
};

static EVENT: Shape = Shape {
    name: "Span.Event",
    members: &[
        one(1, "timeUnixNano", Kind::Fixed64),
        one(2, "name", Kind::Text),
        many(3, "attributes", &KEY_VALUE),
        one(4, "droppedAttributesCount", Kind::Varint),
    ],
};

static LINK: Shape = Shape {
    name: "Span.Link",
    members: &[
        one(1, "traceId", Kind::Id(16)),
        one(2, "spanId", Kind::Id(8)),
        one(3, "traceState", Kind::Text),
        many(4, "attributes", &KEY_VALUE),
        one(5, "droppedAttributesCount", Kind::Varint),
        one(6, "flags", Kind::Fixed32),
    ],
};

static STATUS: Shape = Shape {
    name: "Status",
    members: &[
        one(2, "message", Kind::Text),
        one(3, "code", Kind::Enum(STATUS_CODES)),
    ],
};

static LOG_RECORD: Shape = Shape {
    name: "LogRecord",
    members: &[
        one(1, "timeUnixNano", Kind::Fixed64),
        one(2, "severityNumber", Kind::Enum(SEVERITIES)),
        one(3, "severityText", Kind::Text),
        message(5, "body", &ANY_VALUE),
        many(6, "attributes", &KEY_VALUE),
        one(7, "droppedAttributesCount", Kind::Varint),
        one(8, "flags", Kind::Fixed32),
        one(9, "traceId", Kind::Id(16)),
        one(10, "spanId", Kind::Id(8)),
        one(11, "observedTimeUnixNano", Kind::Fixed64),
        one(12, "eventName", Kind::Text),
    ],
};

static KEY_VALUE: Shape = Shape {
    name: "KeyValue",
    members: &[one(1, "key", Kind::Text), message(2, "value", &ANY_VALUE)],
};

static ANY_VALUE: Shape = Shape {
    name: "AnyValue",
    members: &[
        one(1, "stringValue", Kind::Text),
        one(2, "boolValue", Kind::Bool),
        one(3, "intValue", Kind::Varint),
        one(4, "doubleValue", Kind::Double),
        message(5, "arrayValue", &ARRAY),
        message(6, "kvlistValue", &KEY_VALUES),
        one(7, "bytesValue", Kind::Base64),
    ],
};

static ARRAY: Shape = Shape {
    name: "ArrayValue",
    members: &[many(1, "values", &ANY_VALUE)],
};

static KEY_VALUES: Shape = Shape {
    name: "KeyValueList",
    members: &[many(1, "values", &KEY_VALUE)],
};

const SPAN_KINDS: &[(&str, u64)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

const STATUS_CODES: &[(&str, u64)] = &[
    ("STATUS_CODE_UNSET", 0),
    ("STATUS_CODE_OK", 1),
    ("STATUS_CODE_ERROR", 2),
];

const SEVERITIES: &[(&str, u64)] = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];
