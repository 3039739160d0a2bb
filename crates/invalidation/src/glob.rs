//! Patterns of whole keys.

/// Whether `pattern` matches all of `text`: `*` stands for any run of characters, everything else for itself.
///
/// Each piece between two stars is looked for behind the one before it, once: where it comes first leaves the most room
/// for the next.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for piece in middle.split('*') {
        let Some((_, behind)) = text.split_once(piece) else { return false };
        text = behind;
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_star_stands_for_any_run_and_all_else_for_itself() {
        for (pattern, matching, others) in [
            ("GET a/x?q=1", &["GET a/x?q=1"][..], &["GET a/x?q=11", "GET a/xyq=1", ""][..]),
            ("", &[""], &["a"]),
            ("*", &["", "a", "a/b?c"], &[]),
            ("**", &["", "a"], &[]),
            ("GET a/*", &["GET a/", "GET a/b/c?d"], &["GET a", "GET ab/"]),
            ("*.png", &["a/b.png", ".png"], &["a.png?v=1", "png"]),
            ("GET *.a/x*", &["GET b.a/x", "GET b.c.a/x/y"], &["GET a/x", "GET b.a/y"]),
            // The head and the tail may not share characters.
            ("aba*ba", &["ababa", "abaxba"], &["aba"]),
            ("a*b*c", &["abc", "aXbYc", "abbc"], &["acb", "ab", "bc"]),
            ("a*bc*bc", &["abcbc", "abcXbc"], &["abc"]),
            ("*a*b*", &["ab", "xaxbx"], &["ba"]),
            ("[ab]", &["[ab]"], &["a"]),
            ("é*", &["é", "éa"], &["e"]),
        ] {
            for text in matching {
                assert!(matches(pattern, text), "{pattern:?} {text:?}");
            }
            for text in others {
                assert!(!matches(pattern, text), "{pattern:?} {text:?}");
            }
        }
    }

    #[test]
    fn many_stars_take_no_longer() {
        let text = "a".repeat(8_000);
        assert!(!matches(&"a*".repeat(8_001), &text));
        assert!(!matches(&format!("{}b", "*a".repeat(4_000)), &text));
        assert!(matches(&"*a".repeat(4_000), &text));
    }
}
