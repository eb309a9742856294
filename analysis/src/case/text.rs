//! What the words of an error mean.

use model::Category;

use super::marks::MARKS;
pub(crate) use super::marks::Topic;
pub(crate) use super::signs::{is_death, is_of_pass, no_such_image, ran_out, stumbles};

/// The first family that the words belong to. Long messages are read at their beginning and end.
pub(crate) fn topic(words: &str) -> Option<Topic> {
    let lower = shortened(words).to_lowercase();
    match by_marks(&lower) {
        // `401 {"error":"invalid_client"}`: what somebody answers to who asks tells more than that something is invalid.
        Some(Topic::Data) => status_in(&lower).and_then(refusal).or(Some(Topic::Data)),
        None => by_status(status_in(&lower)?),
        found => found,
    }
}

/// What a status speaks of with which somebody turns down whoever asks, whatever he sent.
fn refusal(status: u16) -> Option<Topic> {
    by_status(status).filter(|it| matches!(it, Topic::Permission | Topic::Throttled))
}

/// True for a connection that did not come about in time, told by its network operation: Go's `dial tcp …: i/o timeout`.
/// Who waits for an answer has a connection.
fn dialled(lower: &str) -> bool {
    let dial = lower.find("dial tcp").or_else(|| lower.find("dial udp"));
    dial.is_some_and(|at| {
        let rest = &lower[at..];
        rest.contains("timeout") || rest.contains("timed out")
    })
}

/// A connection that ran out of time, however many words stand between: `TCP connect to 10.0.4.7:5432 timed out`.
fn connected_late(lower: &str) -> bool {
    const CONNECT: [&str; 9] = [
        "connect to ",
        "connecting to ",
        "connection to ",
        "tcp connect",
        "opening socket",
        "open socket",
        "establish connection",
        "establish a connection",
        "establishing connection",
    ];
    const LATE: [&str; 4] = ["timed out", "timeout", "time out", "etimedout"];
    const ANSWER: [&str; 6] = ["read", "respon", "answer", "header", "query", "reply"];
    CONNECT.iter().any(|mark| {
        lower.match_indices(mark).any(|(at, _)| {
            let rest = &lower[at + mark.len()..];
            let end = LATE.iter().filter_map(|it| rest.find(it)).min();
            end.is_some_and(|end| {
                let between = &rest[..end];
                end < 90
                    && !between.contains(['\n', ';'])
                    && !between.contains(". ")
                    && !ANSWER.iter().any(|it| between.contains(it))
            })
        })
    })
}

fn by_marks(lower: &str) -> Option<Topic> {
    let first = first_mark(lower);
    match first {
        None | Some(Topic::Timeout) if dialled(lower) || connected_late(lower) => {
            Some(Topic::Connection)
        }
        first => first,
    }
}

fn first_mark(lower: &str) -> Option<Topic> {
    MARKS
        .iter()
        .find(|(_, marks)| marks.iter().any(|mark| bears(lower, mark)))
        .map(|(topic, _)| *topic)
}

/// The words hold a mark, at the start of a word if it asks for that.
fn bears(lower: &str, mark: &str) -> bool {
    let Some(mark) = mark.strip_prefix('^') else {
        return lower.contains(mark);
    };
    let mut places = lower.match_indices(mark);
    places.any(|(at, _)| !lower[..at].ends_with(char::is_alphanumeric))
}

/// What an HTTP status by itself speaks of.
fn by_status(status: u16) -> Option<Topic> {
    match status {
        401 | 403 | 407 => Some(Topic::Permission),
        408 | 504 => Some(Topic::Timeout),
        413 | 414 => Some(Topic::TooLarge),
        429 => Some(Topic::Throttled),
        500 | 502 | 503 => Some(Topic::Unavailable),
        400 | 422 => Some(Topic::Data),
        _ => None,
    }
}

