//! The pages about the filters' settings, made from the schemas.

use anyhow::{Context, Result};
use serde_json::Value;
use testbed::artifacts::FILTERS;
use testbed::workspace_root;

use super::Page;

/// One page for each filter.
pub(super) fn pages() -> Result<Vec<Page>> {
    FILTERS.iter().map(|filter| Ok((format!("docs/reference/{filter}.md"), page(filter)?))).collect()
}

fn page(filter: &str) -> Result<String> {
    let mut page = format!(
        "# {filter}: settings\nMade by `cargo xtask generate` from the filter's code. The schemas are\n\
         [envoy/schemas/{filter}.json](../../envoy/schemas/{filter}.json) and\n\
         [envoy/schemas/{filter}.route.json](../../envoy/schemas/{filter}.route.json); `slipstream envoy check` knows them.\n\n\
         ## The filter's configuration\nIn Envoy's `configuration`, as a `Struct` or as JSON in a `StringValue`.\n\n"
    );
    page += &table(&schema(&format!("{filter}.json"))?);
    page += &format!(
        "\n## Settings of a route\nIn the route's `metadata.filter_metadata`, under `slipstream.{filter}`.\n\n"
    );
    page += &table(&schema(&format!("{filter}.route.json"))?);
    Ok(page)
}

fn schema(file: &str) -> Result<Value> {
    let path = workspace_root().join("envoy/schemas").join(file);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{file} is not JSON"))
}

fn table(schema: &Value) -> String {
    let mut rows = vec!["| setting | type | default | meaning |\n|---|---|---|---|\n".to_owned()];
    rows_of(schema, schema, "", &mut rows);
    rows.concat()
}

/// A row for each setting, those inside of another after it: `companion.cluster`, `level_by_content_type[].types`.
fn rows_of(root: &Value, object: &Value, prefix: &str, rows: &mut Vec<String>) {
    let required = object["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (name, property) in object["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let target = resolve(root, property);
        let is_required = required.iter().any(|required| required == name);
        let default = match (&property["default"], is_required) {
            (_, true) => "required".to_owned(),
            (Value::Null | Value::Object(_), _) => String::new(),
            (default, _) => format!("`{default}`"),
        };
        let meaning =
            property["description"].as_str().or_else(|| target["description"].as_str()).unwrap_or_default();
        let meaning = meaning.replace('\n', " ").replace('|', "\\|");
        rows.push(format!("| `{path}` | {} | {default} | {meaning} |\n", kind(root, property)));
        let has_fields =
            |schema: &Value| schema["properties"].as_object().is_some_and(|fields| !fields.is_empty());
        let items = resolve(root, &target["items"]);
        if path == "defaults" {
            // The same as a route's, which have their own table.
            continue;
        } else if has_fields(target) {
            rows_of(root, target, &format!("{path}."), rows);
        } else if has_fields(items) {
            rows_of(root, items, &format!("{path}[]."), rows);
        }
    }
}

fn kind(root: &Value, schema: &Value) -> String {
    let schema = resolve(root, schema);
    if let Some(words) = words(schema) {
        return words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    }
    let range = match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        _ => String::new(),
    };
    match name_of(schema) {
        "array" => format!("list of {}", plural(&kind(root, &schema["items"]))),
        "integer" => format!("whole number{range}"),
        "object" if schema["additionalProperties"].is_object() => {
            format!("mapping to {}", plural(&kind(root, &schema["additionalProperties"])))
        }
        "string" => "text".to_owned(),
        "number" => "number".to_owned(),
        "boolean" => "true or false".to_owned(),
        _ => "mapping".to_owned(),
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "text" | "number" | "whole number" | "mapping" => format!("{kind}s"),
        _ => kind.to_owned(),
    }
}

/// The words that a setting may be.
fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(Value::as_str).collect();
    }
    let alternatives = schema["oneOf"].as_array()?;
    alternatives.iter().map(|one| one["const"].as_str()).collect()
}

/// The type's name, of those that are not null.
fn name_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or_default()
        }
        _ => "",
    }
}

/// What a reference, or an alternative to null, leads to.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let name = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/"));
    if let Some(target) = name.map(|name| &root["$defs"][name]) {
        return target;
    }
    let alternatives = schema["anyOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    let real = alternatives.iter().find(|one| one["type"] != "null");
    real.map_or(schema, |one| resolve(root, one))
}
