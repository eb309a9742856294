//! An AWS that replays: answers of its APIs as recorded, page by page, in the services' own protocols
//! (JSON 1.0 and 1.1 over HTTP), and as unreliable as asked for.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// What goes wrong, each in so many of a hundred calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// `ThrottlingException`.
    pub throttle: u64,
    /// 500 and 503.
    pub broken: u64,
    /// No answer at all: the connection is closed.
    pub dropped: u64,
    /// An answer that ends in the middle.
    pub truncated: u64,
    /// No answer in time.
    pub silent: u64,
    /// `ExpiredTokenException`.
    pub expired: u64,
    /// Events and executions come twice and in another order.
    pub untidy: bool,
}

/// Answers one operation; `None` for one that it does not know.
pub type Answer =
    dyn Fn(&str, &Value, &mut Random) -> Option<Result<Value, (u16, &'static str)>> + Send + Sync;

/// Numbers that look random and are the same for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}

/// A running endpoint. It ends when dropped.
pub struct Endpoint {
    pub url: String,
    pub calls: Arc<Mutex<Vec<String>>>,
    ending: Arc<AtomicBool>,
}

impl Endpoint {
    pub fn start(faults: Faults, seed: u64, answer: Box<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let ending = Arc::new(AtomicBool::new(false));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (end, counted, answer) = (ending.clone(), calls.clone(), Arc::new(answer));
        let number = Arc::new(AtomicU64::new(seed));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                let (answer, counted, number) = (answer.clone(), counted.clone(), number.clone());
                std::thread::spawn(move || serve(stream, faults, &**answer, &counted, &number));
            }
        });
        Endpoint { url, calls, ending }
    }

    /// How often each operation was called.
    pub fn count(&self, operation: &str) -> usize {
        let calls = self.calls.lock().expect("no panic");
        calls.iter().filter(|call| *call == operation).count()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn serve(
    stream: TcpStream,
    faults: Faults,
    answer: &Answer,
    calls: &Mutex<Vec<String>>,
    number: &AtomicU64,
) {
    let mut out = stream.try_clone().expect("a second handle");
    let mut input = BufReader::new(stream);
    while let Some((operation, body)) = request(&mut input) {
        calls.lock().expect("no panic").push(operation.clone());
        let mut random = Random::new(number.fetch_add(1, Ordering::Relaxed));
        let mut at = random.below(100);
        let mut hit = |share: u64| {
            let hit = at < share;
            at = at.wrapping_sub(share);
            hit
        };
        let refused = |code: &str| json!({"__type": format!("com.amazonaws#{code}"), "message": "Rate exceeded"});
        if hit(faults.throttle) {
            send(&mut out, 400, &refused("ThrottlingException"), None);
        } else if hit(faults.broken) {
            send(&mut out, 503, &refused("ServiceUnavailable"), None);
        } else if hit(faults.dropped) {
            return;
        } else if hit(faults.expired) {
            send(&mut out, 400, &refused("ExpiredTokenException"), None);
        } else if hit(faults.silent) {
            std::thread::sleep(Duration::from_millis(1_500));
            return;
        } else {
            let cut = hit(faults.truncated).then(|| random.below(90));
            match answer(&operation, &body, &mut random) {
                Some(Ok(body)) => send(&mut out, 200, &body, cut),
                Some(Err((status, code))) => send(&mut out, status, &refused(code), None),
                None => send(&mut out, 400, &refused("UnknownOperationException"), None),
            }
            if cut.is_some() {
                return;
            }
        }
    }
}

/// One request: its operation (`X-Amz-Target`, or method and path) and body.
fn request(input: &mut BufReader<TcpStream>) -> Option<(String, Value)> {
    let mut first = String::new();
    input.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let mut operation = first.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let mut length = 0;
    loop {
        let mut line = String::new();
        input.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "x-amz-target" => operation = value.trim().rsplit('.').next()?.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    Some((
        operation,
        serde_json::from_slice(&body).unwrap_or(Value::Null),
    ))
}

/// Sends an answer, or as many hundredths of it as `cut` says.
fn send(out: &mut TcpStream, status: u16, body: &Value, cut: Option<u64>) {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let whole = [head.as_bytes(), body.as_bytes()].concat();
    let end = cut.map_or(whole.len(), |part| whole.len() * part as usize / 100);
    let _ = out.write_all(&whole[..end]).and_then(|()| out.flush());
}

/// A page of a list: a random number of items from where the token says, and the token of the next.
pub fn page(name: &str, items: &[Value], request: &Value, most: u64, random: &mut Random) -> Value {
    let from: usize = request["nextToken"]
        .as_str()
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    let asked = request["maxResults"].as_u64().unwrap_or(100).clamp(1, most);
    let size = 1 + random.below(asked) as usize;
    let to = (from + size).min(items.len());
    let mut page = json!({ name: items[from.min(to)..to] });
    if to < items.len() {
        page["nextToken"] = json!(to.to_string());
    }
    page
}
