//! Adding up the result lines of test programs.

use std::fmt;

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
    pub fn read(&mut self, line: &str) {
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
}
