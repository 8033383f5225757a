//! A real mosquitto on loopback, and a subscriber that sees what it delivers.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::ConnectProperties;
use rumqttc::v5::{AsyncClient, Event, Incoming, MqttOptions};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Generous: the machine may be busy, and nothing waits longer than it must.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Brings the broker up and takes it down again when its standard input ends, which also happens when
/// the test dies. With each line it reads its access list anew. Debian installs mosquitto where only root
/// looks.
const KEEPER: &str = r#"PATH=$PATH:/usr/sbin; mosquitto -c "$1" & broker=$!
    while read _; do kill -HUP $broker; done; kill -9 $broker; wait $broker"#;

pub struct Broker {
    /// Where the program under test connects.
    pub port: u16,
    /// A second listener without encryption or login, for the subscriber.
    pub observer_port: u16,
    config: TempDir,
    keeper: Option<Child>,
}

impl Broker {
    /// Starts mosquitto with `settings` on the listener under test. `None`, with the reason on
    /// standard error, where it is not installed.
    pub fn start(settings: &str) -> Option<Self> {
        if !installed("mosquitto") {
            return None;
        }
        let config = TempDir::new().unwrap();
        let (port, observer_port) = (free_port(), free_port());
        // `user root` lets a broker that was started by root read the files of the test.
        let text = format!(
            "user root\npersistence false\nlog_dest none\nper_listener_settings true\n\
             listener {observer_port} 127.0.0.1\nallow_anonymous true\n\
             listener {port} 127.0.0.1\n{settings}\n"
        );
        std::fs::write(config.path().join("mosquitto.conf"), text).unwrap();
        let mut broker = Self { port, observer_port, config, keeper: None };
        broker.restart();
        Some(broker)
    }

    pub fn open() -> Option<Self> {
        Self::start("allow_anonymous true")
    }

    /// Ends the broker as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
    }

    /// Has the broker read its access list anew.
    // The fault runs do.
    #[allow(dead_code)]
    pub fn reload(&mut self) {
        let keeper = self.keeper.as_mut().unwrap();
        keeper.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    pub fn restart(&mut self) {
        self.kill();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER, "sh"])
            .arg(self.config.path().join("mosquitto.conf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.keeper = Some(keeper);
        for port in [self.port, self.observer_port] {
            wait_for_listener(port);
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether `program` can be run; says so on standard error if not, and fails where
/// `WATTSPLIT_REQUIRE_TOOLS` is set: a gate must not pass because it skipped.
pub fn installed(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
        || Path::new("/usr/sbin").join(program).is_file();
    if !found {
        assert!(std::env::var_os("WATTSPLIT_REQUIRE_TOOLS").is_none(), "{program} is not installed");
        eprintln!("skipped: {program} is not installed");
    }
    found
}

/// A port on which nothing listens, and which stays free until somebody asks for it by number: it lies
/// below those that Linux hands out by itself, to connections and to listeners on port 0, and no two
/// callers get the same.
pub fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Runs that stand side by side begin far apart.
    let begin = std::process::id().wrapping_mul(997);
    loop {
        let offset = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

pub fn wait_for_listener(port: u16) {
    for _ in 0..600 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing listens on 127.0.0.1:{port}");
}

/// Everything that was delivered.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub newest: BTreeMap<String, Vec<u8>>,
    /// Topics whose newest message was sent because it was retained.
    pub retained: Vec<String>,
    /// In order of arrival.
    pub log: Vec<(String, Vec<u8>)>,
}

impl Seen {
    pub fn text(&self, topic: &str) -> Option<&str> {
        self.newest.get(topic).map(|payload| std::str::from_utf8(payload).unwrap())
    }
}

pub struct Subscriber {
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Subscriber {
    /// Subscribes to everything, and returns once the broker has confirmed it.
    pub async fn start(port: u16) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let mut options = MqttOptions::new(format!("observer-{}", fastrand::u64(..)), "127.0.0.1", port);
        let mut properties = ConnectProperties::new();
        properties.max_packet_size = Some(16 * 1024 * 1024);
        options.set_connect_properties(properties);
        let (client, mut events) = AsyncClient::new(options, 16);
        client.try_subscribe("#", QoS::AtLeastOnce).unwrap();
        let (confirm, mut confirmed) = watch::channel(false);
        let task = tokio::spawn(async move {
            let _client = client;
            loop {
                match events.poll().await {
                    Ok(Event::Incoming(Incoming::Publish(publish))) => sender.send_modify(|seen| {
                        let topic = String::from_utf8(publish.topic.to_vec()).unwrap();
                        if publish.retain {
                            seen.retained.push(topic.clone());
                        }
                        seen.log.push((topic.clone(), publish.payload.to_vec()));
                        seen.newest.insert(topic, publish.payload.to_vec());
                    }),
                    Ok(Event::Incoming(Incoming::SubAck(_))) => {
                        confirm.send_replace(true);
                    }
                    Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_) => return,
                    Ok(_) => {}
                }
            }
        });
        tokio::time::timeout(PATIENCE, confirmed.wait_for(|yes| *yes)).await.unwrap().unwrap();
        Self { seen, task }
    }

    /// Waits until what was delivered meets `condition`.
    pub async fn until(&mut self, what: &str, condition: impl Fn(&Seen) -> bool) -> Seen {
        let wait = tokio::time::timeout(PATIENCE, self.seen.wait_for(|seen| condition(seen)));
        if let Ok(Ok(seen)) = wait.await {
            return seen.clone();
        }
        panic!("not seen: {what}; there is {:?}", self.seen.borrow().newest.keys());
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.task.abort();
    }
}
