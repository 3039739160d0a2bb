//! Whether a part of a document is what a JSON Schema says, in as much of that language as the filters' schemas use.

use serde_json::Value as Json;

use crate::document::{Node, Unreadable, Value};

/// Where a part is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// The place below the part that was checked: `.l1.max_bytes`, or empty.
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) problem: String,
    pub(crate) fix: String,
}

/// All mistakes in a part. A schema that cannot be read accepts everything: it is part of this program, and tested.
pub(crate) fn mistakes(schema: &str, node: &Node) -> Vec<Mistake> {
    let Ok(root) = serde_json::from_str(schema) else { return Vec::new() };
    let mut found = Vec::new();
    Checker { root: &root, found: &mut found }.check(&root, node, "");
    found
}

/// What in the first document of a text is not as a schema says, each as `PATH PROBLEM; FIX`. Of JSON Schema it knows what the
/// filters' schemas use: types, properties, required, items, enum, const, anyOf, oneOf, minimum, maximum and references.
pub fn conform(schema: &str, text: &str) -> Result<Vec<String>, Unreadable> {
    let found = mistakes(schema, &Node::parse(text)?);
    Ok(found
        .into_iter()
        .map(|mistake| format!("{} {}; {}", mistake.path, mistake.problem, mistake.fix))
        .collect())
}

struct Checker<'a> {
    root: &'a Json,
    found: &'a mut Vec<Mistake>,
}

impl<'a> Checker<'a> {
    fn check(&mut self, schema: &'a Json, node: &Node, path: &str) {
        let schema = self.resolve(schema);
        let alternatives = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(key)?.as_array());
        if let Some(alternatives) = alternatives {
            return self.check_alternatives(alternatives, node, path);
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|name| is_type(name, node)) {
            let expected = types.iter().filter(|name| **name != "null").map(|name| article(name));
            let expected = expected.collect::<Vec<_>>().join(" or ");
            return self.mistake(path, node, format!("is {}", node.kind()), format!("write {expected}"));
        }
        if let Some(allowed) = schema.get("enum").and_then(Json::as_array) {
            let allowed: Vec<&str> = allowed.iter().filter_map(Json::as_str).collect();
            if !node.text().is_some_and(|text| allowed.contains(&text)) && node.value != Value::Null {
                let fix = format!("write one of {}", allowed.join(", "));
                return self.mistake(path, node, format!("is {}", node.kind()), fix);
            }
        }
        if let Some(only) = schema.get("const").and_then(Json::as_str)
            && node.text() != Some(only)
        {
            self.mistake(path, node, format!("is {}", node.kind()), format!("write {only}"));
        }
        self.check_range(schema, node, path);
        if let Some(items) = schema.get("items") {
            for (index, item) in node.items().iter().enumerate() {
                self.check(items, item, &format!("{path}[{index}]"));
            }
        }
        if matches!(node.value, Value::Map(_)) {
            self.check_mapping(schema, node, path);
        }
    }

    fn check_mapping(&mut self, schema: &'a Json, node: &Node, path: &str) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let others = schema.get("additionalProperties");
        for (key, value) in node.entries() {
            let place = format!("{path}.{key}");
            match (properties.and_then(|properties| properties.get(key)), others) {
                (Some(schema), _) => self.check(schema, value, &place),
                (None, Some(Json::Bool(false))) => {
                    let known = properties.into_iter().flat_map(|properties| properties.keys());
                    let known: Vec<&str> = known.map(String::as_str).collect();
                    self.mistake(&place, value, "is not known".to_owned(), suggestion(key, &known));
                }
                (None, Some(schema @ Json::Object(_))) => self.check(schema, value, &place),
                (None, _) => {}
            }
        }
        for required in schema.get("required").and_then(Json::as_array).into_iter().flatten() {
            if let Some(required) = required.as_str().filter(|required| node.get(required).is_none()) {
                self.mistake(path, node, format!("`{required}` is missing"), format!("add `{required}`"));
            }
        }
    }

    fn check_range(&mut self, schema: &Json, node: &Node, path: &str) {
        let number = match node.value {
            Value::Int(number) => number as f64,
            Value::Float(number) => number,
            _ => return,
        };
        let bound = |key| schema.get(key).and_then(Json::as_f64);
        let (least, most) = (bound("minimum"), bound("maximum"));
        if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
            let fix = match (least, most) {
                (Some(least), Some(most)) => format!("write {least} to {most}"),
                (Some(least), None) => format!("write {least} or more"),
                (_, most) => format!("write {} or less", most.unwrap_or_default()),
            };
            self.mistake(path, node, format!("is {number}"), fix);
        }
    }

    /// Of several alternatives none of which fits, the mistakes of the one that comes nearest are told.
    fn check_alternatives(&mut self, alternatives: &'a [Json], node: &Node, path: &str) {
        let words: Vec<&str> = alternatives.iter().filter_map(|one| one.get("const")?.as_str()).collect();
        if words.len() == alternatives.len() && !words.is_empty() {
            if !node.text().is_some_and(|text| words.contains(&text)) {
                let fix = format!("write one of {}", words.join(", "));
                self.mistake(path, node, format!("is {}", node.kind()), fix);
            }
            return;
        }
        let mut nearest: Option<Vec<Mistake>> = None;
        for alternative in alternatives {
            let mut found = Vec::new();
            Checker { root: self.root, found: &mut found }.check(alternative, node, path);
            if found.is_empty() {
                return;
            }
            let is_null = alternative.get("type").and_then(Json::as_str) == Some("null");
            if !is_null && nearest.as_ref().is_none_or(|nearest| found.len() < nearest.len()) {
                nearest = Some(found);
            }
        }
        self.found.extend(nearest.unwrap_or_default());
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let name = schema.get("$ref").and_then(Json::as_str).and_then(|name| name.strip_prefix("#/$defs/"));
        name.and_then(|name| self.root.get("$defs")?.get(name)).unwrap_or(schema)
    }

    fn mistake(&mut self, path: &str, node: &Node, problem: String, fix: String) {
        self.found.push(Mistake { path: path.to_owned(), line: node.line, problem, fix });
    }
}

fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_type(name: &str, node: &Node) -> bool {
    match (name, &node.value) {
        ("null", Value::Null)
        | ("boolean", Value::Bool(_))
        | ("integer" | "number", Value::Int(_))
        | ("number", Value::Float(_))
        | ("string", Value::Text(_))
        | ("array", Value::List(_))
        | ("object", Value::Map(_)) => true,
        // Envoy's Struct knows one kind of number.
        ("integer", Value::Float(number)) => number.fract() == 0.0,
        _ => false,
    }
}

fn article(name: &str) -> &'static str {
    match name {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a text",
        "array" => "a list",
        _ => "a mapping",
    }
}

/// The nearest known key, or all of them.
fn suggestion(key: &str, known: &[&str]) -> String {
    let nearest = known.iter().min_by_key(|known| distance(key, known));
    match nearest {
        Some(nearest) if distance(key, nearest) <= 2 => format!("did you mean `{nearest}`?"),
        Some(_) => format!("remove it; known are {}", known.join(", ")),
        None => "remove it".to_owned(),
    }
}

/// How many characters must be put in, taken out or replaced to make one of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (right, pair) in b.iter().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            let before = next.last().copied().unwrap_or(0);
            next.push((above + 1).min(before + 1).min(diagonal + usize::from(left != *right)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Filter;

    fn said(filter: &str, yaml: &str) -> Vec<String> {
        let schema = Filter::named(filter).unwrap().schema;
        let found = mistakes(schema, &Node::parse(yaml).unwrap());
        found.into_iter().map(|m| format!("{} {} {}; {}", m.line, m.path, m.problem, m.fix)).collect()
    }

    #[test]
    fn mistakes_are_named_with_line_path_and_fix() {
        let cache = "companion: {cluster: c}\n";
        let cases = [
            ("compression", "min_byte: 5", "1 .min_byte is not known; did you mean `min_bytes`?"),
            ("compression", "min_bytes: '5'", "1 .min_bytes is the text \"5\"; write a whole number"),
            ("compression", "min_bytes: -1", "1 .min_bytes is -1; write 1 to 16777216"),
            ("compression", "levels:\n  gzip: 10", "2 .levels.gzip is 10; write 1 to 9"),
            (
                "compression",
                "levels: {brotli: 1}",
                "1 .levels.brotli is not known; remove it; known are br, deflate, gzip, zstd",
            ),
            (
                "compression",
                "level_by_content_type: [{gzip: 5}]",
                "1 .level_by_content_type[0] `types` is missing; add `types`",
            ),
            ("response-cache", "l1: {}", "1  `companion` is missing; add `companion`"),
            (
                "response-cache",
                &format!("{cache}refresh: {{timeout_ms: 5}}"),
                "2 .refresh `cluster` is missing; add `cluster`",
            ),
            (
                "response-cache",
                &format!("{cache}defaults: {{preset: brave}}"),
                "2 .defaults.preset is the text \"brave\"; write one of cautious, rfc9111",
            ),
            (
                "response-cache",
                &format!("{cache}defaults: {{key_query: {{only: a}}}}"),
                "2 .defaults.key_query.only is the text \"a\"; write a list",
            ),
            (
                "response-cache",
                &format!("{cache}defaults: {{status_ttl_seconds: {{'404': x}}}}"),
                "2 .defaults.status_ttl_seconds.404 is the text \"x\"; write a whole number",
            ),
            (
                "request-metrics",
                "upstream_duration: 1",
                "1 .upstream_duration is the number 1; write true or false",
            ),
        ];
        for (filter, yaml, expected) in cases {
            assert_eq!(said(filter, yaml), [expected], "{yaml}");
        }
    }

    #[test]
    fn what_is_right_is_accepted() {
        let cases = [
            (
                "compression",
                "{levels: {gzip: 6, br: 5.0}, codings: [zstd], level_by_content_type: [{types: [a/b], br: 9}]}",
            ),
            (
                "response-cache",
                "{companion: {cluster: c}, refresh: {cluster: r}, defaults: {preset: rfc9111, key_query: {except: [a]}, methods: [GET, HEAD]}}",
            ),
            (
                "request-metrics",
                "{service: x, label_sets_at_start: [{route: a, method: GET, status: 200}], duration_buckets_seconds: [0.5, 1]}",
            ),
        ];
        for (filter, yaml) in cases {
            assert_eq!(said(filter, yaml), [String::new(); 0], "{yaml}");
        }
    }
}
