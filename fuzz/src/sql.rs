//! What is found out about SQL, and records of changed tables.

use query_cache_model::{Record, body_shapes, expression_shape, is_readonly_procedural, shape as shape_of};

/// The bytes are a statement, a body of a function, an expression, a record.
pub fn shape(bytes: &[u8]) {
    // Deep nesting is refused by the parser, long before the stack ends.
    let sql = String::from_utf8_lossy(bytes);
    if let Ok(shape) = shape_of(&sql) {
        // What is cached is one statement; appending another makes it two.
        let two = format!("{sql}\n; DELETE FROM items");
        assert!(shape_of(&two).is_err(), "{two:?} is taken for {shape:?}");
    }
    let _ = (body_shapes(&sql), expression_shape(&sql), is_readonly_procedural(&sql));
    let _ = Record::decode(bytes);
}

/// A message of PostgreSQL's output plugin: it names no more tables than it has bytes for.
pub fn changes(bytes: &[u8]) {
    if let Ok(tables) = query_cache_model::pgoutput::changed_tables(bytes) {
        assert!(tables.len() * 4 <= bytes.len());
    }
}
