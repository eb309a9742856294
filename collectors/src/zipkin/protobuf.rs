//! `zipkin.proto3.ListOfSpans`. Field numbers: openzipkin/zipkin-api `zipkin.proto`.

use super::{
    Error, MOST_SPANS, Spans,
    span::{Annotation, Endpoint, ZipkinSpan},
};
use crate::wire::{Broken, Fields, Wire};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

const KINDS: [&str; 5] = ["", "CLIENT", "SERVER", "PRODUCER", "CONSUMER"];

pub(super) fn read(body: &[u8]) -> Result<Spans, Error> {
    let wrong = |error: Broken| Error::Protobuf(error.to_string());
    let mut list = Fields(body);
    let mut spans = Spans::default();
    let mut at = 0;
    while let Some((number, field)) = list.next().map_err(wrong)? {
        let Wire::Bytes(message) = field else {
            return Err(Error::Protobuf("it holds something else than spans".into()));
        };
        if number != 1 {
            continue;
        }
        if at == MOST_SPANS {
            let reason = format!("more than {MOST_SPANS} spans: send smaller batches");
            return Err(Error::Protobuf(reason));
        }
        let read = span(message).map_err(|error| error.to_string());
        spans.add(at, read.and_then(|span| Ok(vec![span.into_span()?])));
        at += 1;
    }
    Ok(spans)
}

fn span(message: &[u8]) -> Result<ZipkinSpan, Broken> {
    let mut span = ZipkinSpan::default();
    let mut annotations = Vec::new();
    let mut tags = BTreeMap::new();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => span.trace_id = hex(field.bytes()),
            2 => span.parent_id = Some(hex(field.bytes())),
            3 => span.id = hex(field.bytes()),
            4 => {
                let kind = usize::try_from(field.number()).unwrap_or_default();
                span.kind = KINDS.get(kind).map(|word| (*word).to_owned());
            }
            5 => span.name = Some(field.text()),
            6 => span.timestamp = i64::try_from(field.number()).ok(),
            7 => span.duration = i64::try_from(field.number()).ok(),
            8 => span.local_endpoint = Some(endpoint(field.bytes())?),
            9 => span.remote_endpoint = Some(endpoint(field.bytes())?),
            10 => annotations.push(annotation(field.bytes())?),
            11 => {
                let (key, value) = tag(field.bytes())?;
                tags.insert(key, value.into());
            }
            12 => span.debug = Some(field.number() != 0),
            13 => span.shared = Some(field.number() != 0),
            _ => {}
        }
    }
    span.annotations = Some(annotations);
    span.tags = Some(tags);
    Ok(span)
}

fn endpoint(message: &[u8]) -> Result<Endpoint, Broken> {
    let mut endpoint = Endpoint::default();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => endpoint.service_name = Some(field.text()),
            2 => endpoint.ipv4 = <[u8; 4]>::try_from(field.bytes()).ok().map(v4),
            3 => endpoint.ipv6 = <[u8; 16]>::try_from(field.bytes()).ok().map(v6),
            4 => endpoint.port = i64::try_from(field.number()).ok(),
            _ => {}
        }
    }
    Ok(endpoint)
}

pub(super) fn v4(bytes: [u8; 4]) -> String {
    Ipv4Addr::from(bytes).to_string()
}

pub(super) fn v6(bytes: [u8; 16]) -> String {
    Ipv6Addr::from(bytes).to_string()
}

fn annotation(message: &[u8]) -> Result<Annotation, Broken> {
    let mut annotation = Annotation::default();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => annotation.timestamp = i64::try_from(field.number()).ok(),
            2 => annotation.value = field.text(),
            _ => {}
        }
    }
    Ok(annotation)
}

fn tag(message: &[u8]) -> Result<(String, String), Broken> {
    let (mut key, mut value) = (String::new(), String::new());
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.text(),
            2 => value = field.text(),
            _ => {}
        }
    }
    Ok((key, value))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
