//! Labels inside a metric's name.

use crate::input::Input;

/// Lines are values.
pub fn encode(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        let mut name = String::new();
        metric_model::encode_label("route", input.line(), &mut name);
        let value = name.strip_prefix("route=.=").and_then(|rest| rest.strip_suffix(";.;"));
        let value = value.expect("it stands between its name and its end");
        assert!((1..=128).contains(&value.len()));
        assert!(
            value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte)),
            "{value:?}"
        );
    }
}
