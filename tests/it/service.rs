//! The built daemon under a service manager.

// Clippy knows a test by its attribute, and not the helpers beside it.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

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

    fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn ends_well(&mut self) {
        for _ in 0..600 {
            if let Some(status) = self.0.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0));
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it does not end");
    }
}

/// What the daemon tells the service manager, and where.
fn service_manager(dir: &TempDir) -> (UnixDatagram, PathBuf) {
    let path = dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    (socket, path)
}

/// A site of this name with nothing to ask, in a file, and a ledger beside it.
fn write_site(path: &Path, name: &str, mqtt: &str) {
    let dir = path.parent().unwrap();
    let text = format!(
        "[site]\nname = {name:?}\nstate_dir = {dir:?}\n{mqtt}\n\
         [power]\nkind = \"fixed\"\nusd_per_mwh = 45.0\n\
         [btc]\ncoinbase_url = \"\"\nkraken_url = \"\"\nbitstamp_url = \"\"\n"
    );
    std::fs::write(path, text).unwrap();
}

/// What the daemon tells the service manager, up to the first message that holds `wanted`.
fn until(socket: &UnixDatagram, wanted: &str) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..1000 {
        let mut message = [0; 1024];
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
    let (socket, notify) = service_manager(&dir);
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
    daemon.signal("-TERM");
    let told = until(&socket, "STOPPING=1");
    assert!(!told.iter().any(|text| text.contains("READY")), "ready is told once: {told:?}");
    daemon.ends_well();
}

#[test]
fn a_reload_takes_a_good_file_in_the_same_process_and_a_bad_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (socket, notify) = service_manager(&dir);
    let config = dir.path().join("wattsplit.toml");
    let mqtt = format!("[mqtt]\nhost = \"127.0.0.1\"\nport = {}\ninterval_secs = 1", free_port());
    write_site(&config, "before", &mqtt);
    let mut daemon = Daemon::start(&config, &notify);
    until(&socket, "READY=1");
    until(&socket, "STATUS=before: ");

    std::fs::write(&config, "[site]\nnane = \"typo\"\n").unwrap();
    daemon.signal("-HUP");
    let told = until(&socket, "refused at the last reload");
    assert!(told.last().unwrap().contains("; before: "), "the config before runs on: {told:?}");
    assert!(!told.iter().any(|text| text.contains("RELOADING")), "nothing was reloaded: {told:?}");
    until(&socket, "WATCHDOG=1");

    write_site(&config, "after", &mqtt);
    daemon.signal("-HUP");
    until(&socket, "RELOADING=1");
    let told = until(&socket, "READY=1");
    assert!(!told.iter().any(|text| text.contains("refused")), "{told:?}");
    until(&socket, "STATUS=after: ");

    daemon.signal("-TERM");
    let told = until(&socket, "STOPPING=1");
    assert!(!told.iter().any(|text| text.contains("RELOADING")), "{told:?}");
    daemon.ends_well();
    let twice = ["started", "stopped", "started", "stopped"];
    assert_eq!(starts_and_ends(&config), twice, "one ledger, closed in between");
}

#[test]
fn a_good_file_that_cannot_be_run_gives_way_to_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let (socket, notify) = service_manager(&dir);
    let config = dir.path().join("wattsplit.toml");
    let mqtt = format!("[mqtt]\nhost = \"127.0.0.1\"\nport = {}\ninterval_secs = 1", free_port());
    write_site(&config, "before", &mqtt);
    let mut daemon = Daemon::start(&config, &notify);
    until(&socket, "READY=1");

    write_site(&config, "after", "");
    daemon.signal("-HUP");
    until(&socket, "RELOADING=1");
    until(&socket, "READY=1");
    let told = until(&socket, "cannot be run");
    assert!(told.last().unwrap().contains("; before: "), "{told:?}");
    daemon.signal("-TERM");
    until(&socket, "STOPPING=1");
    daemon.ends_well();
}

#[test]
fn a_file_that_is_refused_at_the_start_is_an_object_of_the_log_where_the_log_is_of_objects() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("wattsplit.toml");
    std::fs::write(&config, "[site]\nnane = \"typo\"\n").unwrap();
    let said = |format: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wattsplit"));
        let output = command.args(["run", "--config"]).arg(&config).args(format).output().unwrap();
        assert_eq!(output.status.code(), Some(78));
        String::from_utf8(output.stderr).unwrap()
    };
    let lines: Vec<serde_json::Value> =
        said(&["--log-format", "json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &"ERROR".into()), "{lines:?}");
    assert!(lines[0]["error"].as_str().unwrap().contains("did you mean `name`?"), "{lines:?}");
    assert!(said(&[]).starts_with(&config.display().to_string()), "people get it as it is");
}

/// The starts and ends in the ledger beside a config, in their order.
fn starts_and_ends(config: &Path) -> Vec<String> {
    let ledger = rusqlite::Connection::open(config.with_file_name("ledger.sqlite")).unwrap();
    let kinds = "SELECT kind FROM event WHERE kind IN ('started', 'stopped') ORDER BY id";
    let mut kinds = ledger.prepare(kinds).unwrap();
    let kinds = kinds.query_map([], |row| row.get(0)).unwrap();
    kinds.map(Result::unwrap).collect()
}
