//! A process that is killed while it writes.

use super::*;

/// Names the file for [`a_writer_to_be_killed`].
const VICTIM: &str = "WATTSPLIT_TEST_LEDGER";
const BLOCKS: i64 = 50;

/// Not a test by itself: runs in a process of its own and writes until it is killed, or is done.
#[test]
fn a_writer_to_be_killed() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let mut ledger = Ledger::open(path.as_ref()).unwrap();
    let mut interval = 0;
    while interval < 5_000 {
        let blocks = (0..BLOCKS).map(|b| Row { block: format!("block-{b}"), ..row(interval, 1) });
        match ledger.append(blocks.collect::<Vec<_>>()) {
            Ok(()) => interval += 1,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[test]
fn a_process_that_is_killed_leaves_whole_intervals() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.sqlite");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "ledger::killed::a_writer_to_be_killed"])
        .env(VICTIM, &path)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let all = || -> Option<Sum> { sum(&path, UnixMs(0), UnixMs(i64::MAX)).ok()?.pop() };
    let mut tries = 0;
    while all().is_none_or(|s| s.rows < 4 * BLOCKS) && tries < 1_000 {
        tries += 1;
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The next process finds what was committed, and goes on.
    let mut ledger = Ledger::open(&path).unwrap();
    let found = all().unwrap();
    assert!(found.rows >= 4 * BLOCKS, "{} rows", found.rows);
    assert_eq!(found.rows % BLOCKS, 0, "an interval is not whole");
    ledger.append(vec![row(100_000, 1)]).unwrap();
    assert_eq!(ledger.close().written, 1);
}
