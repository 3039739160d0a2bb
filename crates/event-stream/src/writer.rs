//! How events are written.

/// An event that is to be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What a client that lost its connection names it by; empty: it keeps the one before.
    pub id: &'a str,
    /// What kind of event it is; empty: `message`.
    pub event: &'a str,
    /// The text.
    pub data: &'a str,
}

impl Frame<'_> {
    /// Appends the event to `out`. What must not stand in an id or a name is left out of it: line breaks, and in an id NUL,
    /// with which clients would ignore it.
    pub fn write(&self, out: &mut String) {
        field(out, "id", self.id);
        field(out, "event", self.event);
        for line in lines(self.data) {
            // With the space, which readers take away, a text may begin with one itself.
            out.push_str("data: ");
            out.push_str(line);
            out.push('\n');
        }
        out.push('\n');
    }
}

/// Appends a comment, which clients ignore.
pub fn comment(out: &mut String, text: &str) {
    for line in lines(text) {
        out.push_str(": ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
}

/// Appends how long clients are to wait before they connect again, in milliseconds.
pub fn retry(out: &mut String, milliseconds: u64) {
    out.push_str(&format!("retry: {milliseconds}\n\n"));
}

fn field(out: &mut String, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    out.push_str(name);
    out.push_str(": ");
    out.extend(value.chars().filter(|sign| !matches!(sign, '\r' | '\n' | '\0')));
    out.push('\n');
}

/// The lines of a text, parted by `\r\n`, `\r` or `\n`; of an empty text, one that is empty.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\r', '\n']) else { return rest.take() };
        let (line, after) = text.split_at_checked(end)?;
        rest = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(['\r', '\n']));
        Some(line)
    })
}
