//! The picture in the terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::{TITLES, facts, rows};
use crate::watch::Overview;

/// Draws an overview, its table of routes from this row on.
pub(super) fn draw(frame: &mut Frame<'_>, overview: &Overview, first_row: usize) {
    let sources = sources(overview);
    let facts: Vec<Line<'_>> = facts(overview)
        .into_iter()
        .map(|(name, value)| {
            Line::from(vec![Span::styled(format!("{name:<10} "), dim()), Span::raw(visible(&value))])
        })
        .collect();
    let height = |lines: usize| Constraint::Length(u16::try_from(lines).unwrap_or(u16::MAX));
    let areas = Layout::vertical([
        height(sources.len()),
        height(facts.len() + 1),
        Constraint::Min(3),
        Constraint::Length(1),
    ]);
    let [top, middle, table, bottom] = areas.areas(frame.area());
    frame.render_widget(Paragraph::new(sources), top);
    frame.render_widget(Paragraph::new(facts), middle);
    frame.render_widget(routes(overview, first_row), table);
    let window = overview.window_seconds;
    let help = format!("rates over {window:.0} s    q: quit    up, down: scroll");
    frame.render_widget(Paragraph::new(Span::styled(help, dim())), bottom);
}

fn sources(overview: &Overview) -> Vec<Line<'static>> {
    let line = |source: &crate::watch::SourceState| {
        let (state, style) = match (source.up, &source.error) {
            (true, _) => ("up".to_owned(), Style::new().fg(Color::Green)),
            (false, Some(error)) => (
                format!("away: {}", visible(error)),
                Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            ),
            (false, None) => ("asked".to_owned(), dim()),
        };
        Line::from(vec![Span::raw(format!("{:<32} ", visible(&source.url))), Span::styled(state, style)])
    };
    overview.sources.iter().map(line).collect()
}

fn routes(overview: &Overview, first_row: usize) -> Table<'static> {
    let mut all = rows(overview).into_iter();
    let total = all.next().map(|cells| row(cells).style(Style::new().add_modifier(Modifier::BOLD)));
    let rows = total.into_iter().chain(all.skip(first_row).map(row));
    let widths = [28, 10, 8, 10, 10, 10, 8, 12].map(Constraint::Length);
    Table::new(rows, widths).header(Row::new(TITLES).style(dim()))
}

fn row(cells: [String; 8]) -> Row<'static> {
    Row::new(cells.map(|cell| Cell::from(visible(&cell))))
}

/// What others have named must not steer the terminal.
fn visible(text: &str) -> String {
    text.replace(char::is_control, "?")
}

fn dim() -> Style {
    Style::new().fg(Color::DarkGray)
}
