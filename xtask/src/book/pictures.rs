//! Pictures that pages describe as Mermaid text, drawn as SVG, so that readers' browsers need nothing from elsewhere.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use testbed::{Tool, workspace_root};

const OPENING: &str = "<pre><code class=\"language-mermaid\">";
const CLOSING: &str = "</code></pre>";

/// A page with its pictures drawn.
pub(super) fn draw(page: &str) -> Result<String> {
    let mut texts = Vec::new();
    // What stands before each picture, and what comes after the last.
    let mut between = Vec::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(OPENING) {
        let (text, after) = after.split_once(CLOSING).context("a picture has no end")?;
        between.push(before);
        texts.push(unescaped(text));
        rest = after;
    }
    if texts.is_empty() {
        return Ok(page.to_owned());
    }
    let mut drawn = String::new();
    for (before, svg) in between.iter().zip(render(&texts)?) {
        drawn.push_str(before);
        drawn.push_str("<p>");
        drawn.push_str(&svg);
        drawn.push_str("</p>");
    }
    Ok(drawn + rest)
}

/// Draws texts by `testbed/beautiful-mermaid/draw.mjs`.
fn render(texts: &[String]) -> Result<Vec<String>> {
    let library = Tool::BeautifulMermaid.path()?;
    let mut node = Command::new(Tool::Node.path()?)
        .arg(workspace_root().join("testbed/beautiful-mermaid/draw.mjs"))
        .arg(&library)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run node")?;
    let stdin = node.stdin.take().context("node has no input")?;
    // It reads everything before it writes anything.
    serde_json::to_writer(&stdin, texts)?;
    (&stdin).flush()?;
    drop(stdin);
    let output = node.wait_with_output()?;
    ensure!(output.status.success(), "a picture cannot be drawn: {texts:?}");
    let drawn: Vec<String> = serde_json::from_slice(&output.stdout).context("what draws pictures said")?;
    ensure!(drawn.len() == texts.len(), "{} of {} pictures were drawn", drawn.len(), texts.len());
    Ok(drawn)
}

fn unescaped(html: &str) -> String {
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&amp;", "&")];
    entities.iter().fold(html.to_owned(), |text, (entity, character)| text.replace(entity, character))
}
