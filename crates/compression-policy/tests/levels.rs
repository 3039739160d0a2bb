//! Levels by coding and content type.

use compression_policy::levels::{CodingLevels, range};
use compression_policy::{ContentTypes, Levels};
use http_semantics::ContentCoding::{self, Br, Deflate, Gzip, Zstd};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

#[test]
fn the_first_rule_that_has_a_level_counts() {
    let types = |patterns: &[&str]| ContentTypes::parse(patterns).unwrap();
    let levels = Levels {
        default: CodingLevels { gzip: Some(4), ..CodingLevels::default() },
        by_content_type: vec![
            (types(&["text/css"]), CodingLevels { br: Some(11), ..CodingLevels::default() }),
            (types(&["text/*"]), CodingLevels { br: Some(9), gzip: Some(9), ..CodingLevels::default() }),
        ],
    };
    for (coding, content_type, expected) in [
        (Br, "text/css; charset=utf-8", 11),
        (Gzip, "text/css", 9),
        (Br, "text/html", 9),
        (Gzip, "application/json", 4),
        (Zstd, "text/css", 3),
        (Br, "application/json", 5),
        (Deflate, "", 6),
    ] {
        assert_eq!(levels.level(coding, content_type.as_bytes()), expected, "{coding:?} {content_type}");
    }
}

#[test]
fn what_is_out_of_range_is_found() {
    for coding in ContentCoding::ALL {
        let with = |level| match coding {
            Gzip => CodingLevels { gzip: Some(level), ..CodingLevels::default() },
            Br => CodingLevels { br: Some(level), ..CodingLevels::default() },
            Zstd => CodingLevels { zstd: Some(level), ..CodingLevels::default() },
            Deflate => CodingLevels { deflate: Some(level), ..CodingLevels::default() },
        };
        for level in 0..=30 {
            let expected = (!range(coding).contains(&level)).then_some((coding, level));
            assert_eq!(with(level).out_of_range(), expected);
        }
        let default = Levels::default().level(coding, b"text/css");
        assert!(range(coding).contains(&default));
    }
}
