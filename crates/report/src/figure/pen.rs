//! Drawing in lengths that do not depend on the resolution.

use fogline_core::model::ExecutionModel;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, Drawable, PathElement, PointCollection, Polygon, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, FontTransform, RGBAColor, RGBColor, ShapeStyle, TextStyle};

use super::palette::look;

/// A sheet of paper, measured in units of 1/1600 of the width of a page.
pub(super) struct Pen<'a, B: DrawingBackend> {
    pub(super) area: &'a DrawingArea<B, Shift>,
    /// Pixels of the backend in a unit.
    pub(super) scale: f64,
    /// How far the backend writes above the place, as a share of the size of the text.
    pub(super) text_rise: f64,
}

/// A place on the sheet, in units from the upper left corner.
pub(super) type Place = (f64, f64);

/// A stroke.
#[derive(Clone, Copy)]
pub(super) struct Stroke {
    pub(super) colour: RGBAColor,
    pub(super) width: f64,
}

impl<B: DrawingBackend> Pen<'_, B> {
    /// Writes; the style says how large and where around the place.
    pub(super) fn write(&self, words: &str, place: Place, style: TextStyle<'static>) -> Result<(), String> {
        let drop = style.font.get_size() / self.scale * self.text_rise;
        let place = match style.font.get_transform() {
            FontTransform::Rotate270 => (place.0 + drop, place.1),
            _ => (place.0, place.1 + drop),
        };
        self.draw(&Text::new(words.to_owned(), self.pixel(place), style))
    }

    /// The size, at most that asked for, at which words are no wider than so much.
    pub(super) fn fitting(&self, words: &str, style: &TextStyle<'static>, width: f64) -> Result<f64, String> {
        let size = style.font.get_size() / self.scale;
        let found = self
            .area
            .estimate_text_size(words, style)
            .map_err(|error| error.to_string())?;
        let wide = f64::from(found.0) / self.scale;
        Ok(if wide > width { size * width / wide } else { size })
    }

    /// A size, in pixels of the backend.
    pub(super) fn pixels(&self, length: f64) -> f64 {
        length * self.scale
    }

    /// A line through places, broken into dashes where asked for.
    pub(super) fn line(
        &self,
        places: &[Place],
        stroke: Stroke,
        dash: Option<(f64, f64)>,
    ) -> Result<(), String> {
        let Some(dash) = dash else {
            return self.unbroken(places, stroke);
        };
        for piece in dashes(places, dash) {
            self.unbroken(&piece, stroke)?;
        }
        Ok(())
    }

    /// A filled shape.
    pub(super) fn fill(&self, corners: &[Place], colour: RGBAColor) -> Result<(), String> {
        let corners: Vec<_> = corners.iter().map(|place| self.pixel(*place)).collect();
        self.draw(&Polygon::new(corners, colour.filled()))
    }

    /// A filled rectangle between two corners.
    pub(super) fn rectangle(&self, corners: [Place; 2], colour: RGBAColor) -> Result<(), String> {
        self.draw(&Rectangle::new(
            corners.map(|place| self.pixel(place)),
            colour.filled(),
        ))
    }

    /// The mark of a model, on a white rim that parts it from what lies below; hollow where little is behind
    /// it.
    pub(super) fn mark(&self, model: ExecutionModel, place: Place, hollow: bool) -> Result<(), String> {
        let colour = look(model).colour;
        self.shape(model, place, 8.5, WHITE)?;
        if hollow {
            self.shape(model, place, 7.0, paler(colour))?;
            return self.shape(model, place, 4.6, WHITE);
        }
        self.shape(model, place, 7.0, colour)
    }

    fn shape(
        &self,
        model: ExecutionModel,
        place: Place,
        radius: f64,
        colour: RGBColor,
    ) -> Result<(), String> {
        let corners = look(model).mark.corners();
        if corners.is_empty() {
            let radius = self.pixels(radius).round() as i32;
            return self.draw(&Circle::new(self.pixel(place), radius, colour.filled()));
        }
        let around = |(x, y): &(f64, f64)| (place.0 + x * radius, place.1 + y * radius);
        let corners: Vec<Place> = corners.iter().map(around).collect();
        self.fill(&corners, colour.to_rgba())
    }

    fn unbroken(&self, places: &[Place], stroke: Stroke) -> Result<(), String> {
        let style = ShapeStyle {
            color: stroke.colour,
            filled: false,
            stroke_width: self.pixels(stroke.width).round().max(1.0) as u32,
        };
        let pixels: Vec<_> = places.iter().map(|place| self.pixel(*place)).collect();
        self.draw(&PathElement::new(pixels, style))
    }

    fn pixel(&self, (x, y): Place) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn draw<'e, E>(&self, element: &'e E) -> Result<(), String>
    where
        E: Drawable<B>,
        &'e E: PointCollection<'e, (i32, i32)>,
    {
        self.area.draw(element).map_err(|error| error.to_string())
    }
}

pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);

/// Halfway to white. A shade, not a transparency, so that what is faint stays the same on any ground.
pub(super) fn paler(colour: RGBColor) -> RGBColor {
    let half = |channel: u8| channel / 2 + 127;
    RGBColor(half(colour.0), half(colour.1), half(colour.2))
}

/// The pieces of a line that are left when gaps are cut into it.
fn dashes(places: &[Place], (dash, gap): (f64, f64)) -> Vec<Vec<Place>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Place> = places.first().map(|first| vec![*first]).unwrap_or_default();
    let (mut drawing, mut left) = (true, dash);
    for ends in places.windows(2) {
        let ((x0, y0), (x1, y1)) = (ends[0], ends[1]);
        let length = libm::hypot(x1 - x0, y1 - y0);
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let place = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length);
            if drawing {
                piece.push(place);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece.push(place);
            }
            drawing = !drawing;
            left = if drawing { dash } else { gap };
        }
        left -= length - done;
        if drawing {
            piece.push((x1, y1));
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_around_corners() {
        let line = [(0.0, 0.0), (5.0, 0.0), (5.0, 10.0)];
        let pieces = dashes(&line, (4.0, 2.0));
        let expected = [
            vec![(0.0, 0.0), (4.0, 0.0)],
            vec![(5.0, 1.0), (5.0, 5.0)],
            vec![(5.0, 7.0), (5.0, 10.0)],
        ];
        assert_eq!(pieces, expected);
    }
}
