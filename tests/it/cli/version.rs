//! What the program says of itself.

use std::process::Command;

fn said(flag: &str) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_wattsplit")).arg(flag).output().unwrap();
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn the_version_names_commit_target_and_features() {
    let text = said("--version");
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!(first, format!("wattsplit {}", env!("CARGO_PKG_VERSION")));
    let told: Vec<(&str, &str)> = rest.lines().filter_map(|line| line.split_once(':')).collect();
    let [("commit", commit), ("target", target), ("features", features)] = told[..] else { panic!("{text}") };
    assert!(!commit.trim().is_empty());
    assert!(target.contains(std::env::consts::ARCH) && target.contains("linux"), "{target}");
    let built_with: Vec<&str> = features.split(',').map(str::trim).collect();
    assert_eq!(built_with.contains(&"demo"), cfg!(feature = "demo"), "{features}");
    assert_eq!(built_with.contains(&"nvml"), cfg!(feature = "nvml"), "{features}");
}

#[test]
fn the_short_flag_is_for_scripts() {
    assert_eq!(said("-V"), format!("wattsplit {}\n", env!("CARGO_PKG_VERSION")));
}
