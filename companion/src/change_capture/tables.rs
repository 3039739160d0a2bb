//! Tables as the catalogue has them: which are followed, why others are not, and which responses are built from them.

use std::collections::HashMap;

use super::catalogue::quoted;
use super::status::TableStatus;
use super::tags::{Mapping, is_named};

/// A table, as the catalogue has it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    /// Its changes can be published without making UPDATE and DELETE fail.
    pub(super) is_identifiable: bool,
    /// It is in the publication, whole.
    pub(super) is_published: bool,
    /// It is in the publication by a name of its own.
    pub(super) is_listed: bool,
    /// Schemas and names of the tables that it is a part of: a partition's, a child's, a chunk's.
    pub(super) parents: Vec<(String, String)>,
}

impl Table {
    fn is_named(&self, pattern: &str) -> bool {
        self.is_any(|schema, name| is_named(pattern, schema, name))
    }

    /// Whether it, or a table that it is a part of, is meant.
    fn is_any(&self, is_meant: impl Fn(&str, &str) -> bool) -> bool {
        is_meant(&self.schema, &self.name) || self.parents.iter().any(|(schema, name)| is_meant(schema, name))
    }

    /// Where TimescaleDB lists its chunks.
    fn is_chunk_list(&self) -> bool {
        self.schema == "_timescaledb_catalog" && self.name == "chunk"
    }

    /// Its name in SQL.
    pub(super) fn quoted(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

/// Which tables the settings ask for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// By `NAME`, `SCHEMA.NAME` or `SCHEMA.*`; none: all.
    pub(super) patterns: &'a [String],
    pub(super) mappings: &'a [Mapping],
}

impl Wanted<'_> {
    /// Whether the settings ask for this table.
    pub(super) fn has(&self, table: &Table) -> bool {
        self.patterns.is_empty()
            || table.is_chunk_list()
            || self.patterns.iter().any(|pattern| table.is_named(pattern))
            || !self.tags(table).is_empty()
    }

    /// The tags of the responses that are built from its rows.
    fn tags(&self, table: &Table) -> Vec<String> {
        let own = self.mappings.iter();
        let own = own.filter(|mapping| table.is_any(|schema, name| mapping.is_of(schema, name)));
        own.map(|mapping| mapping.tag().to_owned()).collect()
    }
}

/// The tables, and what goes with them.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Whose changes the publication brings.
    pub(super) published: Vec<u32>,
    /// How each stands.
    pub(super) status: Vec<TableStatus>,
    /// The tags of the responses that are built from a table's rows.
    pub(super) tags: HashMap<u32, Vec<String>>,
    /// Where TimescaleDB lists its chunks: a change there is one of definitions.
    pub(super) chunk_list: Option<u32>,
    all: Vec<Table>,
}

impl Tables {
    /// Says how each stands; `failures` are those that could not be published, and why.
    pub(super) fn new(all: Vec<Table>, wanted: Wanted<'_>, failures: &HashMap<u32, String>) -> Self {
        let mut tables = Self::default();
        for table in &all {
            if table.is_chunk_list() {
                tables.chunk_list = Some(table.oid);
            }
            let tags = wanted.tags(table);
            if !tags.is_empty() {
                tables.tags.insert(table.oid, tags);
            }
            let refused = if table.is_published && table.is_identifiable {
                tables.published.push(table.oid);
                None
            } else if let Some(failure) = failures.get(&table.oid) {
                Some(failure.clone())
            } else if !table.is_identifiable {
                Some(
                    "it has no replica identity, and published without one its UPDATE and DELETE would fail: \
                     give it a primary key, or ALTER TABLE … REPLICA IDENTITY"
                        .to_owned(),
                )
            } else if !wanted.has(table) {
                Some("change_capture.tables does not name it".to_owned())
            } else {
                Some("the publication leaves out some of its rows or columns".to_owned())
            };
            let name = format!("{}.{}", table.schema, table.name);
            tables.status.push(TableStatus { table: name, refused });
        }
        tables.all = all;
        tables
    }

