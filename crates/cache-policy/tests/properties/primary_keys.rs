//! Primary keys of different resources differ.

use cache_policy::key;
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{path_and_query, query, text};

fn name(parameter: &str) -> &str {
    parameter.split('=').next().unwrap_or_default()
}

/// What two requests must agree in to ask for the same thing: parameters may stand in any order, but not those of one
/// name. No query, and a query that is empty, differ; a query of one empty parameter is an empty query.
fn resource(
    method: &str,
    authority: &str,
    path: &str,
    query: Option<&[String]>,
) -> impl PartialEq + std::fmt::Debug {
    let query = query.map(|query| {
        let mut query = if query.is_empty() { vec![String::new()] } else { query.to_vec() };
        query.sort_by(|left, right| name(left).cmp(name(right)));
        query
    });
    (method.replace("HEAD", "GET"), authority.to_ascii_lowercase(), path.to_string(), query)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn different_resources_have_different_primary_keys(
        methods in [select(vec!["GET", "HEAD", "PUT"]), select(vec!["GET", "HEAD", "PUT"])],
        authorities in [text("aA/?#% ", 2), text("aA/?#% ", 2)],
        paths in [text("a/%2", 2), text("a/%2", 2)],
        queries in [query(), query()],
    ) {
        let key_of = |index: usize| {
            let target = path_and_query(&paths[index], queries[index].as_deref());
            assert!(key::is_valid_target(target.as_bytes()));
            key::primary(methods[index].as_bytes(), authorities[index].as_bytes(), target.as_bytes())
        };
        let resource_of = |index: usize| {
            resource(methods[index], &authorities[index], &paths[index], queries[index].as_deref())
        };
        if key_of(0) == key_of(1) {
            prop_assert_eq!(resource_of(0), resource_of(1));
        }
    }

    #[test]
    fn the_order_of_differently_named_parameters_does_not_matter(
        values in vec(text("ab=%6", 3), 0..5), rotation in 0_usize..5
    ) {
        let query: Vec<_> = values.iter().enumerate().map(|(index, value)| format!("n{index}={value}")).collect();
        let mut rotated = query.clone();
        rotated.rotate_left(rotation % query.len().max(1));
        let key_of = |query: &[String]| key::primary(b"GET", b"a", path_and_query("", Some(query)).as_bytes());
        prop_assert_eq!(key_of(&query), key_of(&rotated));
    }

    #[test]
    fn a_key_is_a_fixed_point(path in text("a/%2", 3), query in query()) {
        let target = path_and_query(&path, query.as_deref());
        let key = key::primary(b"GET", b"host", target.as_bytes());
        let again = key.strip_prefix("GET host").unwrap();
        prop_assert_eq!(key::primary(b"GET", b"host", again.as_bytes()), key.clone());
    }
}
