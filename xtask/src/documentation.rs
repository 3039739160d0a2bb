//! The documents: that every page is in the book, and that every link leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use testbed::workspace_root;

/// A place in a document that leads elsewhere.
struct Link {
    line: usize,
    target: String,
}

/// The lines of a document that are no code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// A line without what stands in backticks.
fn without_code(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let ticks = rest[at..].bytes().take_while(|byte| *byte == b'`').count();
        kept.push_str(&rest[..at]);
        let after = &rest[at + ticks..];
        let Some(end) = after.find(&"`".repeat(ticks)) else { break };
        rest = &after[end + ticks..];
    }
    kept + rest
}

fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    for (line, content) in prose(text) {
        let content = without_code(content);
        let mut rest = content.as_str();
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            let Some(end) = rest.find(')') else { break };
            found.push(Link { line: line + 1, target: rest[..end].trim_matches(['<', '>']).to_owned() });
        }
    }
    found
}

/// What links name headings by: small letters and digits, and hyphens in the places of spaces.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings =
        prose(text).filter_map(|(_, line)| line.strip_prefix('#').map(|rest| rest.trim_start_matches('#')));
    let slug = |heading: &str| -> String {
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

/// All documents of a folder, and of those in it.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(documents(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_page_is_in_the_book_once() {
    let docs = workspace_root().join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let listed: Vec<PathBuf> = links(&summary).into_iter().map(|link| docs.join(link.target)).collect();
    for page in documents(&docs).into_iter().filter(|page| !page.ends_with("SUMMARY.md")) {
        let times = listed.iter().filter(|listed| **listed == page).count();
        assert_eq!(times, 1, "{} stands {times} times in docs/SUMMARY.md", page.display());
    }
    let book: toml::Table = fs::read_to_string(docs.join("book.toml")).unwrap().parse().unwrap();
    assert_eq!(book["book"]["src"].as_str(), Some("."));
}

#[test]
fn every_link_leads_somewhere() {
    let root = workspace_root();
    let mut all = documents(&root.join("docs"));
    all.extend(documents(&root.join("envoy")));
    all.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root.join(name)));
    let mut broken = Vec::new();
    let mut checked = 0;
    for document in &all {
        let text = fs::read_to_string(document).unwrap();
        for Link { line, target } in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            checked += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            let leads = file.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&file).unwrap_or_default()).contains(anchor));
            if !leads {
                broken.push(format!("{}:{line}: {target}", document.strip_prefix(&root).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    assert!(checked > 100, "only {checked} links were found");
}

#[test]
fn every_rule_of_the_check_is_described() {
    let page = fs::read_to_string(workspace_root().join("docs/ENVOY.md")).unwrap();
    let mut sources = Vec::new();
    for entry in fs::read_dir(workspace_root().join("crates/envoy-config/src/check")).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("tests.rs") && !path.ends_with("finding.rs") {
            sources.push(fs::read_to_string(path).unwrap());
        }
    }
    sources.push(fs::read_to_string(workspace_root().join("crates/envoy-config/src/check.rs")).unwrap());
    let mut rules = BTreeSet::new();
    for source in &sources {
        // The rule is the first text of a finding.
        for call in ["findings.error(", "findings.warning(", "findings.add("] {
            for rest in source.split(call).skip(1) {
                let rule = rest.split('"').nth(1).unwrap_or_default();
                if !rule.is_empty()
                    && rule
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte == b'-' || byte.is_ascii_digit())
                {
                    rules.insert(rule.to_owned());
                }
            }
        }
    }
    assert!(rules.len() >= 20, "{rules:?}");
    for rule in rules {
        assert!(page.contains(&format!("`{rule}`")), "docs/ENVOY.md does not describe `{rule}`");
    }
}

#[test]
fn code_is_no_link() {
    let text = "`[a](b)` [c](d.md)\n```\n[e](f)\n```\n# A *Heading*, `code` & more\n";
    let targets: Vec<String> = links(text).into_iter().map(|link| link.target).collect();
    assert_eq!(targets, ["d.md"]);
    assert!(anchors(text).contains("a-heading-code--more"), "{:?}", anchors(text));
}
