//! The page: title, legend, panels in rows, notes.

use fogline_core::model::ExecutionModel;
use plotters::prelude::DrawingBackend;
use plotters::style::Color;
use plotters::style::text_anchor::HPos;

use super::palette::look;
use super::panel::{self, Area};
use super::pen::{Pen, Stroke};
use super::plot::Plot;
use super::text::{FAINT_INK, INK, bold, text};

/// Width of every page, in units.
pub(super) const WIDTH: f64 = 1600.0;
const MARGIN: f64 = 24.0;
const TITLE_HEIGHT: f64 = 104.0;
const LEGEND_ROW: f64 = 44.0;
const NOTE_ROW: f64 = 30.0;
const GAP: f64 = 26.0;
/// Height of the panels of a page with one row, and with several.
const PANEL_HEIGHTS: [f64; 2] = [640.0, 500.0];
/// Entries of a row of the legend: the longest name fits.
const LEGEND_ENTRIES: usize = 5;

fn panel_height(plot: &Plot) -> f64 {
    let strips = plot.rows.iter().flatten().any(|panel| panel.strip.is_some());
    let base = PANEL_HEIGHTS[usize::from(plot.rows.len() > 1)];
    if strips { base + 136.0 } else { base }
}

fn legend_height(plot: &Plot) -> f64 {
    LEGEND_ROW * plot.legend.len().div_ceil(LEGEND_ENTRIES) as f64
}

/// Height of the page, in units.
pub(super) fn height(plot: &Plot) -> f64 {
    let rows = plot.rows.len() as f64;
    let panels = rows * (panel_height(plot) + GAP);
    TITLE_HEIGHT + legend_height(plot) + panels + NOTE_ROW * plot.notes.len() as f64 + MARGIN
}

/// Draws the page.
pub(super) fn draw<B: DrawingBackend>(pen: &Pen<'_, B>, plot: &Plot) -> Result<(), String> {
    let left = |size: f64, colour| text(pen.pixels(size), colour, HPos::Left);
    pen.write(
        &plot.title,
        (MARGIN, 40.0),
        bold(pen.pixels(36.0), INK, HPos::Left),
    )?;
    pen.write(&plot.subtitle, (MARGIN, 82.0), left(25.0, FAINT_INK))?;
    legend(pen, plot)?;
    let mut top = TITLE_HEIGHT + legend_height(plot) + GAP / 2.0;
    let height = panel_height(plot);
    // All rows have the columns of the longest, so that panels stand under each other.
    let columns = plot.rows.iter().map(Vec::len).max().unwrap_or(1).max(1) as f64;
    let width = (WIDTH - 2.0 * MARGIN - (columns - 1.0) * GAP) / columns;
    for row in &plot.rows {
        for (column, panel) in row.iter().enumerate() {
            let left = MARGIN + column as f64 * (width + GAP);
            panel::draw(
                pen,
                panel,
                Area {
                    left,
                    top,
                    width,
                    height,
                },
                plot.dashed_models,
            )?;
        }
        top += height + GAP;
    }
    for note in &plot.notes {
        pen.write(note, (MARGIN, top + 4.0), left(21.0, FAINT_INK))?;
        top += NOTE_ROW;
    }
    Ok(())
}

/// The models, above the panels, where no data can be.
fn legend<B: DrawingBackend>(pen: &Pen<'_, B>, plot: &Plot) -> Result<(), String> {
    let step = (WIDTH - 2.0 * MARGIN) / LEGEND_ENTRIES as f64;
    for (position, model) in plot.legend.iter().enumerate() {
        let (row, column) = (position / LEGEND_ENTRIES, position % LEGEND_ENTRIES);
        let left = MARGIN + column as f64 * step;
        let middle = TITLE_HEIGHT + 22.0 + row as f64 * LEGEND_ROW;
        entry(pen, *model, (left, middle), plot.dashed_models)?;
    }
    Ok(())
}

fn entry<B: DrawingBackend>(
    pen: &Pen<'_, B>,
    model: ExecutionModel,
    (left, middle): (f64, f64),
    dashed: bool,
) -> Result<(), String> {
    let look = look(model);
    let stroke = Stroke {
        colour: look.colour.to_rgba(),
        width: 3.5,
    };
    let dash = if dashed { look.dash } else { None };
    pen.line(&[(left, middle), (left + 76.0, middle)], stroke, dash)?;
    pen.mark(model, (left + 38.0, middle), false)?;
    let style = text(pen.pixels(26.0), INK, HPos::Left);
    pen.write(model.name(), (left + 90.0, middle), style)
}
