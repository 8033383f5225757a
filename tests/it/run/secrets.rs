//! One config of everything, with a secret in every place that can have one: none of them is in anything that the
//! program says or keeps, whoever sends it back.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::{Daemon, PROGRAM};
use crate::broker::{Broker, PATIENCE, Subscriber};
use crate::fake_http::{FakeHttp, Reply, Request};
use crate::gpu::redfish::{fingerprint, self_signed};

/// What a login of ERCOT's is answered with, and what a session of Redfish's is called.
const RECEIVED: [&str; 2] = ["rec3ived/id+token&qzjx", "rec3ived/session+qzjw"];

/// Files with secrets, each different from all others.
struct Secrets {
    dir: TempDir,
    all: Vec<String>,
}

impl Secrets {
    /// The path of one more.
    fn file(&mut self, name: &str) -> String {
        // Each encoding of it is another text.
        let secret = format!("zq{}+{name}/xj&w", self.all.len() + 100);
        let path = self.dir.path().join(format!("{name}.secret"));
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        self.all.push(secret);
        path.to_str().unwrap().to_owned()
    }

    /// Which of them `text` shows: as it is, in a URL or form, in JSON, or in base64 wherever it begins.
    fn shown_in<'a>(&'a self, text: &str) -> Vec<&'a str> {
        let all = self.all.iter().map(String::as_str).chain(RECEIVED);
        all.filter(|secret| forms(secret).iter().any(|form| text.contains(form.as_str()))).collect()
    }
}

