//! `google.protobuf.Struct` and JSON: what a YAML mapping in Envoy's configuration becomes on its way to a filter.

use prost_types::{Struct, Value as Protobuf, value::Kind};
use serde_json::Value as Json;

/// The JSON object that a Struct stands for.
pub(crate) fn to_json(fields: Struct) -> Json {
    fields.fields.into_iter().map(|(name, value)| (name, value_to_json(value))).collect()
}

fn value_to_json(value: Protobuf) -> Json {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => Json::Bool(value),
        Some(Kind::StringValue(value)) => Json::String(value),
        Some(Kind::NumberValue(value)) => number(value),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(value_to_json).collect(),
        Some(Kind::StructValue(fields)) => to_json(fields),
    }
}

/// A Struct knows only doubles; a whole one is what a field of an integer type expects.
fn number(value: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT { (value as i64).into() } else { value.into() }
}

/// The Struct of a JSON object; empty for anything else.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn from_json(object: &Json) -> Struct {
    let members = object.as_object().into_iter().flatten();
    Struct { fields: members.map(|(name, member)| (name.clone(), value_from_json(member))).collect() }
}

#[cfg(not(target_arch = "wasm32"))]
fn value_from_json(json: &Json) -> Protobuf {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => {
            Kind::ListValue(prost_types::ListValue { values: items.iter().map(value_from_json).collect() })
        }
        Json::Object(_) => Kind::StructValue(from_json(json)),
    };
    Protobuf { kind: Some(kind) }
}
