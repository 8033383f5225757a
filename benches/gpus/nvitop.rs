//! nvitop-exporter on the same machine, scraped as often as it reads.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::machine::{GPUS, Machine};
use super::process::{Process, free_port};

pub const PACKAGE: &str = "nvitop-exporter==1.7.2";

/// Longest that a scrape takes.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Nvitop {
    pub exporter: Process,
    port: u16,
}

impl Nvitop {
    /// Installs it below `target/` from PyPI, once.
    ///
    /// # Errors
    /// Why it is not there: mostly no way to PyPI.
    pub fn start(machine: &Machine, period_s: u64) -> Result<Self, String> {
        let venv = install()?;
        let port = free_port();
        let mut command = Command::new(venv.join("bin/nvitop-exporter"));
        command.args(["--bind-address", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--interval", &period_s.to_string()]);
        let exporter = Process::start(machine.run(&mut command)).map_err(|error| error.to_string())?;
        Ok(Self { exporter, port })
    }

    /// One scrape; how many GPUs tell their power.
    pub fn scrape(&self) -> std::io::Result<usize> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page
            .lines()
            .filter(|line| line.starts_with("gpu_power_usage_W{") && line.ends_with(" 431.0"))
            .count())
    }

    /// Whether it reads the machine that is meant.
    pub fn is_well(&self) -> bool {
        self.scrape().is_ok_and(|gpus| gpus == GPUS)
    }
}

fn install() -> Result<PathBuf, String> {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/nvitop");
    let run = |program: &Path, args: &[&str]| {
        let out = Command::new(program).args(args).output().map_err(|error| error.to_string())?;
        let said = || String::from_utf8_lossy(&out.stderr).lines().last().unwrap_or_default().to_owned();
        if out.status.success() { Ok(()) } else { Err(said()) }
    };
    if !venv.join("bin/nvitop-exporter").exists() {
        let folder = venv.to_str().ok_or("a path that is no text")?;
        run(Path::new("python3"), &["-m", "venv", folder])?;
        run(&venv.join("bin/pip"), &["install", "--quiet", "--retries", "1", PACKAGE])?;
    }
    Ok(venv)
}
