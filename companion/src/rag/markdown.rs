//! Markdown, cut into passages by its headings.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// How long a passage becomes before the next begins, in bytes: the model sees its first 256 tokens.
const PASSAGE_BYTES: usize = 1_000;
/// A block that is longer is cut.
const BLOCK_BYTES: usize = 2_000;

/// A part of a document, under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// The headings above it, from the outermost.
    pub(crate) headings: Vec<String>,
    /// Its paragraphs, lists, tables and blocks of code, as they stand in the document.
    pub(crate) blocks: Vec<String>,
}

/// The passages of a document, in order.
pub(crate) fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut headings: Vec<(u8, String)> = Vec::new();
    let mut heading: Option<(u8, String)> = None;
    let (mut depth, mut is_new) = (0_usize, true);
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level as u8, String::new())),
            Event::End(TagEnd::Heading(_)) => {
                let Some((level, title)) = heading.take() else { continue };
                headings.retain(|(above, _)| *above < level);
                headings.push((level, title.trim().to_owned()));
                is_new = true;
            }
            Event::Text(part) | Event::Code(part) if heading.is_some() => {
                if let Some((_, title)) = &mut heading {
                    title.push_str(&part);
                }
            }
            _ if heading.is_some() => {}
            Event::Start(_) => {
                depth += 1;
                // Only what stands by itself is a block; the range reaches to its end.
                if depth == 1
                    && let Some(block) = text.get(range)
                {
                    add(&mut sections, &headings, block.trim_end(), std::mem::take(&mut is_new));
                }
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    sections
}

fn add(sections: &mut Vec<Section>, headings: &[(u8, String)], block: &str, is_new: bool) {
    for piece in pieces(block, BLOCK_BYTES) {
        let length = |section: &Section| section.blocks.iter().map(String::len).sum::<usize>();
        match sections.last_mut() {
            Some(last) if !is_new && length(last) + piece.len() <= PASSAGE_BYTES => {
                last.blocks.push(piece.to_owned());
            }
            // What begins a heading may have been put there by an earlier piece of the same block.
            _ => sections.push(Section {
                headings: headings.iter().map(|(_, title)| title.clone()).collect(),
                blocks: vec![piece.to_owned()],
            }),
        }
    }
}

/// A text in pieces of at most so many bytes, cut after lines if that can be, else between words, else between signs.
pub(crate) fn pieces(text: &str, limit: usize) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while rest.len() > limit {
        let whole = rest.floor_char_boundary(limit);
        let window = rest.get(..whole).unwrap_or(rest);
        let after = |found: Option<usize>| found.map(|at| at + 1).filter(|at| *at > limit / 2);
        let cut = after(window.rfind('\n')).or_else(|| after(window.rfind(' '))).unwrap_or(whole);
        let Some((piece, later)) = rest.split_at_checked(cut).filter(|_| cut > 0) else { break };
        pieces.push(piece);
        rest = later;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn headings_part_and_blocks_stay_whole() {
        let text = "before\n\n# A `b` *c*\n\none\ntwo\n\n- x\n- y\n\n## D\n\n```sh\n# no heading\nrun\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n# E\n\nend\n\n## Empty\n";
        let found = sections(text);
        let section = |headings: &[&str], blocks: &[&str]| Section {
            headings: headings.iter().map(|title| (*title).to_owned()).collect(),
            blocks: blocks.iter().map(|block| (*block).to_owned()).collect(),
        };
        assert_eq!(
            found,
            [
                section(&[], &["before"]),
                section(&["A b c"], &["one\ntwo", "- x\n- y"]),
                section(
                    &["A b c", "D"],
                    &["```sh\n# no heading\nrun\n```", "| a | b |\n|---|---|\n| 1 | 2 |"]
                ),
                section(&["E"], &["end"]),
            ]
        );
    }

    #[test]
    fn what_is_long_is_cut_without_loss() {
        let words = "word ".repeat(1_000);
        let found = sections(&format!("# T\n\n{words}"));
        assert!(found.len() > 2 && found.iter().all(|section| section.headings == ["T"]));
        let joined: String = found.iter().flat_map(|section| &section.blocks).map(String::as_str).collect();
        assert_eq!(joined.trim_end(), words.trim_end());
        for (text, limit) in [("ääää", 3), ("a b\nc d", 4), ("", 4), ("abcd", 4), ("x\u{1F600}y", 5)] {
            let cut = pieces(text, limit);
            assert_eq!(cut.concat(), text);
            assert!(cut.iter().all(|piece| piece.len() <= limit && !piece.is_empty()), "{cut:?}");
        }
    }
}
