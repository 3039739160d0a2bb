//! Charts as SVG. Their colours are names for the style sheet, which has others for dark screens.

use std::time::Instant;

use plotters::prelude::{ChartBuilder, Color, IntoDrawingArea, LineSeries, RGBColor, SVGBackend, TextStyle};
use plotters::style::IntoFont;

/// Width and height, in the units of the drawing; the page scales it.
const SIZE: (u32, u32) = (560, 220);
/// What the style sheet knows as axes and as grid.
const AXIS: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
/// The colours of a chart's lines, in their order; the style sheet has them too, for their names.
const LINES: [RGBColor; 3] = [RGBColor(59, 130, 246), RGBColor(217, 119, 6), RGBColor(220, 38, 38)];

/// A line: its name, and when it had which value.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) values: Vec<(Instant, Option<f64>)>,
}

/// Draws lines over the time since the first value; nothing if there are fewer than two moments. `show` writes values,
/// and the scale ends at `top`, if one is given.
pub(super) fn draw(lines: &[Line], top: Option<f64>, show: fn(f64) -> String) -> String {
    try_draw(lines, top, show).unwrap_or_default()
}

fn try_draw(lines: &[Line], top: Option<f64>, show: fn(f64) -> String) -> Option<String> {
    let moments = || lines.iter().flat_map(|line| line.values.iter().map(|(at, _)| *at));
    let (first, last) = (moments().min()?, moments().max()?);
    let seconds =
        |at: Instant| at.duration_since(first).as_secs_f64() - last.duration_since(first).as_secs_f64();
    if first == last {
        return None;
    }
    let highest = lines.iter().flat_map(|line| line.values.iter().filter_map(|(_, value)| *value));
    let highest = top.unwrap_or_else(|| highest.fold(0.0, f64::max) * 1.1);
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let text = |size: u32| TextStyle::from(("sans-serif", size).into_font()).color(&AXIS);
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .margin_right(28)
            .x_label_area_size(24)
            .y_label_area_size(64)
            .build_cartesian_2d(seconds(first)..0.0, 0.0..highest)
            .ok()?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(plotters::style::TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(AXIS)
            .x_labels(5)
            .y_labels(4)
            .label_style(text(17))
            .x_label_formatter(&|ago| if *ago > -0.5 { "now".to_owned() } else { ago_text(-*ago) })
            .y_label_formatter(&|value| show(*value))
            .draw()
            .ok()?;
        for (line, colour) in lines.iter().zip(LINES) {
            // Where a value is not known the line is broken.
            for run in line.values.split(|(_, value)| value.is_none()).filter(|run| !run.is_empty()) {
                let points = run.iter().filter_map(|(at, value)| Some((seconds(*at), (*value)?)));
                chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).ok()?;
            }
        }
        area.present().ok()?;
    }
    Some(svg)
}

fn ago_text(seconds: f64) -> String {
    if seconds < 100.0 { format!("{seconds:.0} s ago") } else { format!("{:.0} min ago", seconds / 60.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn line(name: &'static str, values: &[Option<f64>]) -> Line {
        let start = Instant::now();
        let at = |place: usize| start + Duration::from_secs(place as u64);
        Line { name, values: values.iter().enumerate().map(|(place, value)| (at(place), *value)).collect() }
    }

    #[test]
    fn what_is_not_known_breaks_the_line() {
        let show = |value: f64| format!("{value:.0}!");
        let whole = draw(&[line("a", &[Some(1.0), Some(2.0), Some(3.0)])], None, show);
        let broken = draw(&[line("a", &[Some(1.0), Some(2.0), None, Some(1.0), Some(2.0)])], Some(4.0), show);
        let lines = |svg: &str| svg.matches("stroke=\"#3B82F6\"").count();
        assert_eq!((lines(&whole), lines(&broken)), (1, 2), "{broken}");
        assert!(broken.contains("4!") && broken.contains("now"), "{broken}");
    }

    #[test]
    fn too_little_to_draw_is_nothing() {
        for values in [&[][..], &[Some(1.0)]] {
            assert_eq!(draw(&[line("a", values)], None, |value| value.to_string()), "");
        }
        assert!(draw(&[line("a", &[None, None])], None, |value| value.to_string()).contains("<svg"));
    }
}
