//! A miner on loopback that answers with the files of a fixture folder, in the way of its `caps.json`.
//!
//! It lives on the runtime of its test and dies with it. Each one has an address of its own, so that
//! the fixed port of the power page is free.

// With their paths, for the bench that shares this file.
#[path = "fake_miner/digest.rs"]
mod digest;
#[path = "fake_miner/stranger.rs"]
mod stranger;
#[path = "fake_miner/web.rs"]
pub mod web;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wattsplit::sources::asic::HostPort;

pub use stranger::{misbehaving, serve_each, take_request};

pub struct FakeMiner {
    pub host: HostPort,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

struct Shared {
    folder: Mutex<PathBuf>,
    /// Requests in order, as they came.
    asked: Mutex<Vec<String>>,
    refuses_joined: AtomicBool,
    delay_ms: AtomicU64,
    /// Pages and framed questions are answered with errors.
    fails: AtomicBool,
    /// Number of the token that the next login gives; older ones are worth nothing.
    tokens: AtomicUsize,
    digest: Mutex<digest::Server>,
    /// Of each request in order what it sent as its login.
    authorizations: Mutex<Vec<Option<String>>>,
    open_now: AtomicUsize,
    open_at_most: AtomicUsize,
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/asic")
}

/// Every folder of fixtures, as [`FakeMiner::serve`] takes it.
pub fn folders() -> Vec<String> {
    let below = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(fixtures().join(folder)).unwrap().map(|entry| entry.unwrap());
        let folders = entries.filter(|entry| entry.path().join("caps.json").exists());
        folders.map(|entry| format!("{folder}{}", entry.file_name().to_str().unwrap())).collect()
    };
    let mut all = below("");
    all.extend(below("malformed/"));
    all.sort();
    all
}

/// Whether its miner answers the cgminer API.
pub fn speaks_the_api(folder: &str) -> bool {
    way(&json(&fixtures().join(folder).join("caps.json"))) == "cgminer"
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A loopback address that no other fake of this or another test process uses at the time.
pub fn own_address() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let last = u8::try_from(1 + next % 250).unwrap();
    IpAddr::V4(Ipv4Addr::new(127, 64 + high % 64 + 64 * u8::try_from(next / 250 % 2).unwrap(), low, last))
}

impl FakeMiner {
    /// Serves a folder below `tests/fixtures/asic`, at any port.
    pub async fn serve(folder: &str) -> Self {
        let fake = Self::new(folder, 0).await.unwrap();
        if fixtures().join(folder).join("miner_power.txt").exists() {
            let pages = TcpListener::bind((&*fake.host.host.to_string(), 6060)).await.unwrap();
            tokio::spawn(accept(pages, fake.shared.clone()));
        }
        fake
    }

    /// Serves a folder at the port of its kind, where a config with the default port looks for it. `None` if this
    /// process may not open that port.
    pub async fn serve_at_its_port(folder: &str) -> Option<Self> {
        let caps = json(&fixtures().join(folder).join("caps.json"));
        let port = caps["ports"].as_object().unwrap().keys().next().unwrap().parse().unwrap();
        let mut fake = Self::new(folder, port).await.ok()?;
        fake.host.port = 4028;
        Some(fake)
    }

