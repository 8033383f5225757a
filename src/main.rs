use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use mimalloc::MiMalloc;
use tokio::runtime::{Builder, LocalOptions};
use wattsplit::cli::{self, Cli};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = cli::main(cli, &runtime);
    // A name look-up or a driver call that hangs must not hold up the end of the process.
    runtime.shutdown_timeout(Duration::from_millis(200));
    code
}
