//! A machine with eight GPUs: the stand-in for NVIDIA's library, frozen in one state.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub const GPUS: usize = 8;

/// What a GPU of the machine says, beside who it is.
const GPU: [&str; 23] = [
    "name = NVIDIA H100 80GB HBM3",
    "serial = 1650423000123",
    "board_part = 692-2G520-0200-000",
    "power_mw = 431000",
    "power_average_mw = 431000",
    "power_instant_mw = 440000",
    "limit_mw = 700000",
    "energy_mj = 7200000000",
    "util_percent = 97",
    "memory_util_percent = 40",
    "memory_used = 70000000000",
    "memory_total = 85899345920",
    "temp_c = 64",
    "memory_temp_c = 72",
    "pstate = 0",
    "throttle = 4",
    "sm_mhz = 1980",
    "memory_mhz = 2619",
    "ecc_uncorrected = 0",
    "recovery = 0",
    "mig = 0",
    "processes = 0",
    "xids =",
];

pub struct Machine {
    folder: TempDir,
}

impl Machine {
    /// Builds the library, if need be.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // That of this program, so that nothing is built twice.
        let profile = if cfg!(debug_assertions) { "dev" } else { "bench" };
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--profile", profile, "--example", "fake_nvml"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(built.unwrap().success(), "the example fake_nvml cannot be built");
        let me = std::env::current_exe().unwrap();
        let built = me.parent().and_then(Path::parent).unwrap();
        let machine = Self { folder };
        std::fs::copy(built.join("examples/libfake_nvml.so"), machine.library()).unwrap();
        std::fs::write(machine.state(), text()).unwrap();
        machine
    }

    /// Under the name that both readers look for.
    pub fn library(&self) -> PathBuf {
        self.folder().join("libnvidia-ml.so.1")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn state(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// Lets `program` run on this machine.
    pub fn run<'a>(&self, program: &'a mut Command) -> &'a mut Command {
        program
            .env("LD_LIBRARY_PATH", self.folder())
            .env("FAKE_NVML_STATE", self.state())
            .env("FAKE_NVML_FROZEN", "1")
    }
}

fn text() -> String {
    let mut text = format!("count = {GPUS}\ndriver = 580.95.05\n");
    for n in 0..GPUS {
        writeln!(text, "gpu{n}.uuid = GPU-0000000{n}-1111-2222-3333-444444444444").unwrap();
        GPU.iter().for_each(|line| writeln!(text, "gpu{n}.{line}").unwrap());
    }
    text
}
