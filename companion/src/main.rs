//! The binary `slipstream`.

use std::process::ExitCode;

fn main() -> ExitCode {
    slipstream::cli::run()
}
