//! One panel: title, strip, grid, lines with their intervals, marks.

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};

use super::frame::Frame;
use super::palette::look;
use super::pen::{Pen, Place, Stroke, paler};
use super::plot::{Panel, Point, Series, Shown};
use super::text::{FAINT_INK, INK, bold, text};

/// Room for the numbers and the label of an axis, in units.
const LEFT_MARGIN: f64 = 118.0;
const BOTTOM_MARGIN: f64 = 84.0;
const TOP_MARGIN: f64 = 52.0;
const RIGHT_MARGIN: f64 = 22.0;
const STRIP_HEIGHT: f64 = 84.0;
/// The line above a strip that says what it counts.
const STRIP_LABEL: f64 = 26.0;
const TITLE_SIZE: f64 = 28.0;
const LINE_WIDTH: f64 = 3.5;
/// Dashes of lines that are dashed whatever their model.
const DASH: (f64, f64) = (12.0, 8.0);

/// A box on the sheet: its upper left corner, its width and its height, in units.
#[derive(Clone, Copy)]
pub(super) struct Area {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Draws a panel.
pub(super) fn draw<B: DrawingBackend>(
    pen: &Pen<'_, B>,
    panel: &Panel,
    area: Area,
    dashed_models: bool,
) -> Result<(), String> {
    let strip_height = if panel.strip.is_some() {
        STRIP_LABEL + STRIP_HEIGHT + 22.0
    } else {
        0.0
    };
    let frame = Frame {
        left: area.left + LEFT_MARGIN,
        top: area.top + TOP_MARGIN + strip_height,
        right: area.left + area.width - RIGHT_MARGIN,
        bottom: area.top + area.height - BOTTOM_MARGIN,
        x: &panel.x,
        y: &panel.y,
    };
    let place = (f64::midpoint(frame.left, frame.right), area.top + 22.0);
    let title = |size: f64| bold(pen.pixels(size), INK, HPos::Center);
    let size = pen.fitting(&panel.title, &title(TITLE_SIZE), frame.right - frame.left)?;
    pen.write(&panel.title, place, title(size))?;
    strip(pen, panel, &frame, area.top + TOP_MARGIN + STRIP_LABEL)?;
    frame.grid(pen)?;
    for series in &panel.series {
        match series.shown {
            Shown::Bars => bars(pen, series, &frame)?,
            Shown::Band => band(pen, series, &frame)?,
        }
    }
    for series in &panel.series {
        line(pen, series, &frame, dashed_models)?;
    }
    frame.axes(pen)?;
    for series in &panel.series {
        for point in &series.points {
            pen.mark(series.model, frame.place(point.x, point.y), point.thin)?;
        }
    }
    frame.label_x(pen)?;
    frame.label_y(pen)
}

/// On what the points rest: a bar for each.
fn strip<B: DrawingBackend>(
    pen: &Pen<'_, B>,
    panel: &Panel,
    below: &Frame<'_>,
    top: f64,
) -> Result<(), String> {
    let Some(strip) = &panel.strip else { return Ok(()) };
    let frame = Frame {
        top,
        bottom: top + STRIP_HEIGHT,
        y: &strip.y,
        ..*below
    };
    for tick in &strip.y.ticks {
        let (_, y) = frame.place(panel.x.low, *tick);
        let stroke = Stroke {
            colour: RGBColor(222, 222, 222).to_rgba(),
            width: 1.0,
        };
        pen.line(&[(frame.left, y), (frame.right, y)], stroke, None)?;
        let number = strip.y.number(strip.y.at(*tick));
        pen.write(
            &number,
            (frame.left - 10.0, y),
            text(pen.pixels(19.0), FAINT_INK, HPos::Right),
        )?;
    }
    for (x, height) in &strip.bars {
        let (middle, upper) = frame.place(*x, *height);
        let grey = RGBColor(170, 170, 170).to_rgba();
        pen.rectangle([(middle - 6.0, upper), (middle + 6.0, frame.bottom)], grey)?;
    }
    let label = (frame.right, frame.top - 14.0);
    pen.write(
        strip.y.label,
        label,
        text(pen.pixels(20.0), FAINT_INK, HPos::Right),
    )
}

fn colour(series: &Series, thin: bool) -> RGBColor {
    let full = look(series.model).colour;
    if thin { paler(full) } else { full }
}

/// The intervals of points, as bars with caps.
fn bars<B: DrawingBackend>(pen: &Pen<'_, B>, series: &Series, frame: &Frame<'_>) -> Result<(), String> {
    for point in series.points.iter().filter(|point| bounded(point)) {
        let stroke = Stroke {
            colour: colour(series, point.thin).to_rgba(),
            width: 2.0,
        };
        let (x, low) = frame.place(point.x, point.low);
        let (_, high) = frame.place(point.x, point.high);
        pen.line(&[(x, low), (x, high)], stroke, None)?;
        for y in [low, high] {
            pen.line(&[(x - 6.0, y), (x + 6.0, y)], stroke, None)?;
        }
    }
    Ok(())
}

/// The intervals of a line, as a band around it. Where an end is unbounded the band stops.
fn band<B: DrawingBackend>(pen: &Pen<'_, B>, series: &Series, frame: &Frame<'_>) -> Result<(), String> {
    let points = series.points.iter().filter(|point| bounded(point));
    let mut corners: Vec<Place> = points
        .clone()
        .map(|point| frame.place(point.low, point.y))
        .collect();
    corners.extend(points.rev().map(|point| frame.place(point.high, point.y)));
    if corners.is_empty() {
        return Ok(());
    }
    pen.fill(&corners, look(series.model).colour.mix(0.25))
}

fn bounded(point: &Point) -> bool {
    point.low.is_finite() && point.high.is_finite()
}

/// The line, paler where it leads to a point that rests on little.
fn line<B: DrawingBackend>(
    pen: &Pen<'_, B>,
    series: &Series,
    frame: &Frame<'_>,
    dashed_models: bool,
) -> Result<(), String> {
    let of_model = if dashed_models {
        look(series.model).dash
    } else {
        None
    };
    let dash = if series.dashed { Some(DASH) } else { of_model };
    let thin = |ends: &[Point]| ends.iter().any(|point| point.thin);
    let segments: Vec<&[Point]> = series.points.windows(2).collect();
    for run in segments.chunk_by(|a, b| thin(a) == thin(b)) {
        let [first, ..] = run else { continue };
        let ends = first
            .iter()
            .take(1)
            .chain(run.iter().filter_map(|segment| segment.last()));
        let places: Vec<Place> = ends.map(|point| frame.place(point.x, point.y)).collect();
        let stroke = Stroke {
            colour: colour(series, thin(first)).to_rgba(),
            width: LINE_WIDTH,
        };
        pen.line(&places, stroke, dash)?;
    }
    Ok(())
}
