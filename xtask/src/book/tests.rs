use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use testbed::temp_dir;

use super::outside::plain;
use super::{make, pages, pictures};

/// Values of an attribute in a page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let opening = format!(" {attribute}=\"");
    page.split(&opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_link_of_the_book_leads_somewhere_and_every_picture_is_drawn() {
    let out = temp_dir("book").unwrap();
    let made = make(out.path()).unwrap();
    let folder = out.path().canonicalize().unwrap();
    let pages: BTreeMap<PathBuf, String> = pages(&folder)
        .unwrap()
        .into_iter()
        .map(|page| (page.clone(), fs::read_to_string(page).unwrap()))
        .collect();
    assert!(made > 30 && pages.len() > made, "{made} pages, {} with lists of folders", pages.len());
    let ids: BTreeMap<&Path, BTreeSet<&str>> =
        pages.iter().map(|(page, text)| (page.as_path(), values(text, "id").into_iter().collect())).collect();
    let (mut broken, mut checked, mut pictures) = (Vec::new(), 0, 0);
    // The page for what is not found is served from anywhere, and so names everything from the root.
    for (page, text) in pages.iter().filter(|(page, _)| !page.ends_with("404.html")) {
        pictures += text.matches("<svg xmlns").count();
        assert!(!text.contains("language-mermaid") && !text.contains("@import"), "{}", page.display());
        for target in [values(text, "href"), values(text, "src")].concat() {
            if target.contains(':') {
                assert!(target.starts_with("https://"), "{}: {target}", page.display());
                continue;
            }
            checked += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let place = if path.is_empty() {
                page.clone()
            } else {
                Path::new("/").join(plain(&page.parent().unwrap().join(path)))
            };
            let anchors = ids.get(place.as_path());
            let leads = place.is_file()
                && (anchor.is_empty() || anchors.is_none_or(|anchors| anchors.contains(anchor)));
            if !leads {
                broken.push(format!("{}: {target}", page.strip_prefix(&folder).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
    assert!(checked > 1_000, "only {checked} links were found");
    // Each on its page, and on the page that is for printing.
    assert!(pictures >= 10, "only {pictures} pictures");
    assert!(!out.path().join("compose/.env").exists());
    // It is made anew in its place, and nothing else is replaced.
    make(out.path()).unwrap();
    let other = temp_dir("other").unwrap();
    fs::write(other.path().join("mine"), "").unwrap();
    let error = make(other.path()).unwrap_err().to_string();
    assert!(error.contains("is no book") && other.path().join("mine").is_file(), "{error}");
}

#[test]
fn a_page_without_pictures_stays_as_it_is() {
    let page = "<pre><code class=\"language-yaml\">a: b</code></pre>";
    assert_eq!(pictures::draw(page).unwrap(), page);
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let page = "<pre><code class=\"language-mermaid\">no such picture</code></pre>";
    let error = pictures::draw(page).unwrap_err().to_string();
    assert!(error.contains("no such picture"), "{error}");
}
