//! The stand-in driver library of `tests/fake_nvml`, one copy per test with a state of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use wattsplit::sources::gpu::GpuHostConfig;
use wattsplit::sources::gpu::nvml::NvmlSource;
use wattsplit::sources::gpu::release::Release;

/// A machine with a driver that says what the test wrote last.
pub struct Machine {
    dir: TempDir,
}

impl Machine {
    /// `state` is what `tests/fake_nvml/lib.rs` describes.
    pub fn new(state: &str) -> Self {
        let machine = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::copy(library(), machine.library()).unwrap();
        machine.set(state);
        machine
    }

    /// A driver that lacks `function`, as an old one does.
    pub fn without(function: &str, state: &str) -> Self {
        let machine = Self::new(state);
        let mut bytes = std::fs::read(machine.library()).unwrap();
        let name = format!("\0{function}\0").into_bytes();
        // In the dynamic string table, and in the full symbol table if that is there.
        let places: Vec<usize> =
            (0..bytes.len() - name.len()).filter(|at| bytes[*at..].starts_with(&name)).collect();
        assert!(!places.is_empty(), "the library has no {function}");
        for at in places {
            bytes[at + 1] = b'X';
        }
        std::fs::write(machine.library(), bytes).unwrap();
        machine
    }

    /// What the driver says from now on.
    pub fn set(&self, state: &str) {
        set(&self.library(), state);
    }

    pub fn library(&self) -> PathBuf {
        self.dir.path().join("libnvidia-ml.so")
    }

    /// Whether anybody has the library initialised.
    pub fn is_held(&self) -> bool {
        self.library().with_extension("held").exists()
    }

    pub fn source(&self, host: &str) -> NvmlSource {
        source(host, &self.library())
    }

    /// One that is asked to let go in the machine's own directory.
    pub fn releasable(&self, host: &str) -> (NvmlSource, Release) {
        let release = Release::new(self.dir.path());
        (NvmlSource::new(&config(host, &self.library()), Some(release.clone())), release)
    }
}

pub fn source(host: &str, library: &Path) -> NvmlSource {
    NvmlSource::new(&config(host, library), None)
}

fn config(host: &str, library: &Path) -> GpuHostConfig {
    let text = format!("name = {host:?}\nhosting = \"ai\"\nread = \"nvml\"\nlibrary = {library:?}");
    super::host_config(&text)
}

/// Replaces the state in one step: the driver reads it at any time.
fn set(library: &Path, state: &str) {
    let next = library.with_extension("next");
    std::fs::write(&next, state).unwrap();
    std::fs::rename(next, library.with_extension("state")).unwrap();
}

/// Whether a file of the stand-in is newer than the library.
fn is_outdated(library: &Path) -> bool {
    let written = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_nvml");
    let newest = std::fs::read_dir(sources).unwrap().filter_map(|file| written(&file.ok()?.path())).max();
    written(library) < newest
}

/// The library as Cargo built it, next to this test's own directory.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let me = std::env::current_exe().unwrap();
        let profile = me.parent().and_then(Path::parent).expect("a target directory");
        let library = profile.join("examples/libfake_nvml.so");
        // `cargo test` builds the examples, `cargo test --test it` does not.
        if is_outdated(&library) {
            let built = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--example", "fake_nvml"])
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status();
            assert!(
                built.is_ok_and(|status| status.success()) && library.exists(),
                "build the example fake_nvml"
            );
        }
        library
    })
}