fn forms(secret: &str) -> Vec<String> {
    let escaped = |lower: bool| -> String {
        let byte = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ if lower => format!("%{byte:02x}"),
            _ => format!("%{byte:02X}"),
        };
        secret.bytes().map(byte).collect()
    };
    let json = secret.replace('/', "\\/");
    let mut forms = vec![secret.to_owned(), escaped(true), escaped(false), json];
    for before in 0..3 {
        let coded = base64(&[&vec![b'-'; before], secret.as_bytes()].concat());
        // The first and the last digits also hold bits of what is around it.
        forms.push(coded[(before * 8).div_ceil(6)..coded.len() - 4].to_owned());
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |chunk: &[u8]| {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digit = |n: usize| char::from(DIGITS[(bits >> (18 - 6 * n) & 63) as usize]);
        (0..4).map(|n| if n <= chunk.len() { digit(n) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// Says back all that it was asked, each time in another way.
fn echo(request: &Request, count: &AtomicUsize) -> Reply {
    if request.line.starts_with("POST /login") {
        return Reply::Ok(format!("{{\"id_token\":\"{}\"}}", RECEIVED[0]));
    }
    if request.line.starts_with("POST /redfish/v1/SessionService/Sessions") {
        let session = ("X-Auth-Token", RECEIVED[1].to_owned());
        return Reply::Status(201, vec![session, ("Location", "/redfish/v1/Sessions/9".to_owned())], "{}");
    }
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let said = format!("you sent {} {} {}", request.line, headers.join(" "), request.body);
    match count.fetch_add(1, Ordering::Relaxed) % 3 {
        0 => Reply::Status(400, vec![], said.leak()),
        1 => Reply::Ok(format!("<html>{said}")),
        _ => Reply::Ok(
            serde_json::json!({"code": 1, "error": said, "errors": [said], "msg": said}).to_string(),
        ),
    }
}

fn answer() -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let count = AtomicUsize::new(0);
    move |request: &Request| echo(request, &count)
}

/// The beginning of a config.
fn site(secrets: &mut Secrets, broker_port: u16) -> String {
    let state = secrets.dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    format!(
        "[site]\nname = \"test\"\nstate_dir = {state:?}\n[mqtt]\nhost = \"127.0.0.1\"\nport = {broker_port}\n\
         interval_secs = 1\nusername = \"ridge\"\npassword_file = {:?}\n",
        secrets.file("mqtt")
    )
}

fn request(secrets: &mut Secrets, of: &str, name: &str) -> String {
    format!(
        "[{of}]\nmethod = \"post\"\nbody = '{{\"session\": \"{{{{session}}}}\"}}'\n\
         header_file = [{{ name = \"x-api-key\", file = {:?} }}]\n\
         body_file = [{{ name = \"session\", file = {:?} }}]\n",
        secrets.file(&format!("{name}-key")),
        secrets.file(&format!("{name}-session"))
    )
}

/// The kinds of `[power]` that take a secret.
const POWER: [&str; 4] = ["ercot", "pjm", "tibber", "http_json"];

fn power(secrets: &mut Secrets, kind: &str, [url, login]: [String; 2]) -> String {
    match kind {
        "ercot" => format!(
            "[power]\nkind = \"ercot\"\nurl = \"{url}\"\n[power.ercot]\nsettlement_point = \"LZ_WEST\"\n\
             username = \"ops\"\npassword_file = {:?}\nsubscription_key_file = {:?}\ntoken_url = \"{login}\"\n",
            secrets.file("ercot"),
            secrets.file("ercot-key"),
        ),
        "pjm" => format!(
            "[power]\nkind = \"pjm\"\nurl = \"{url}\"\n[power.pjm]\npnode_id = 51288\n\
             subscription_key_file = {:?}\n",
            secrets.file("pjm-key"),
        ),
        "tibber" => format!(
            "[power]\nkind = \"tibber\"\ncurrency = \"NOK\"\nurl = \"{url}\"\n[power.tibber]\ntoken_file = {:?}\n\
             [power.fx]\nusd_per_unit = 0.094\n",
            secrets.file("tibber"),
        ),
        _ => format!(
            "[power]\nkind = \"http_json\"\n[power.own]\nurl = \"{url}/prices\"\nprice_key = \"/usd\"\n\
             token_file = {:?}\n{}",
            secrets.file("own-power"),
            request(secrets, "power.own.request", "own-power-request"),
        ),
    }
}

/// A config of everything that takes a secret, and the servers that it names.
async fn everything(secrets: &mut Secrets, broker_port: u16) -> Option<(String, Vec<FakeHttp>)> {
    let mut servers = Vec::new();
    let mut text = site(secrets, broker_port);
    for (kind, keys) in [
        ("braiins", ""),
        ("antpool", "user = \"ridge\"\nsecret"),
        ("f2pool_v2", "user = \"ridge\""),
        ("foundry", "user = \"ridge\""),
        ("luxor", "user = \"ridge\""),
        ("binance", "user = \"ridge\"\nsecret"),
        ("nicehash", "organization = \"da41b3bc\"\nsecret"),
        ("viabtc", ""),
    ] {
        let server = FakeHttp::start(answer()).await;
        let token = secrets.file(kind);
        let keys = match keys.strip_suffix("secret") {
            Some(keys) => format!("{keys}secret_file = {:?}", secrets.file(&format!("{kind}-secret"))),
            None => keys.to_owned(),
        };
        let name = kind.replace('_', "-");
        text.push_str(&format!(
            "[[pool]]\nname = \"{name}\"\nkind = \"{kind}\"\nfee = 0.01\nurl = \"{}\"\ninterval_secs = 1\n\
             token_file = {token:?}\n{keys}\n",
            server.url
        ));
        servers.push(server);
    }
    let mut url = async |path: &str| {
        let server = FakeHttp::start(answer()).await;
        let url = format!("{}{path}", server.url);
        servers.push(server);
        url
    };
    text.push_str(&format!(
        "[[pool]]\nname = \"own\"\nkind = \"http_json\"\nfee = 0.01\nscheme = \"fpps\"\nhashrate_unit = \"TH/s\"\n\
         url = \"{}\"\ninterval_secs = 1\n[pool.json]\ntoken_file = {:?}\n{}\
         [pool.json.account]\npath = \"/account\"\nhashrate_now_key = \"/h\"\n",
        url("").await,
        secrets.file("own-pool"),
        request(secrets, "pool.json.request", "own-pool-request"),
    ));
    let (vast, page, listed, market) =
        (url("").await, url("/rented").await, url("/price").await, url("").await);
    text.push_str(&format!(
        "[[hosting]]\nname = \"vast\"\nterms = \"occupied\"\nusd_per_gpu_h = 1.0\noccupied_from = \"vast\"\n\
         occupied_url = \"{vast}\"\noccupied_token_file = {:?}\n\
         [[hosting]]\nname = \"page\"\nterms = \"occupied\"\noccupied_from = \"http\"\noccupied_url = \"{page}\"\n\
         occupied_key = \"/rented\"\noccupied_token_file = {:?}\n\
         [hosting.price]\nurl = \"{listed}\"\nkey = \"/usd\"\ntoken_file = {:?}\n\
         [hosting.market]\nkind = \"runpod\"\ngpu = \"H100 SXM\"\nurl = \"{market}\"\ntoken_file = {:?}\n",
        secrets.file("vast"),
        secrets.file("page"),
        secrets.file("listed"),
        secrets.file("market"),
    ));
    for kind in ["vast", "runpod"] {
        text.push_str(&format!(
            "[[hosting]]\nname = \"by-{kind}\"\nterms = \"platform\"\n[hosting.platform]\nkind = \"{kind}\"\n\
             url = \"{}\"\ntoken_file = {:?}\n",
            url("").await,
            secrets.file(&format!("{kind}-statement"))
        ));
    }
    text.push_str(&power(secrets, "ercot", [url("").await, url("/login").await]));
    text.push_str(&format!(
        "[btc]\ncoinbase_url = \"\"\nkraken_url = \"\"\nbitstamp_url = \"\"\ninterval_secs = 1\n\
         [btc.own]\nurl = \"{}\"\nprice_key = \"/usd\"\ntoken_file = {:?}\n{}",
        url("/quote").await,
        secrets.file("quote"),
        request(secrets, "btc.own.request", "quote-request"),
    ));
    text.push_str(&format!(
        "[network]\nkind = \"bitcoind\"\nurl = \"{}\"\nuser = \"rpc\"\npassword_file = {:?}\n\
         [hashprice_index]\nurl = \"{}\"\nkey_file = {:?}\n",
        url("").await,
        secrets.file("bitcoind"),
        url("").await,
        secrets.file("index"),
    ));
    text.push_str(&format!(
        "[meter]\nurl = \"{}\"\npower_key = \"/kw\"\ninterval_secs = 1\ntoken_file = {:?}\n{}",
        url("/meter").await,
        secrets.file("meter"),
        request(secrets, "meter.request", "meter-request"),
    ));
    text.push_str(&format!(
        "[[signal]]\nname = \"4cp\"\nkind = \"coincident_peak\"\nurl = \"{}\"\nflag_key = \"/on\"\ninterval_secs = 1\n\
         token_file = {:?}\n{}",
        url("/peaks").await,
        secrets.file("signal"),
        request(secrets, "signal.request", "signal-request"),
    ));
    let tls = self_signed(secrets.dir.path())?;
    let fingerprint = fingerprint(secrets.dir.path());
    let bmc = FakeHttp::start_tls(tls, answer()).await;
    text.push_str(&format!(
        "[[asic]]\ngroup = \"row\"\nhosts = [\"127.0.0.1:1\"]\npool = \"braiins\"\nusername = \"reader\"\n\
         password_file = {:?}\n\
         [[gpu_host]]\nname = \"g1\"\nhosting = \"vast\"\nread = \"dcgm\"\nurl = \"{}\"\n[gpu_host.bmc]\n\
         url = \"{}\"\nusername = \"reader\"\npassword_file = {:?}\ncertificate_sha256 = \"{fingerprint}\"\n",
        secrets.file("miner"),
        url("/metrics").await,
        bmc.url,
        secrets.file("bmc"),
    ));
    servers.push(bmc);
    Some((text, servers))
}

async fn said(config: &Path, command: &'static [&'static str]) -> String {
    let mut program = Command::new(PROGRAM);
    program.arg("-vv").args(command).arg(config).stdin(Stdio::null());
    let out = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

#[test]
fn a_secret_is_found_in_each_of_its_forms() {
    let dir = TempDir::new().unwrap();
    let mut secrets = Secrets { dir, all: Vec::new() };
    secrets.file("a");
    let secret = secrets.all[0].clone();
    assert_eq!(secret, "zq100+a/xj&w");
    for text in ["zq100+a/xj&w", "zq100%2Ba%2Fxj%26w", "zq100+a\\/xj&w", &base64(b"rpc:zq100+a/xj&w!")] {
        assert_eq!(secrets.shown_in(&format!("x{text}x")).len(), 1, "{text}");
    }
    assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
    assert!(secrets.shown_in("zq100").is_empty());
}

#[tokio::test]
async fn no_secret_of_a_config_of_everything_is_said_or_kept() {
    let Some(broker) = Broker::open() else { return };
    let mut secrets = Secrets { dir: TempDir::new().unwrap(), all: Vec::new() };
    let Some((text, servers)) = everything(&mut secrets, broker.port).await else { return };
    says_no_secret(&secrets, &broker, text, &servers, &["pool/viabtc", "advice", "price/power"]).await;
}

#[tokio::test]
async fn no_secret_of_any_kind_of_power_price_is_said_or_kept() {
    for kind in POWER.iter().filter(|kind| **kind != "ercot") {
        let Some(broker) = Broker::open() else { return };
        let mut secrets = Secrets { dir: TempDir::new().unwrap(), all: Vec::new() };
        let server = FakeHttp::start(answer()).await;
        let mut text = site(&mut secrets, broker.port);
        text.push_str(&power(&mut secrets, kind, [server.url.clone(), String::new()]));
        says_no_secret(&secrets, &broker, text, &[server], &["advice", "price/power"]).await;
    }
}

/// Runs the daemon until all `servers` were asked and `topics` are published, then the commands that ask, and looks for
/// the secrets in all that they said and kept.
async fn says_no_secret(
    secrets: &Secrets,
    broker: &Broker,
    text: String,
    servers: &[FakeHttp],
    topics: &[&str],
) {
    let config = secrets.dir.path().join("wattsplit.toml");
    std::fs::write(&config, text).unwrap();

    let mut subscriber = Subscriber::start(broker.observer_port).await;
    let log = secrets.dir.path().join("log");
    let daemon = Command::new(PROGRAM)
        .args(["-vv", "run", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn();
    let mut daemon = Daemon(daemon.unwrap());
    let asked = async {
        while servers.iter().any(|server| server.seen().is_empty()) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, asked).await.is_err() {
        let silent: Vec<usize> = (0..servers.len()).filter(|n| servers[*n].seen().is_empty()).collect();
        panic!("nobody asked {silent:?}: {}", std::fs::read_to_string(&log).unwrap());
    }
    let seen = subscriber
        .until("what follows from it", |seen| {
            topics.iter().all(|topic| seen.newest.contains_key(&format!("wattsplit/test/{topic}")))
        })
        .await;
    daemon.terminate();
    assert_eq!(daemon.ended().await.code(), Some(0));

    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("you sent") && log.contains("TRACE"), "it is told what the servers said: {log}");
    assert_eq!(secrets.shown_in(&log), Vec::<&str>::new(), "in the log\n{log}");
    for (topic, payload) in &seen.log {
        let payload = String::from_utf8_lossy(payload);
        assert_eq!(secrets.shown_in(&payload), Vec::<&str>::new(), "in {topic}: {payload}");
    }
    for entry in std::fs::read_dir(secrets.dir.path().join("state")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(secrets.shown_in(&String::from_utf8_lossy(&bytes)), Vec::<&str>::new(), "in {path:?}");
    }
    for command in [&["check", "--online"][..], &["once", "--json", "--config"], &["explain", "--config"]] {
        let said = said(&config, command).await;
        assert_eq!(secrets.shown_in(&said), Vec::<&str>::new(), "{command:?}\n{said}");
    }
}
