//! What is known of functions that PostgreSQL's catalogue does not tell.

/// What a name stands for that PostgreSQL's own grammar or system schema gives a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builtin {
    /// Depends on its arguments, and on the session's settings and user at most.
    Pure,
    /// Depends on the time, the connection, or what is stored elsewhere.
    Impure,
    /// A stable function that is not known here to be pure.
    Unknown,
}

/// Stable functions of the system schema that depend on nothing beyond their arguments and the settings that are part of a key.
const PURE: [&str; 60] = [
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "convert",
    "convert_from",
    "convert_to",
    "current_catalog",
    "current_database",
    "current_role",
    "current_schema",
    "current_schemas",
    "current_user",
    "date",
    "date_part",
    "date_trunc",
    "enum_first",
    "enum_last",
    "enum_range",
    "extract",
    "format",
    "generate_series",
    "in_range",
    "json_agg",
    "json_build_array",
    "json_build_object",
    "json_object_agg",
    "json_to_tsvector",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object_agg",
    "jsonb_to_tsvector",
    "length",
    "make_timestamptz",
    "money",
    "numeric",
    "overlaps",
    "phraseto_tsquery",
    "plainto_tsquery",
    "quote_literal",
    "quote_nullable",
    "row_to_json",
    "session_user",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "ts_headline",
    "user",
    "websearch_to_tsquery",
];

/// What the grammar knows without the catalogue.
const GRAMMAR: [&str; 12] = [
    "coalesce", "nullif", "greatest", "least", "grouping", "row", "any", "all", "some", "array", "unnest",
    "exists",
];

/// Time as the grammar gives it.
const TIME: [&str; 5] = ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"];

/// What a lower-case name without a schema means to PostgreSQL's grammar; none if the catalogue decides. `stable` is a
/// function that the system schema calls stable, called with this many arguments.
pub fn builtin(name: &str, arguments: usize, stable: bool) -> Option<Builtin> {
    if TIME.contains(&name) {
        return Some(Builtin::Impure);
    }
    if GRAMMAR.contains(&name) || (arguments == 0 && is_identity(name)) {
        return Some(Builtin::Pure);
    }
    // With one argument `age` counts from today.
    if name == "age" {
        return Some(if arguments == 2 { Builtin::Pure } else { Builtin::Impure });
    }
    stable.then(|| if PURE.contains(&name) { Builtin::Pure } else { Builtin::Unknown })
}

fn is_identity(name: &str) -> bool {
    matches!(
        name,
        "current_user" | "session_user" | "user" | "current_role" | "current_catalog" | "current_schema"
    )
}

/// Whether the body of an immutable PL/pgSQL function reads no table: its author's word is not enough.
pub fn is_readonly_procedural(body: &str) -> bool {
    const READS: [&str; 8] =
        ["select", "from", "execute", "perform", "query", "cursor", "table", "current_setting"];
    let words = body.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    !words.map(str::to_ascii_lowercase).any(|word| READS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_meaning_of_their_own() {
        for (name, arguments, stable, expected) in [
            ("current_date", 0, false, Some(Builtin::Impure)),
            ("coalesce", 2, false, Some(Builtin::Pure)),
            ("current_user", 0, true, Some(Builtin::Pure)),
            ("age", 1, true, Some(Builtin::Impure)),
            ("age", 2, true, Some(Builtin::Pure)),
            ("to_char", 2, true, Some(Builtin::Pure)),
            ("now", 0, true, Some(Builtin::Unknown)),
            ("current_setting", 1, true, Some(Builtin::Unknown)),
            ("lower", 1, false, None),
        ] {
            assert_eq!(builtin(name, arguments, stable), expected, "{name}");
        }
    }

    #[test]
    fn a_body_that_may_read_is_not_believed() {
        assert!(is_readonly_procedural("BEGIN RETURN upper(x) || 'y'; END"));
        for body in
            ["BEGIN RETURN (SELECT 1); END", "begin perform f(); end", "EXECUTE 'x'", "RETURN QUERY x"]
        {
            assert!(!is_readonly_procedural(body), "{body}");
        }
    }
}
