//! Keys of the cache, and references in responses.

use crate::input::Input;
use cache_policy::key::{self, Coding, KeyParts};
use cache_policy::{reference, vary};

/// Lines: authority, path, a header's value, a cookie.
pub fn of_request(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (authority, path, header, cookies) = (input.line(), input.line(), input.line(), input.line());
    let primary = key::primary(b"GET", authority, path);
    assert!(primary.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{primary:?}");
    assert_eq!(primary.matches(' ').count(), 1, "{primary:?}");
    assert!(!primary.contains('#'), "{primary:?}");
    assert_eq!(primary, key::primary(b"HEAD", authority, path));
    // What has been written once stays as it is.
    let (_, target) = primary.split_once('/').map_or(("", ""), |(host, _)| primary.split_at(host.len()));
    if key::is_valid_target(path) && !target.is_empty() {
        assert_eq!(
            primary,
            key::primary(b"GET", authority, target.as_bytes()),
            "{:?}",
            String::from_utf8_lossy(path)
        );
    }
    let fields: Vec<(&str, &[u8])> = vec![("x-tenant", header), ("cookie", cookies)];
    let names = ["x-tenant".to_owned(), "accept-language".to_owned()];
    let variant = vary::key(&primary, &names, &fields);
    assert!(
        variant.starts_with(&primary) && variant.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    );
    let _ = (Coding::Identity, KeyParts::default());
}

/// Lines: reference, authority, path.
pub fn reference(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (reference, authority, path) = (input.line(), input.line(), input.line());
    let base = [b"/", path].concat();
    if let Some(target) = reference::resolve(reference, authority, &base) {
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        assert!(path.is_empty() || path.starts_with(b"/"), "{:?}", String::from_utf8_lossy(&target));
        assert!(!path.windows(4).any(|four| four == b"/../"), "{:?}", String::from_utf8_lossy(&target));
    }
}
