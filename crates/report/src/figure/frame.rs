//! The box of a panel: where values lie in it, its grid, its numbers and its labels.

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};

use super::axis::Axis;
use super::pen::{Pen, Place, Stroke};
use super::text::{INK, text, upright};

const GRID: RGBColor = RGBColor(222, 222, 222);
const FINE_GRID: RGBColor = RGBColor(240, 240, 240);
/// Size of the numbers at the ticks, in units.
const NUMBER_SIZE: f64 = 25.0;
/// Size of the labels of the axes, in units.
const LABEL_SIZE: f64 = 27.0;

/// A box on the sheet, and the axes along its lower and left edges.
pub(super) struct Frame<'a> {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
    pub(super) x: &'a Axis,
    pub(super) y: &'a Axis,
}

impl Frame<'_> {
    /// Where a point lies.
    pub(super) fn place(&self, x: f64, y: f64) -> Place {
        (self.across(x), self.up(y))
    }

    /// Draws the grid; what is measured comes on top of it.
    pub(super) fn grid<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Result<(), String> {
        for (ticks_x, ticks_y, colour) in [
            (&self.x.minor, &self.y.minor, FINE_GRID),
            (&self.x.ticks, &self.y.ticks, GRID),
        ] {
            let stroke = Stroke {
                colour: colour.to_rgba(),
                width: 1.5,
            };
            for tick in ticks_x {
                let x = self.across(*tick);
                pen.line(&[(x, self.top), (x, self.bottom)], stroke, None)?;
            }
            for tick in ticks_y {
                let y = self.up(*tick);
                pen.line(&[(self.left, y), (self.right, y)], stroke, None)?;
            }
        }
        Ok(())
    }

    /// Draws the lines of the axes.
    pub(super) fn axes<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Result<(), String> {
        let stroke = Stroke {
            colour: INK.to_rgba(),
            width: 2.0,
        };
        let corners = [
            (self.left, self.top),
            (self.left, self.bottom),
            (self.right, self.bottom),
        ];
        pen.line(&corners, stroke, None)
    }

    /// Writes the numbers and the label of the x axis.
    pub(super) fn label_x<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Result<(), String> {
        for tick in &self.x.ticks {
            let style = text(pen.pixels(NUMBER_SIZE), INK, HPos::Center);
            let place = (self.across(*tick), self.bottom + 22.0);
            pen.write(&self.x.number(self.x.at(*tick)), place, style)?;
        }
        let place = (f64::midpoint(self.left, self.right), self.bottom + 60.0);
        pen.write(
            self.x.label,
            place,
            text(pen.pixels(LABEL_SIZE), INK, HPos::Center),
        )
    }

    /// Writes the numbers and the label of the y axis.
    pub(super) fn label_y<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> Result<(), String> {
        for tick in &self.y.ticks {
            let style = text(pen.pixels(NUMBER_SIZE), INK, HPos::Right);
            let place = (self.left - 10.0, self.up(*tick));
            pen.write(&self.y.number(self.y.at(*tick)), place, style)?;
        }
        let place = (self.left - 92.0, f64::midpoint(self.top, self.bottom));
        pen.write(
            self.y.label,
            place,
            upright(text(pen.pixels(LABEL_SIZE), INK, HPos::Center)),
        )
    }

    fn across(&self, x: f64) -> f64 {
        let share = (self.x.at(x) - self.x.start()) / (self.x.end() - self.x.start());
        self.left + share * (self.right - self.left)
    }

    fn up(&self, y: f64) -> f64 {
        let share = (self.y.at(y) - self.y.start()) / (self.y.end() - self.y.start());
        self.bottom + share * (self.top - self.bottom)
    }
}
