//! Writes what the command line knows of itself into a folder: man pages and completions. An example,
//! because `wattsplit` itself has no use for them. `scripts/manuals` runs it.

use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::{Shell, generate_to};
use wattsplit::cli::Cli;

fn main() -> std::io::Result<()> {
    let dir = PathBuf::from(std::env::args_os().nth(1).ok_or_else(|| std::io::Error::other("no folder"))?);
    let command = Cli::command();
    let name = command.get_name().to_owned();
    clap_mangen::generate_to(command, &dir)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut Cli::command(), &name, &dir)?;
    }
    Ok(())
}
