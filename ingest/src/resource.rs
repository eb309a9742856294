//! What the rows of one `ResourceSpans` or `ResourceLogs` share: resource and scope.

use crate::{
    value::{AnyValue, KeyValue, Separated},
    wire::{Message, WireError},
};

/// OpenTelemetry's name for a service that does not say its own.
const UNKNOWN_SERVICE: &[u8] = b"unknown_service";

/// A resource, encoded once for all its rows.
#[derive(Default)]
pub(crate) struct Resource<'a> {
    /// `service.name`, else the function's name.
    pub(crate) service_name: Vec<u8>,
    /// The other attributes as a JSON object; empty if there are none.
    pub(crate) json: Vec<u8>,
    /// Its number in the column of resources.
    pub(crate) place: Option<i32>,
    /// That of its service in the column of services.
    pub(crate) service_place: Option<i32>,
    /// CloudWatch log group and stream, if the attributes name them.
    pub(crate) log_group: &'a [u8],
    pub(crate) log_stream: &'a [u8],
}

impl<'a> Resource<'a> {
    /// Reads the `Resource` message in field 1 of `outer`.
    pub(crate) fn of(outer: Message<'a>) -> Result<Self, WireError> {
        let mut resource = Resource::default();
        let mut function_name: &[u8] = &[];
        let mut json = Separated::open(b'{', &mut resource.json);
        let mut fields = inner(outer)?;
        while let Some((number, field)) = fields.next()? {
            if number != 1 {
                continue;
            }
            let KeyValue { key, value } = KeyValue::read(field.bytes()?)?;
            match (key, value) {
                (b"service.name", AnyValue::Text(name)) if resource.service_name.is_empty() => {
                    resource.service_name = name.to_vec();
                    continue;
                }
                (b"faas.name", AnyValue::Text(name)) => function_name = name,
                (b"aws.log.group.names", names) => resource.log_group = first_text(names)?,
                (b"aws.log.stream.names", names) => resource.log_stream = first_text(names)?,
                _ => {}
            }
            value.write_json(json.key(key))?;
        }
        json.close(b'}');
        if resource.json == b"{}" {
            resource.json.clear();
        }
        if resource.service_name.is_empty() {
            let named = !function_name.is_empty();
            let name = if named {
                function_name
            } else {
                UNKNOWN_SERVICE
            };
            resource.service_name = name.to_vec();
        }
        Ok(resource)
    }
}

/// An instrumentation scope.
#[derive(Default)]
pub(crate) struct Scope<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) version: &'a [u8],
    /// Their numbers in the columns of scopes.
    pub(crate) name_place: Option<i32>,
    pub(crate) version_place: Option<i32>,
    /// Its attributes, named as OpenTelemetry names those of formats without a scope.
    pub(crate) attributes: Vec<(Vec<u8>, AnyValue<'a>)>,
    /// How many bytes of attributes are written into every row of the scope.
    pub(crate) len: usize,
}

impl<'a> Scope<'a> {
    /// Reads the `InstrumentationScope` message in field 1 of `outer`.
    pub(crate) fn of(outer: Message<'a>) -> Result<Self, WireError> {
        let mut scope = Scope::default();
        let mut fields = inner(outer)?;
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => scope.name = field.bytes()?,
                2 => scope.version = field.bytes()?,
                3 => {
                    let bytes = field.bytes()?;
                    let pair = KeyValue::read(bytes)?;
                    scope.len += bytes.len();
                    let key = [b"otel.scope.".as_slice(), pair.key].concat();
                    scope.attributes.push((key, pair.value));
                }
                _ => {}
            }
        }
        Ok(scope)
    }

    /// Bytes of its name and version.
    pub(crate) fn named(&self) -> usize {
        self.name.len() + self.version.len()
    }
}

/// The message in field 1; empty if there is none.
fn inner(mut outer: Message) -> Result<Message, WireError> {
    let mut found = Message::new(&[]);
    while let Some((number, field)) = outer.next()? {
        if number == 1 {
            found = field.message()?;
        }
    }
    Ok(found)
}

/// The text, or the first text of a list.
fn first_text(value: AnyValue<'_>) -> Result<&[u8], WireError> {
    match value {
        AnyValue::Text(text) => Ok(text),
        AnyValue::Array(bytes) => match Message::new(bytes).next()? {
            Some((1, field)) => match AnyValue::read(field.bytes()?)? {
                AnyValue::Text(text) => Ok(text),
                _ => Ok(&[]),
            },
            _ => Ok(&[]),
        },
        _ => Ok(&[]),
    }
}
