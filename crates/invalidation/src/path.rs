//! Tags in the place of what a key leaves out.

/// What such a tag starts with.
pub(crate) const PATH_TAG: &str = "path:";

/// The tags of entries that may answer for a primary key although theirs leaves out parts of the URL:
/// `path:HOST/PATH` where it leaves out query parameters, `path:*/PATH` where it leaves out the host too.
///
/// A record of a key hits every entry with one of them.
pub fn path_tags(primary_key: &str) -> [String; 2] {
    let url = primary_key.split_once(' ').map_or(primary_key, |(_method, url)| url);
    let address = url.split_once('?').map_or(url, |(address, _query)| address);
    let path = address.find('/').and_then(|at| address.get(at..)).unwrap_or_default();
    [[PATH_TAG, address].concat(), [PATH_TAG, "*", path].concat()]
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_key_has_the_tags_of_its_path() {
        for (key, tags) in [
            ("GET shop.example/a/b?x=1", ["path:shop.example/a/b", "path:*/a/b"]),
            ("GET shop.example/a/b?x=/1?2", ["path:shop.example/a/b", "path:*/a/b"]),
            ("GET shop.example:8080/", ["path:shop.example:8080/", "path:*/"]),
            ("k", ["path:k", "path:*"]),
        ] {
            assert_eq!(path_tags(key), tags, "{key}");
        }
    }
}
