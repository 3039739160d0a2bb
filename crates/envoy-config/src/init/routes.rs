//! The routes of a service whose paths are cached by what a person says, or by what the service says.

use std::str::FromStr;

/// A path whose responses live for some time although the service says nothing of it: `/api/items=300`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedPath {
    /// The path and what is below it.
    pub path: String,
    /// Seconds.
    pub seconds: u64,
}

impl FromStr for CachedPath {
    type Err = String;

    fn from_str(text: &str) -> Result<CachedPath, String> {
        let wrong = || format!("`{text}`: expected PATH=SECONDS, such as /api/items=300");
        let (path, seconds) = text.rsplit_once('=').ok_or_else(wrong)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
        let seconds = seconds.parse().ok().filter(|seconds| (1..=31_536_000).contains(seconds));
        // Envoy's path_separated_prefix takes no slash at the end.
        let is_path =
            path.starts_with('/') && path.len() > 1 && !path.ends_with('/') && path.bytes().all(is_plain);
        match seconds {
            Some(seconds) if is_path => Ok(CachedPath { path: path.to_owned(), seconds }),
            _ => Err(wrong()),
        }
    }
}

impl CachedPath {
    fn name(&self) -> String {
        let name: String = self
            .path
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        name.trim_matches('-').to_owned()
    }
}

/// For each path one route for what writes, which invalidates, and one for what reads.
pub(super) fn render(service: &str, cached: &[CachedPath]) -> String {
    let mut text = String::new();
    for path in cached {
        let (name, CachedPath { path, seconds }) = (path.name(), path);
        text += &format!(
            r#"                        - name: {name}-write
                          match:
                            path_separated_prefix: {path}
                            headers: [{{ name: ":method", string_match: {{ safe_regex: {{ regex: "POST|PUT|PATCH|DELETE" }} }} }}]
                          route: {{ cluster: {service}, timeout: 30s }}
                          metadata:
                            filter_metadata:
                              # A write that succeeds drops every stored response with this tag, everywhere.
                              slipstream.response-cache: {{ invalidates: [{name}] }}
                        - name: {name}
                          match: {{ path_separated_prefix: {path} }}
                          route: {{ cluster: {service}, timeout: 30s }}
                          metadata:
                            filter_metadata:
                              # For responses that say nothing of their lifetime themselves.
                              slipstream.response-cache: {{ default_ttl_seconds: {seconds}, tags: [{name}] }}
"#
        );
    }
    text += &format!(
        "                        # Here, what says so itself (Cache-Control) is cached, and nothing else.\n                        - name: default\n                          match: {{ prefix: / }}\n                          route: {{ cluster: {service}, timeout: 30s }}\n"
    );
    text
}
