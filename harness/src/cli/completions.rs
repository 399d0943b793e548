//! `squall completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use super::exit::Exit;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  squall completions bash > ~/.local/share/bash-completion/completions/squall")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Exit {
    clap_complete::generate(args.shell, &mut Cli::command(), "squall", &mut std::io::stdout());
    Exit::Pass
}