/// An HTTP status that a message tells as one: `StatusCode.401`, `(503)`, `responded with 502`. In lower case.
fn status_in(lower: &str) -> Option<u16> {
    const BEFORE: [&str; 9] = [
        "status",
        "code",
        "http",
        "answered",
        "responded",
        "returned",
        "response",
        "error",
        "with",
    ];
    let number = |token: &str| {
        token
            .parse::<u16>()
            .ok()
            .filter(|it| (400..600).contains(it))
    };
    let mut last = ["", ""];
    for token in lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|it| !it.is_empty())
    {
        let told = last
            .iter()
            .any(|word| BEFORE.iter().any(|mark| word.ends_with(mark)));
        if token.len() == 3
            && let Some(status) = number(token).filter(|_| told)
        {
            return Some(status);
        }
        last = [last[1], token];
    }
    None
}

/// True when the words belong to a family, whatever else they belong to.
pub(crate) fn is(words: &str, wanted: Topic) -> bool {
    let lower = shortened(words).to_lowercase();
    MARKS
        .iter()
        .filter(|(topic, _)| *topic == wanted)
        .any(|(_, marks)| marks.iter().any(|mark| bears(&lower, mark)))
        || match by_marks(&lower) {
            None => status_in(&lower).and_then(by_status) == Some(wanted),
            Some(Topic::Data) => status_in(&lower).and_then(refusal) == Some(wanted),
            Some(_) => false,
        }
}

/// True for words of a connection that was not made in time, as clients write it. Who waits for an answer has one.
pub(crate) fn is_connect_timeout(words: &str) -> bool {
    const MARKS: [&str; 23] = [
        "connect_timeout",
        "connect-timeout",
        "timeout of connect",
        "connection timed out",
        "connection establishment timed out",
        "timeout connecting",
        "timeout while connecting",
        "timeout during connect",
        "timeout establishing",
        "timed out connecting",
        "timed out while connecting",
        "timed out trying to connect",
        "timed out establishing",
        "failed: timeout expired",
        "connecttimeout",
        "connect timeout",
        "connect timed out",
        "connect etimedout",
        "connection attempt timed out",
        "timed out (connect timeout",
        "timeout: connect",
        "connecting timed out",
        "connectiontimeout",
    ];
    let lower = shortened(words).to_lowercase();
    dialled(&lower) || connected_late(&lower) || MARKS.iter().any(|mark| lower.contains(mark))
}

/// True for words with which a validator of schemas refuses a value: Ajv, zod, joi, yup, pydantic, jsonschema, Bean
/// Validation, FluentValidation, Go's validator, serde. They speak of what was given, not of code.
pub(crate) fn refuses_value(words: &str) -> bool {
    const MARKS: [&str; 58] = [
        "must match format",
        "must match pattern",
        "must match exactly one schema",
        "must have required property",
        "must not have additional properties",
        "must be equal to one of the allowed values",
        "must be equal to constant",
        "must be >=",
        "must be <=",
        "must be > ",
        "must be < ",
        "must not have fewer than",
        "must not have more than",
        "should have required property",
        "should match pattern",
        "should match format",
        "is a required property",
        "is a required field",
        "is not one of [",
        "is not one of the enum values",
        "does not match the regex",
        "does not match format",
        "is not a 'date",
        "is not valid under any of the given schemas",
        "additional properties are not allowed",
        "field required",
        "value_error.",
        "type=missing",
        "type=value_error",
        "input should be ",
        "validation error for ",
        "validation errors for ",
        "zoderror",
        "invalid_type",
        "\"expected\":",
        "invalid_enum_value",
        "invalid_string",
        "\" is required",
        "\" must be ",
        "\" is not allowed to be empty",
        "must not be null",
        "must not be blank",
        "must not be empty",
        "must be greater than",
        "must be positive",
        "must be a positive",
        "must not be negative",
        "cannot be negative",
        "must be less than",
        "size must be between",
        "must be a well-formed",
        "constraintviolation",
        "methodargumentnotvalid",
        "failed on the '",
        "missing field `",
        "unknown variant `",
        "is a required field",
        "schema validation failed",
    ];
    let lower = shortened(words).to_lowercase();
    let of_type = || lower.contains("is not of type '") || lower.contains("must be a `");
    MARKS.iter().any(|mark| lower.contains(mark)) || of_type() || is_must_be(&lower)
}

