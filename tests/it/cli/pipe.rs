//! What happens when nobody reads what is said.

use std::process::{Command, Stdio};

/// Exit code of a command whose standard output is a pipe that was closed, and what it said on
/// standard error.
fn into_closed_pipe(args: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_wattsplit"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(writer)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/config/ok-smallest.toml");
    for args in [&["check", config][..], &["init", "-"], &["once", "--config", config]] {
        assert_eq!(into_closed_pipe(args), (Some(0), String::new()), "{args:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_a_bad_config_with_a_way_out() {
    let args = ["check", "no-such-file.toml"];
    let output = Command::new(env!("CARGO_BIN_EXE_wattsplit")).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("cannot read no-such-file.toml: ") && text.contains("wattsplit init"), "{text}");
}