    /// The oids of the tables with this name, of all in the schema with `SCHEMA.*`, and of their parts.
    pub(super) fn named(&self, pattern: &str) -> Vec<u32> {
        self.all.iter().filter(|table| table.is_named(pattern)).map(|table| table.oid).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERNAL: &str = "_timescaledb_internal";

    fn table(oid: u32, schema: &str, name: &str, is_identifiable: bool, parents: &[(&str, &str)]) -> Table {
        let parents =
            parents.iter().map(|(schema, name)| ((*schema).to_owned(), (*name).to_owned())).collect();
        let (schema, name) = (schema.to_owned(), name.to_owned());
        let (is_published, is_listed) = (is_identifiable, is_identifiable);
        Table { oid, schema, name, is_identifiable, is_published, is_listed, parents }
    }

    /// A hypertable with two chunks, one of them compressed, and a continuous aggregate, as TimescaleDB makes them.
    fn hypertable() -> Vec<Table> {
        vec![
            table(1, "_timescaledb_catalog", "chunk", true, &[]),
            table(2, "tp", "signals", true, &[]),
            table(3, INTERNAL, "_hyper_1_1_chunk", true, &[("tp", "signals")]),
            table(4, INTERNAL, "_hyper_1_2_chunk", true, &[("tp", "signals")]),
            table(5, INTERNAL, "_compressed_hypertable_2", false, &[]),
            table(6, INTERNAL, "compress_hyper_2_3_chunk", false, &[(INTERNAL, "_compressed_hypertable_2")]),
            table(7, INTERNAL, "_materialized_hypertable_3", false, &[]),
            table(8, INTERNAL, "_hyper_3_4_chunk", false, &[(INTERNAL, "_materialized_hypertable_3")]),
            table(9, "tp", "other", true, &[]),
        ]
    }

    #[test]
    fn chunks_are_their_hypertables() {
        let mappings = [Mapping::parse("tp.signals=signals").unwrap()];
        let patterns = ["stock.*".to_owned()];
        let wanted = Wanted { patterns: &patterns, mappings: &mappings };
        let all = hypertable();
        // A table with a tag, its chunks, and the list of chunks are followed, whatever the patterns say.
        let has: Vec<u32> = all.iter().filter(|table| wanted.has(table)).map(|table| table.oid).collect();
        assert_eq!(has, [1, 2, 3, 4]);
        let tables = Tables::new(all, wanted, &HashMap::new());
        assert_eq!(tables.chunk_list, Some(1));
        for (oid, tag) in [(2, true), (3, true), (4, true), (6, false), (8, false), (9, false)] {
            assert_eq!(tables.tags.get(&oid).is_some_and(|tags| tags == &["signals"]), tag, "{oid}");
        }
        assert_eq!(tables.named("signals"), [2, 3, 4]);
        assert_eq!(tables.named("tp.*"), [2, 3, 4, 9]);
    }

    #[test]
    fn what_is_compressed_or_materialized_is_not_followed() {
        let wanted = Wanted { patterns: &[], mappings: &[] };
        let tables = Tables::new(hypertable(), wanted, &HashMap::new());
        assert_eq!(tables.published, [1, 2, 3, 4, 9]);
        for (name, refused) in [
            ("_timescaledb_internal._hyper_1_2_chunk", false),
            ("_timescaledb_internal.compress_hyper_2_3_chunk", true),
            ("_timescaledb_internal._materialized_hypertable_3", true),
            ("_timescaledb_internal._hyper_3_4_chunk", true),
        ] {
            let status = tables.status.iter().find(|status| status.table == name).unwrap();
            assert_eq!(
                status.refused.as_ref().is_some_and(|why| why.contains("replica identity")),
                refused,
                "{name}"
            );
        }
    }

    #[test]
    fn a_new_chunk_is_what_the_others_are() {
        let mappings = [Mapping::parse("signals=signals").unwrap()];
        let wanted = Wanted { patterns: &[], mappings: &mappings };
        let mut all = hypertable();
        // Listed before it is published.
        let mut new = table(10, INTERNAL, "_hyper_1_5_chunk", true, &[("tp", "signals")]);
        new.is_published = false;
        all.push(new);
        let failures = HashMap::from([(10, "cannot be published: must be owner".to_owned())]);
        let tables = Tables::new(all, wanted, &failures);
        assert!(!tables.published.contains(&10) && tables.tags.contains_key(&10));
        let refused = tables.status.last().and_then(|status| status.refused.clone()).unwrap();
        assert!(refused.contains("must be owner"), "{refused}");
    }
}
