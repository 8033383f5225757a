//! What `wattsplit --version` tells beside the version: commit, target and features.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=WATTSPLIT_COMMIT");
    tell("TARGET", &env::var("TARGET").unwrap_or_default());
    tell("FEATURES", &features());
    tell("COMMIT", &commit().unwrap_or_else(|| "not recorded".to_owned()));
}

fn tell(what: &str, value: &str) {
    println!("cargo:rustc-env=WATTSPLIT_BUILD_{what}={value}");
}

fn features() -> String {
    let set = env::vars().filter_map(|(key, _)| Some(key.strip_prefix("CARGO_FEATURE_")?.to_lowercase()));
    let mut set: Vec<String> = set.filter(|feature| feature != "default").collect();
    set.sort();
    if set.is_empty() { "none".to_owned() } else { set.join(", ") }
}

/// The one that is handed over, else in a release that of the tree. A build for development looks for
/// none: it would be made anew after each commit.
fn commit() -> Option<String> {
    let given = env::var("WATTSPLIT_COMMIT").ok().filter(|commit| !commit.is_empty());
    let is_release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    given.or_else(|| is_release.then(of_this_tree).flatten())
}

/// `None` in a tree without git, such as an unpacked archive.
fn of_this_tree() -> Option<String> {
    // A folder above may be somebody else's repository.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    // It grows with each commit and each change of branch.
    println!("cargo:rerun-if-changed={}", git(&["rev-parse", "--git-path", "logs/HEAD"])?);
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let out = Command::new("git").args(args).output().ok()?;
    let said = String::from_utf8(out.stdout).ok()?;
    out.status.success().then(|| said.trim().to_owned())
}
