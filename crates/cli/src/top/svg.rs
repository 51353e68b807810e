//! A screen as a picture: what a terminal shows, in SVG.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

/// Width and height of a character, and the size of its letters, in pixels.
const WIDTH: f64 = 8.0;
const HEIGHT: f64 = 17.0;
const SIZE: f64 = 13.0;
/// Where letters stand in their line.
const BASE: f64 = 13.0;
/// Around the screen.
const MARGIN: f64 = 10.0;
/// The first of the 256 patterns of Braille, of two columns of four dots.
const BRAILLE: u32 = 0x2800;
/// Column and row of each dot, by its bit.
const DOTS: [(f64, f64); 8] = [
    (0.0, 0.0),
    (0.0, 1.0),
    (0.0, 2.0),
    (1.0, 0.0),
    (1.0, 1.0),
    (1.0, 2.0),
    (0.0, 3.0),
    (1.0, 3.0),
];

/// The picture of a buffer.
pub(super) fn picture(buffer: &Buffer) -> String {
    let area = buffer.area;
    let (width, height) = (
        f64::from(area.width) * WIDTH + 2.0 * MARGIN,
        f64::from(area.height) * HEIGHT + 2.0 * MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"{SIZE}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#11151c\"/>\n"
    );
    for y in 0..area.height {
        let mut x = 0;
        while x < area.width {
            let run = (x..area.width).take_while(|at| is_alike(&buffer[(x, y)], &buffer[(*at, y)]));
            let run: Vec<&Cell> = run.map(|at| &buffer[(at, y)]).collect();
            let (left, top) = (MARGIN + f64::from(x) * WIDTH, MARGIN + f64::from(y) * HEIGHT);
            match dots(run[0]) {
                Some(_) => draw_dots(&mut svg, &run, left, top),
                None => write_text(&mut svg, &run, left, top),
            }
            x += u16::try_from(run.len()).unwrap_or(u16::MAX);
        }
    }
    svg + "</svg>\n"
}

/// Whether two cells can be drawn by one element.
fn is_alike(a: &Cell, b: &Cell) -> bool {
    (a.fg, a.modifier, dots(a).is_some()) == (b.fg, b.modifier, dots(b).is_some())
}

/// Which dots a pattern of Braille has; `None` if it is none.
fn dots(cell: &Cell) -> Option<u32> {
    let pattern = u32::from(cell.symbol().chars().next()?).checked_sub(BRAILLE)?;
    (pattern < 1 << DOTS.len()).then_some(pattern)
}

/// Drawn, because not every font has them.
fn draw_dots(svg: &mut String, run: &[&Cell], left: f64, top: f64) {
    let mut path = String::new();
    for (nth, cell) in run.iter().enumerate() {
        for (bit, (column, row)) in DOTS.iter().enumerate() {
            if dots(cell).unwrap_or_default() & (1 << bit) != 0 {
                let x = left + (nth as f64 + 0.25 + column / 2.0) * WIDTH;
                let y = top + (0.125 + row / 4.0) * HEIGHT;
                let _ = write!(path, "M{x:.1} {y:.1}h0");
            }
        }
    }
    let colour = colour(run[0].fg);
    let _ = writeln!(
        svg,
        "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linecap=\"round\"/>"
    );
}

fn write_text(svg: &mut String, run: &[&Cell], left: f64, top: f64) {
    let text: String = run.iter().map(|cell| cell.symbol()).collect();
    if text.trim().is_empty() {
        return;
    }
    let bold = run[0].modifier.contains(Modifier::BOLD);
    let weight = if bold { " font-weight=\"bold\"" } else { "" };
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"{}\" textLength=\"{}\" fill=\"{}\"{weight} xml:space=\"preserve\">{}</text>",
        top + BASE,
        run.len() as f64 * WIDTH,
        colour(run[0].fg),
        text.replace('&', "&amp;").replace('<', "&lt;"),
    );
}

/// As a terminal with a dark background has them.
fn colour(colour: Color) -> &'static str {
    match colour {
        Color::Red => "#f07178",
        Color::Green => "#9ece6a",
        Color::Yellow => "#e0af68",
        Color::DarkGray => "#5c6672",
        _ => "#d5dae1",
    }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::style::{Color, Style};

    use super::picture;

    #[test]
    fn cells_of_one_style_are_one_element_and_braille_is_drawn() {
        let mut buffer = Buffer::with_lines(["a<b \u{2801}\u{2880}"]);
        buffer.set_style(
            ratatui::layout::Rect::new(2, 0, 1, 1),
            Style::new().fg(Color::Red).bold(),
        );
        let svg = picture(&buffer);
        let elements: Vec<&str> = svg.lines().skip(2).collect();
        assert!(elements[0].ends_with(">a&lt;</text>"), "{svg}");
        assert!(
            elements[1].contains("#f07178") && elements[1].contains("bold"),
            "{svg}"
        );
        // The first dot of one cell, the last of the next.
        assert!(elements[2].contains("M44.0 12.1h0M56.0 24.9h0"), "{svg}");
        assert_eq!(elements[3], "</svg>");
    }
}
