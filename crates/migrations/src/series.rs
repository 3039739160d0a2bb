//! All migrations of a target, in order.

use crate::{Error, FileError, Migration};

/// Where a new run of numbers may begin: at each multiple of it, or one further.
const BLOCK: u32 = 100;

/// All migrations of a target, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    migrations: Vec<Migration>,
}

impl Series {
    /// Reads files by name and text. Numbers run without gaps; a new run may begin at a multiple of 100.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let mut migrations = Vec::new();
        for (name, text) in files {
            migrations.push(Migration::parse(name, text).map_err(Error::File)?);
        }
        migrations.sort_by_key(|migration| migration.number);
        check_numbers(&migrations)?;
        check_indexes(&migrations)?;
        Ok(Self { migrations })
    }

    /// The migrations in order.
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// The migration with this number.
    pub fn get(&self, number: u32) -> Option<&Migration> {
        self.migrations.iter().find(|migration| migration.number == number)
    }

    /// The names of the sets that migrations belong to.
    pub fn sets(&self) -> Vec<&str> {
        let mut sets: Vec<&str> =
            self.migrations.iter().filter_map(|migration| migration.set.as_deref()).collect();
        sets.sort_unstable();
        sets.dedup();
        sets
    }
}

fn check_numbers(migrations: &[Migration]) -> Result<(), Error> {
    let mut before: Option<&Migration> = None;
    for migration in migrations {
        let number = migration.number;
        let error = |reason: String| Err(Error::File(FileError::new(&migration.file, None, reason)));
        match before {
            Some(twin) if twin.number == number => {
                return error(format!(
                    "has the number {number} as {} has; give one of them another",
                    twin.file
                ));
            }
            Some(before) if before.number + 1 == number => {}
            _ if number % BLOCK <= 1 => {}
            before => {
                let last = before.map_or(0, |before| before.number);
                return error(format!(
                    "number {number} follows {last}: {} is missing. Numbers run without gaps, but for a new run at a multiple of {BLOCK}",
                    last + 1
                ));
            }
        }
        before = Some(migration);
    }
    Ok(())
}

fn check_indexes(migrations: &[Migration]) -> Result<(), Error> {
    for (place, migration) in migrations.iter().enumerate() {
        let Some(evidence) = &migration.evidence else { continue };
        let twin = migrations
            .iter()
            .take(place)
            .find(|other| other.evidence.as_ref().is_some_and(|other| other.index == evidence.index));
        if let Some(twin) = twin {
            let reason = format!("is about the index {:?}, as {} is", evidence.index, twin.file);
            return Err(Error::File(FileError::new(&migration.file, None, reason)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(names: &[&str]) -> Result<Series, Error> {
        Series::new(names.iter().map(|name| (*name, "SELECT 1;")))
    }

    #[test]
    fn numbers_run_without_gaps_and_twins() {
        for (names, expected) in [
            (&["001_a.sql", "002_b.sql", "100_c.sql", "101_d.sql", "201_e.sql"][..], None),
            (&["002_b.sql", "001_a.sql"], None),
            (&[], None),
            (&["002_b.sql"], Some("002_b.sql: number 2 follows 0: 1 is missing")),
            (&["001_a.sql", "003_c.sql"], Some("003_c.sql: number 3 follows 1: 2 is missing")),
            (&["001_a.sql", "102_c.sql"], Some("102_c.sql: number 102 follows 1")),
            (&["001_a.sql", "1_b.sql"], Some("1_b.sql: has the number 1 as 001_a.sql has")),
        ] {
            match (series(names), expected) {
                (Ok(series), None) => {
                    assert!(series.migrations().is_sorted_by_key(|migration| migration.number));
                }
                (Err(error), Some(expected)) => {
                    assert!(error.to_string().contains(expected), "{names:?}: {error}");
                }
                (result, _) => panic!("{names:?}: {result:?}"),
            }
        }
    }
}