    async fn new(folder: &str, port: u16) -> std::io::Result<Self> {
        let ip = own_address();
        let listener = TcpListener::bind((ip, port)).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            folder: Mutex::new(fixtures().join(folder)),
            asked: Mutex::default(),
            refuses_joined: AtomicBool::new(false),
            delay_ms: AtomicU64::new(0),
            fails: AtomicBool::new(false),
            tokens: AtomicUsize::new(0),
            digest: Mutex::default(),
            authorizations: Mutex::default(),
            open_now: AtomicUsize::new(0),
            open_at_most: AtomicUsize::new(0),
        });
        let listening = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self { host: HostPort { host: ip.into(), port, expected: true }, shared, listening })
    }

    /// Nobody listens from now on.
    pub async fn die(&mut self) {
        self.listening.abort();
        let _ = (&mut self.listening).await;
    }

    /// It is back where it was.
    pub async fn revive(&mut self) {
        let listener = TcpListener::bind((&*self.host.host.to_string(), self.host.port)).await.unwrap();
        self.listening = tokio::spawn(accept(listener, self.shared.clone()));
    }

    /// Another machine answers at the same address from now on.
    pub fn swap(&self, folder: &str) {
        *self.shared.folder.lock().unwrap() = fixtures().join(folder);
    }

    /// Joined commands are errors from now on.
    pub fn refuse_joined(&self) {
        self.shared.refuses_joined.store(true, Ordering::SeqCst);
    }

    /// Every answer takes this long from now on.
    pub fn slow_down(&self, delay: Duration) {
        self.shared.delay_ms.store(delay.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }

    /// From now on pages and framed questions are errors, or no longer.
    pub fn fail(&self, fails: bool) {
        self.shared.fails.store(fails, Ordering::SeqCst);
    }

    /// Forgets who has logged in.
    pub fn forget_tokens(&self) {
        self.shared.tokens.fetch_add(1, Ordering::SeqCst);
        self.shared.digest.lock().unwrap().expire();
    }

    /// Its pages want this password from now on.
    pub fn change_password(&self, password: &'static str) {
        self.shared.digest.lock().unwrap().password = Some(password);
    }

    /// What each page that was asked for since the last call was sent as the login.
    pub fn authorizations(&self) -> Vec<Option<String>> {
        std::mem::take(&mut self.shared.authorizations.lock().unwrap())
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }

    /// Most connections that were open at the same time.
    pub fn open_at_most(&self) -> usize {
        self.shared.open_at_most.load(Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            let open = shared.open_now.fetch_add(1, Ordering::SeqCst) + 1;
            shared.open_at_most.fetch_max(open, Ordering::SeqCst);
            let mut stream = stream;
            let keep_open = serve(&mut stream, &shared).await;
            // From here on the miner has done its part: what stays open is the fixture's quirk.
            shared.open_now.fetch_sub(1, Ordering::SeqCst);
            if keep_open.is_some_and(|keep| keep) {
                let _ = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut [0])).await;
            }
        });
    }
}

/// A question in one of the three ways.
enum Question {
    Api(String),
    Page { head: String, body: String },
    Framed(String),
}

/// Tells them apart by their first bytes, whatever the miner understands.
async fn take(stream: &mut TcpStream) -> Option<Question> {
    let mut asked = Vec::new();
    while asked.len() < 4 {
        read(stream, &mut asked).await?;
    }
    if asked[1..4] == [0; 3] {
        while asked.len() < 4 + usize::from(asked[0]) {
            read(stream, &mut asked).await?;
        }
        return Some(Question::Framed(String::from_utf8(asked.split_off(4)).ok()?));
    }
    if asked[0] == b'{' {
        while !asked.ends_with(b"}") {
            read(stream, &mut asked).await?;
        }
        return Some(Question::Api(String::from_utf8(asked).ok()?));
    }
    loop {
        let text = std::str::from_utf8(&asked).ok()?;
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && body.len() >= web::header(head, "content-length").map_or(0, |length| length.parse().unwrap())
        {
            return Some(Question::Page { head: head.to_owned(), body: body.to_owned() });
        }
        read(stream, &mut asked).await?;
    }
}

async fn read(stream: &mut TcpStream, into: &mut Vec<u8>) -> Option<()> {
    (into.len() <= 4096 && stream.read_buf(into).await.ok()? > 0).then_some(())
}

/// Returns whether the connection is to be kept open.
async fn serve(stream: &mut TcpStream, shared: &Shared) -> Option<bool> {
    let question = take(stream).await?;
    if let Question::Page { head, .. } = &question {
        let sent = web::header(head, "authorization").map(str::to_owned);
        shared.authorizations.lock().unwrap().push(sent);
    }
    shared.asked.lock().unwrap().push(match &question {
        Question::Api(json) | Question::Framed(json) => json.clone(),
        Question::Page { head, .. } => head.lines().next()?.to_owned(),
    });
    let folder = shared.folder.lock().unwrap().clone();
    let caps = json(&folder.join("caps.json"));
    let fails = shared.fails.load(Ordering::SeqCst);
    match (way(&caps).as_str(), question) {
        ("cgminer", Question::Api(json)) => serve_api(stream, shared, &folder, caps, &json).await,
        (_, Question::Page { head, .. }) if head.starts_with("GET /miner_power ") => {
            stream.write_all(&web::power_page(&folder, &caps)).await.ok()?;
            Some(caps["http_close_delimited"] != true)
        }
        ("cgminer", _) => {
            stream.write_all(b"STATUS=E,When=1,Code=14,Msg=Invalid command|\0").await.ok()?;
            Some(false)
        }
        ("http", Question::Page { .. }) if fails => web::answer(stream, 500, b"", &caps).await,
        ("http", Question::Page { head, .. }) if caps["http_digest"].is_object() => {
            web::page_behind_digest(stream, &folder, &caps, &head, shared).await
        }
        ("http", Question::Page { head, body }) => {
            let token = format!("token-{}", shared.tokens.load(Ordering::SeqCst));
            web::page(stream, &folder, &caps, &head, &body, &token).await
        }
        ("http", _) => web::answer(stream, 400, b"", &caps).await,
        ("wm3", Question::Framed(json)) => {
            let reply = if fails {
                br#"{"code":-2,"msg":"invalid command"}"#.to_vec()
            } else {
                framed(&folder, &json)
            };
            stream.write_all(&u32::try_from(reply.len()).unwrap().to_le_bytes()).await.ok()?;
            stream.write_all(&reply).await.ok()?;
            Some(false)
        }
        _ => Some(false),
    }
}

