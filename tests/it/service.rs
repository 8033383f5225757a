//! The built daemon under a service manager.

// Clippy knows a test by its attribute, and not the helpers beside it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::broker::{PATIENCE, free_port};

/// Ends with its test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    fn start(config: &Path, notify: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_wattsplit"))
            .args(["run", "--config"])
            .arg(config)
            .env("NOTIFY_SOCKET", notify)
            .env("WATCHDOG_USEC", "200000")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn terminate(&self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }
}

/// What the daemon tells the service manager, up to the first message that holds `wanted`.
fn until(socket: &UnixDatagram, wanted: &str) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..1000 {
        let mut message = [0; 256];
        let length = socket.recv(&mut message).unwrap();
        let text = String::from_utf8_lossy(&message[..length]).into_owned();
        told.push(text.clone());
        if text.contains(wanted) {
            return told;
        }
    }
    panic!("never told: {wanted}");
}

#[test]
fn ready_is_told_after_the_first_round_and_not_for_want_of_a_broker() {
    let dir = tempfile::tempdir().unwrap();
    let miner = TcpListener::bind("127.0.0.1:0").unwrap();
    miner.set_nonblocking(true).unwrap();
    let notify = dir.path().join("notify");
    let socket = UnixDatagram::bind(&notify).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = dir.path().join("wattsplit.toml");
    // A fixed price is known at once: that is no round.
    let text = format!(
        "[site]\nname = \"tx01\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = {}\ninterval_secs = 1\n\
         [[asic]]\ngroup = \"north\"\nhosts = [\"{}\"]\npool_fee = 0.02\n\
         [power]\nkind = \"fixed\"\nusd_per_mwh = 45.0\n\
         [btc]\ncoinbase_url = \"\"\nkraken_url = \"\"\nbitstamp_url = \"\"\n",
        free_port(),
        miner.local_addr().unwrap(),
    );
    std::fs::write(&config, text).unwrap();

    let mut daemon = Daemon::start(&config, &notify);
    until(&socket, "READY=1");
    assert!(miner.accept().is_ok(), "the miner was asked before");
    until(&socket, "WATCHDOG=1");
    daemon.terminate();
    let told = until(&socket, "STOPPING=1");
    assert!(!told.iter().any(|text| text.contains("READY")), "ready is told once: {told:?}");
    for _ in 0..600 {
        if let Some(status) = daemon.0.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0));
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it does not end");
}
