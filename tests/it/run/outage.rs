//! What this machine allows.

use super::*;

#[test]
fn a_small_limit_of_open_files_is_one_warning_and_fewer_miners_at_a_time() {
    let dir = TempDir::new().unwrap();
    let config = site(&dir, 1, &["127.0.0.1:1".into()]);
    let limited = r#"ulimit -n 300; exec "$1" -v once --json --config "$2""#;
    let out = Command::new("sh").args(["-c", limited, "sh", PROGRAM]).arg(&config).output().unwrap();
    assert!(out.status.success(), "{}", text(&out.stderr));
    let warnings: Vec<&str> = text(&out.stderr).lines().filter(|line| line.contains("open files")).collect();
    assert_eq!(warnings.len(), 1, "{}", text(&out.stderr));
    assert!(warnings[0].contains("places=75"), "{}", warnings[0]);
}
