//! Adding up the result lines of test programs.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::ExitStatus;

use anyhow::Result;

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Those that passed.
    pub passed: u32,
    /// Those that failed.
    pub failed: u32,
}

impl Summary {
    /// Adds what a line says if it is a result line, such as `test result: ok. 3 passed; 0 failed; 0 ignored`.
    fn read(&mut self, line: &str) {
        // A test that prints without a line's end comes before it on the same line.
        let Some((_, result)) = line.split_once("test result: ") else { return };
        let Some((_, counts)) = result.split_once(". ") else { return };
        for count in counts.split(';') {
            match count.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse::<u32>().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse::<u32>().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// Passes on what test programs print, and adds up its result lines.
    pub fn of(output: impl Read, passed_on_to: &mut impl Write) -> Result<Summary> {
        let mut summary = Summary::default();
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            passed_on_to.write_all(&line)?;
            passed_on_to.write_all(b"\n")?;
            summary.read(&String::from_utf8_lossy(&line));
        }
        Ok(summary)
    }

    /// With one failure if it ended so without saying which: something did not compile, or a program died before it could sum
    /// up.
    pub fn ended(self, status: ExitStatus) -> Summary {
        if status.success() || self.failed > 0 { self } else { Summary { failed: 1, ..self } }
    }

    /// Adds another summary.
    pub fn add(&mut self, other: Summary) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn result_lines_add_up_and_others_do_not_count() {
        let mut summary = Summary::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 filtered out",
            "noisetest result: ok. 10 passed; 0 failed; 0 ignored",
            "5 passed; 5 failed",
            "test result: ",
        ] {
            summary.read(line);
        }
        assert_eq!(summary, Summary { passed: 17, failed: 2 });
        assert_eq!(summary.to_string(), "17 passed, 2 failed");
    }

    #[test]
    fn what_is_printed_is_passed_on() {
        let mut passed_on = Vec::new();
        let summary = Summary::of(&b"a\ntest result: ok. 3 passed; 0 failed\n"[..], &mut passed_on).unwrap();
        assert_eq!(summary, Summary { passed: 3, failed: 0 });
        assert_eq!(passed_on, b"a\ntest result: ok. 3 passed; 0 failed\n");
    }

    #[test]
    fn who_ends_badly_without_a_failure_is_one() {
        let (good, bad) = (ExitStatus::from_raw(0), ExitStatus::from_raw(9));
        for (failed, status, expected) in [(0, good, 0), (0, bad, 1), (2, bad, 2)] {
            assert_eq!(Summary { passed: 1, failed }.ended(status), Summary { passed: 1, failed: expected });
        }
    }
}
