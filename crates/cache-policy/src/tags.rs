//! Tags that a response brings along: `Surrogate-Key: items item-7`, `Cache-Tag: items, item-7`.

use http_semantics::Fields;

/// How many tags a response may have, those of its route included.
pub const MAX_TAGS: usize = 128;
/// How long a tag may be, in bytes.
pub const MAX_TAG_BYTES: usize = 256;

/// A response's tags are too many or too long, or not visible ASCII: it could not be invalidated by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadTags;

/// The tags of a response: those of its route, and those that stand in its `fields`, separated by spaces or commas.
/// None is listed twice.
pub fn of_response(
    response: &(impl Fields + ?Sized),
    fields: &[String],
    route: &[String],
) -> Result<Vec<String>, BadTags> {
    let mut tags = route.to_vec();
    for value in fields.iter().flat_map(|name| response.values(name)) {
        let listed = value.split(|byte| matches!(byte, b' ' | b'\t' | b','));
        for tag in listed.filter(|tag| !tag.is_empty()) {
            let text =
                str::from_utf8(tag).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
            let text = text.filter(|text| text.len() <= MAX_TAG_BYTES).ok_or(BadTags)?;
            if !tags.iter().any(|known| known == text) {
                tags.push(text.to_owned());
            }
        }
    }
    if tags.len() > MAX_TAGS { Err(BadTags) } else { Ok(tags) }
}
