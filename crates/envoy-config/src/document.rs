//! A YAML or JSON document whose parts know their lines.

use std::fmt;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

/// A part of a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// The line that it begins at, from 1.
    pub(crate) line: usize,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// In the document's order.
    Map(Vec<(String, Node)>),
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for Unreadable {}

impl Node {
    fn parse_all(text: &str) -> Result<Vec<Node>, Unreadable> {
        let documents = MarkedYaml::load_from_str(text)
            .map_err(|error| Unreadable { line: error.marker().line(), message: error.info().to_owned() })?;
        documents.iter().map(convert).collect()
    }

    /// Reads the first document of a text. JSON is YAML too.
    pub(crate) fn parse(text: &str) -> Result<Node, Unreadable> {
        let documents = MarkedYaml::load_from_str(text)
            .map_err(|error| Unreadable { line: error.marker().line(), message: error.info().to_owned() })?;
        let first = documents.first().map(convert).transpose()?;
        first.ok_or_else(|| Unreadable { line: 1, message: "there is nothing in it".to_owned() })
    }

    /// The same as JSON has it.
    fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Int(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(value) => value.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| (key.clone(), node.to_json()));
                serde_json::Value::Object(entries.collect())
            }
        }
    }

    /// The value under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(own, _)| own == key).map(|(_, node)| node)
    }

    /// The value under the keys, one in the other.
    pub(crate) fn at(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The entries of a mapping; none of anything else.
    pub(crate) fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none of anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text under the keys.
    pub(crate) fn text_at(&self, keys: &[&str]) -> Option<&str> {
        self.at(keys)?.text()
    }

    /// A whole number, also one in quotes: JSON's form of 64-bit numbers.
    pub(crate) fn number(&self) -> Option<i64> {
        match &self.value {
            Value::Int(number) => Some(*number),
            Value::Float(number) if number.fract() == 0.0 => Some(*number as i64),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        self.value == Value::Bool(true)
    }

    /// Whether this is the `@type` of a message, however its URL begins.
    pub(crate) fn is_type(&self, message: &str) -> bool {
        self.text_at(&["@type"]).is_some_and(|url| url.rsplit('/').next() == Some(message))
    }

    /// What it is, for people.
    pub(crate) fn kind(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the boolean {value}"),
            Value::Int(value) => format!("the number {value}"),
            Value::Float(value) => format!("the number {value}"),
            Value::Text(value) => format!("the text \"{value}\""),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// The documents of a text in YAML or JSON, as JSON.
pub fn documents(text: &str) -> Result<Vec<serde_json::Value>, Unreadable> {
    Ok(Node::parse_all(text)?.iter().map(Node::to_json).collect())
}

fn convert(marked: &MarkedYaml<'_>) -> Result<Node, Unreadable> {
    let line = marked.span.start.line();
    let value = match &marked.data {
        YamlData::Value(Scalar::Null) => Value::Null,
        YamlData::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        YamlData::Value(Scalar::Integer(value)) => Value::Int(*value),
        YamlData::Value(Scalar::FloatingPoint(value)) => Value::Float(value.into_inner()),
        YamlData::Value(Scalar::String(value)) => Value::Text(value.to_string()),
        YamlData::Sequence(items) => Value::List(items.iter().map(convert).collect::<Result<_, _>>()?),
        YamlData::Mapping(entries) => {
            let entry =
                |(key, node): (&MarkedYaml<'_>, &MarkedYaml<'_>)| Ok((key_text(key)?, convert(node)?));
            Value::Map(entries.iter().map(entry).collect::<Result<_, _>>()?)
        }
        YamlData::Tagged(_, inner) => return convert(inner),
        _ => return Err(Unreadable { line, message: "neither a value nor a list nor a mapping".to_owned() }),
    };
    Ok(Node { line, value })
}

fn key_text(key: &MarkedYaml<'_>) -> Result<String, Unreadable> {
    let node = convert(key)?;
    match node.value {
        Value::Text(text) => Ok(text),
        Value::Int(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        _ => Err(Unreadable { line: node.line, message: format!("expected a key, found {}", node.kind()) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_know_their_lines_in_yaml_and_json() {
        let yaml = Node::parse("a:\n  - b: 1\n    c: [x, 2.5]\n").unwrap();
        let json = Node::parse("{\"a\":\n [{\"b\": 1,\n \"c\": [\"x\", 2.5]}]}").unwrap();
        for node in [&yaml, &json] {
            let list = node.at(&["a"]).unwrap().items();
            let c = list[0].get("c").unwrap();
            assert_eq!((c.line, c.items()[0].text()), (3, Some("x")));
            assert_eq!(list[0].get("b").unwrap().number(), Some(1));
            assert_eq!(c.items()[1].value, Value::Float(2.5));
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        for (text, line) in [("a: [1\nb: 2", 2), ("", 1), ("a: 1\na: 2\n", 2)] {
            let error = Node::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}: {error}");
        }
    }
}