/// True for words with which a parser or a check of a field turns a text or a number down, whatever the language.
pub(crate) fn refuses_text(words: &str) -> bool {
    const MARKS: [&str; 29] = [
        "parsing time",
        "parse error",
        "parseerror",
        "parseexception",
        "cannot parse",
        "can't parse",
        "could not parse",
        "could not be parsed",
        "failed to parse",
        "unable to parse",
        "unparseable",
        "out of range",
        "outofrange",
        "for input string",
        "numberformatexception",
        "invalid literal",
        "invalid value",
        "invalid date",
        "invalid input",
        "invalid format",
        "formatexception",
        "not a valid ",
        "not in a correct format",
        "not recognized as a valid",
        "does not match format",
        "unconverted data remains",
        "could not convert string",
        "invalid syntax",
        "validation",
    ];
    let lower = shortened(words).to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// Ajv's `data/amount must be number`, with the place of the value before it.
fn is_must_be(lower: &str) -> bool {
    const KINDS: [&str; 7] = [
        "number", "integer", "string", "boolean", "object", "array", "null",
    ];
    lower.split("must be ").skip(1).any(|rest| {
        let word: String = rest
            .chars()
            .take_while(|c| c.is_ascii_alphabetic())
            .collect();
        KINDS.contains(&word.as_str())
    })
}

/// The category of a fault in a dependency that is told by such words.
pub(crate) fn category(topic: Option<Topic>) -> Category {
    match topic {
        Some(Topic::OutOfMemory) => Category::Memory,
        Some(Topic::Init) => Category::BadDeploy,
        Some(Topic::FunctionTimeout | Topic::Timeout) => Category::Latency,
        Some(Topic::Throttled | Topic::Pool | Topic::HistoryLimit | Topic::Space) => {
            Category::Capacity
        }
        Some(Topic::Permission) => Category::Permission,
        Some(Topic::TooLarge) => Category::DataSize,
        Some(Topic::Name | Topic::Connection) => Category::NetworkConfig,
        Some(Topic::Pull | Topic::HostLost) => Category::Infrastructure,
        Some(Topic::Heartbeat) => Category::LostMessage,
        Some(Topic::Path | Topic::Data | Topic::Unavailable) | None => Category::Error,
    }
}

/// The beginning and the end of a long text, at character boundaries.
pub(crate) fn shortened(words: &str) -> String {
    const END: usize = 4_000;
    if words.len() <= 2 * END {
        return words.to_owned();
    }
    let head = floor(words, END);
    let tail = floor(words, words.len() - END);
    format!("{} … {}", &words[..head], &words[tail..])
}

fn floor(words: &str, mut at: usize) -> usize {
    while !words.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One line of at most so many characters, for a sentence. Of a JSON record what it says, not how it is written down.
pub(crate) fn brief(words: &str, most: usize) -> String {
    let said = said(words).or_else(|| crate::exceptions::of_expression(words, most));
    let words = from_point(said.as_deref().unwrap_or(words), most);
    let line = words
        .split_whitespace()
        .take(60)
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// Where a text that has to be cut comes to the point: behind what Step Functions says before every error of a state, and
/// behind lines that tell nothing, such as a logger's warnings or the frames of a stack.
fn from_point(words: &str, most: usize) -> &str {
    let mut words = words;
    if words.starts_with("An error occurred while executing the state")
        && let Some((_, rest)) = words.split_once("). ")
    {
        words = rest;
    }
    if words.chars().nth(most).is_none() {
        return words;
    }
    let decides = |line: &str| {
        let first = line.split(|c: char| !c.is_alphanumeric() && c != '.' && c != '_');
        let kind = first.map(|it| it.rsplit('.').next().unwrap_or(it)).next();
        let kind = kind.is_some_and(|it| it.ends_with("Error") || it.ends_with("Exception"));
        kind || refuses_value(line) || refuses_text(line) || topic(line).is_some()
    };
    const FRAMES: [&str; 4] = ["traceback", "file \"", "at ", "warning"];
    let mut at = 0;
    for line in words.split_inclusive('\n').take(200) {
        let lower = line.trim_start().to_lowercase();
        let frame = FRAMES.iter().any(|it| lower.starts_with(it));
        if !frame && decides(line.trim()) {
            return &words[at..];
        }
        at += line.len();
    }
    words
}

/// What a JSON record says: the fields that Lambda and the usual loggers give to the message, or the status, error and memory of
/// a `platform.*` record (Telemetry API).
fn said(words: &str) -> Option<String> {
    if !words.trim_start().starts_with('{') {
        return None;
    }
    let record: serde_json::Value = serde_json::from_str(words).ok()?;
    let text = |value: &serde_json::Value, names: &[&str]| {
        let mut found = names.iter().filter_map(|name| value.get(name)?.as_str());
        found.find(|it| !it.is_empty()).map(str::to_owned)
    };
    let both = |kind: Option<String>, message: Option<String>| match (kind, message) {
        (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
        (kind, message) => kind.or(message),
    };
    let kind = text(&record, &["type"]).filter(|it| it.starts_with("platform."));
    if let (Some(kind), Some(inner)) = (kind, record.get("record")) {
        let megabytes = |name: &str| inner.get("metrics")?.get(name)?.as_u64();
        let memory = megabytes("maxMemoryUsedMB").zip(megabytes("memorySizeMB"));
        let parts = [
            text(inner, &["status"]),
            text(inner, &["errorType"]),
            memory.map(|(used, size)| format!("{used} of {size} MB used")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        return (!parts.is_empty()).then(|| format!("{kind}: {}", parts.join(", ")));
    }
    both(
        text(&record, &["errorType", "error_type", "exception"]),
        text(&record, &["errorMessage", "message", "msg", "error", "log"]),
    )
}

/// The parts of a text's beginning between blanks, brackets, quotes, and the signs between names and values.
pub(crate) fn shortened_parts(words: &str) -> impl Iterator<Item = &str> {
    let most = floor(words, words.len().min(2_000));
    words[..most].split(|c: char| c.is_whitespace() || "=,;|{}[]()\"'".contains(c))
}

/// A log message with what varies taken out, so that the same statement gives the same text.
pub(crate) fn template(body: &str) -> String {
    let mut out = String::new();
    for word in body.split_whitespace().take(24) {
        if !out.is_empty() {
            out.push(' ');
        }
        let varies = word.chars().any(|c| c.is_ascii_digit())
            || word.len() > 40
            || word.starts_with(['"', '{', '[']);
        out.push_str(if varies { "<*>" } else { word });
        if out.len() > 160 {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_cut_begins_where_it_comes_to_the_point() {
        let check = |words: &str, expect: &str| assert_eq!(brief(words, 60), expect, "{words}");
        check("short\nand whole", "short and whole");
        check(
            "warning: setting up\nwarning: still setting up, for a while\ninput: 'granules' is a required property",
            "input: 'granules' is a required property",
        );
        check(
            "Traceback (most recent call last):\n  File \"app.py\", line 12, in handler\nKeyError: 'zone'",
            "KeyError: 'zone'",
        );
        check(
            "An error occurred while executing the state 'Wait' (entered at the event id #2). The Timestamp field cannot be parsed",
            "The Timestamp field cannot be parsed",
        );
        check(
            "nothing of note here, only lines\nthat go on and on without an end",
            "nothing of note here, only lines that go on and on without a…",
        );
    }

    #[test]
    fn of_a_json_record_what_it_says() {
        let check = |words: &str, expect: &str| assert_eq!(brief(words, 60), expect);
        check("plain  words", "plain words");
        check(
            r#"{"type":"platform.report","record":{"requestId":"r","status":"error","errorType":"Runtime.OutOfMemory","metrics":{"maxMemoryUsedMB":256,"memorySizeMB":256}}}"#,
            "platform.report: error, Runtime.OutOfMemory, 256 of 256 MB u…",
        );
        check(
            r#"{"level":"ERROR","errorType":"TariffGone","errorMessage":"no tariff for zone 9"}"#,
            "TariffGone: no tariff for zone 9",
        );
        check(
            r#"{"severity":"warn","msg":"pool is full"}"#,
            "pool is full",
        );
        check(r#"{"zone":9}"#, r#"{"zone":9}"#);
        check(r#"{"broken"#, r#"{"broken"#);
    }

    #[test]
    fn words_tell_the_family() {
        let check =
            |words: &str, expect: Option<Topic>| assert_eq!(topic(words), expect, "{words}");
        check("Lambda.TooManyRequestsException", Some(Topic::Throttled));
        check(
            "RequestId: x Error: Runtime exited with error: signal: killed",
            Some(Topic::OutOfMemory),
        );
        check(
            "Runtime.ImportModuleError Unable to import module 'app'",
            Some(Topic::Init),
        );
        check(
            "2026 x Task timed out after 3.00 seconds",
            Some(Topic::FunctionTimeout),
        );
        check("States.HeartbeatTimeout", Some(Topic::Heartbeat));
        check("States.DataLimitExceeded", Some(Topic::TooLarge));
        check(
            "User: arn is not authorized to perform: s3:GetObject",
            Some(Topic::Permission),
        );
        check(
            "token endpoint answered 401 {\"error\":\"invalid_request\"}",
            Some(Topic::Permission),
        );
        check("status 429: invalid burst", Some(Topic::Throttled));
        check("invalid table: 401 rows", Some(Topic::Data));
        check("rpc error: code = Unauthenticated", Some(Topic::Permission));
        check("getaddrinfo ENOTFOUND pay.internal", Some(Topic::Name));
        check(
            "ReadTimeout: read timed out. (read timeout=2)",
            Some(Topic::Timeout),
        );
        check(
            "Host EC2 (instance i-0abc) terminated.",
            Some(Topic::HostLost),
        );
        check(
            "CannotPullContainerError: pull image manifest has been retried",
            Some(Topic::Pull),
        );
        for words in [
            "Error: connect ETIMEDOUT 10.0.3.12:5432",
            "dial tcp 10.0.3.12:6379: i/o timeout",
            "java.net.SocketTimeoutException: Connect timed out",
            "curl: (28) Connection timed out after 5001 milliseconds",
            "Can't connect to MySQL server on 'orders-db' (110)",
            "TCP connect to 10.0.4.7:5432 timed out after 3000 ms",
            "UND_ERR_CONNECT_TIMEOUT",
            "connection to host fares.example (port 443) timed out",
            "A connection attempt failed because the connected party did not properly respond after a period of time",
        ] {
            check(words, Some(Topic::Connection));
        }
        for words in [
            "java.net.SocketTimeoutException: Read timed out",
            "read tcp 10.0.1.7:4411->10.0.3.12:6379: i/o timeout",
            "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            "Error: read ETIMEDOUT",
            "connected to 10.0.4.7; reading the response timed out",
            "connection to 10.0.4.7: read timed out",
            "curl: (28) Operation timed out after 5001 milliseconds with 0 bytes received",
        ] {
            check(words, Some(Topic::Timeout));
        }
        check("connect: no route to host", Some(Topic::Name));
        check(
            "StepFunctions.ExecutionLimitExceeded",
            Some(Topic::Throttled),
        );
        check("OrderRejected", None);
        check(
            "ResourceNotFoundException: Requested resource not found: Table: orders",
            None,
        );
        check("FileNotFoundError: no such file", None);
    }

    #[test]
    fn an_image_that_is_not_there_is_told_from_one_that_does_not_come() {
        let check = |words: &str, expect: bool| assert_eq!(no_such_image(words), expect, "{words}");
        check("failed to resolve ref x/y:3: x/y:3: not found", true);
        check("manifest for x/y:3 not found: manifest unknown", true);
        check("failed to do request: dial tcp: i/o timeout", false);
        check("unexpected status: 429 Too Many Requests", false);
    }

    #[test]
    fn code_that_stumbles_is_told_from_code_that_refuses() {
        let check = |words: &str, expect: bool| assert_eq!(stumbles(words), expect, "{words}");
        check("thread 'main' panicked at src/a.rs:1:2", true);
        check("panic: runtime error: index out of range [3]", true);
        check("KeyError: 'fields'", true);
        check("UnexpectedFileSize: expected 3, got 4", false);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "ä".repeat(20_000);
        assert!(shortened(&text).len() < 9_000);
        assert_eq!(brief("a  b\nc", 3), "a b…");
        assert_eq!(template("order 4711 took 3 ms"), "order <*> took <*> ms");
    }
}
