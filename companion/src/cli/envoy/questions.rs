//! Questions to whoever sits at the terminal.

use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};
use std::str::FromStr;

use anyhow::{Context, bail};

/// Whether there is somebody to ask.
pub(super) fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// The answer to a question; the default, if there is one, for an empty line. Asks again until the answer can be used. The
/// questions go to stderr, so that the file may go to stdout.
pub(super) fn ask<T>(question: &str, default: Option<T>) -> anyhow::Result<T>
where
    T: FromStr + Display,
    T::Err: Display,
{
    loop {
        match &default {
            Some(default) => eprint!("{question} [{default}]: "),
            None => eprint!("{question}: "),
        }
        std::io::stderr().flush()?;
        let mut line = String::new();
        if std::io::stdin().lock().read_line(&mut line).context("cannot read the answer")? == 0 {
            bail!("no answer to: {question}");
        }
        match (line.trim(), &default) {
            ("", Some(_)) => return default.context("a default"),
            ("", None) => eprintln!("  This one is needed."),
            (answer, _) => match answer.parse() {
                Ok(answer) => return Ok(answer),
                Err(error) => eprintln!("  {error}"),
            },
        }
    }
}