/// In which way the machine itself is asked; beside the cgminer API there may be pages.
fn way(caps: &Value) -> String {
    let ways: Vec<&str> = caps["ports"].as_object().unwrap().values().filter_map(Value::as_str).collect();
    ways.iter().find(|way| **way == "cgminer").or(ways.first()).unwrap().to_string()
}

/// `a+b` is answered with the messages of both in one.
fn framed(folder: &Path, question: &str) -> Vec<u8> {
    let question: Value = serde_json::from_str(question).unwrap();
    let command = question["cmd"].as_str().unwrap();
    let Some(params) = question["param"].as_str() else {
        return std::fs::read(folder.join(format!("v3.{command}.json"))).unwrap();
    };
    let mut message = serde_json::Map::new();
    for param in params.split('+') {
        let reply = json(&folder.join(format!("v3.{command}@{param}.json")));
        message.extend(reply["msg"].as_object().unwrap().clone());
    }
    serde_json::json!({ "code": 0, "desc": command, "msg": message }).to_string().into_bytes()
}

async fn serve_api(
    stream: &mut TcpStream,
    shared: &Shared,
    folder: &Path,
    mut caps: Value,
    request: &str,
) -> Option<bool> {
    if shared.refuses_joined.load(Ordering::SeqCst) {
        caps["combined"] = "code14".into();
    }
    let reply = api_answer(folder, &caps, request)?;
    tokio::time::sleep(Duration::from_millis(shared.delay_ms.load(Ordering::SeqCst))).await;
    stream.write_all(&reply).await.ok()?;
    Some(caps["keep_open_s"].as_u64().is_some())
}

/// What the machine of a folder sends back to `request`, with its end; `None` if that is no JSON.
pub fn api_answer(folder: &Path, caps: &Value, request: &str) -> Option<Vec<u8>> {
    let mut reply = reply(folder, caps, &serde_json::from_str(request).ok()?);
    if reply.last() == Some(&b'\n') {
        reply.pop();
    }
    if caps["terminator"] == "nul" {
        reply.push(0);
    }
    Some(reply)
}

fn reply(folder: &Path, caps: &Value, request: &Value) -> Vec<u8> {
    let command = request["command"].as_str().unwrap_or_default();
    if command.contains('+') && caps["combined"] == "join" {
        return joined(folder, caps, command);
    }
    if request["new_api"] == true && caps["new_api"] == true {
        return std::fs::read(folder.join("stats.new_api.json")).unwrap();
    }
    let names = [format!("{command}.json"), format!("{command}.txt")];
    let found = names.iter().find_map(|name| std::fs::read(folder.join(name)).ok());
    found.unwrap_or_else(|| {
        let description = caps["description"].as_str().unwrap_or_default();
        match caps["style"].as_str() {
            Some("whatsminer") => format!(
                r#"{{"STATUS":"E","When":1,"Code":14,"Msg":"invalid cmd","Description":"{description}"}}"#
            ),
            Some("vnish") => format!(
                r#"{{"STATUS":[{{"STATUS":"E","When":1,"Code":0,"Msg":"Invalid command","Description":"{description}"}}]}}"#
            ),
            _ => format!(
                r#"{{"STATUS":[{{"STATUS":"E","When":1,"Code":14,"Msg":"Invalid command","Description":"{description}"}}],"id":1}}"#
            ),
        }
        .into_bytes()
    })
}

/// `a+b` is answered as `{"a":[…],"b":[…],"id":1}`.
fn joined(folder: &Path, caps: &Value, commands: &str) -> Vec<u8> {
    let mut all = b"{".to_vec();
    for command in commands.split('+') {
        all.extend(format!("\"{command}\":[").bytes());
        all.extend(reply(folder, caps, &serde_json::json!({ "command": command })));
        all.extend(b"],");
    }
    all.extend(b"\"id\":1}");
    all
}
