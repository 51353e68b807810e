//! A page as SVG and as PNG.

use plotters::drawing::IntoDrawingArea;
use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::WHITE;

use super::page;
use super::pen::Pen;
use super::plot::Plot;
use super::text::load_font;

/// Coordinates of the SVG backend are whole numbers: four to a unit keep curves smooth at any size.
const SVG_SCALE: u32 = 4;
/// Pixels drawn for one pixel of the image, along each side: their mean smooths the edges.
const OVERSAMPLING: u32 = 2;
/// The bitmap backend centres the whole line, room for descenders included, where SVG centres small letters.
const BITMAP_TEXT_RISE: f64 = 0.16;
/// Pixels per metre that make 1600 pixels 16 cm wide.
const PIXELS_PER_METRE: u32 = 10_000;

fn draw<B: DrawingBackend>(backend: B, plot: &Plot, scale: u32, text_rise: f64) -> Result<(), String> {
    load_font()?;
    let area = backend.into_drawing_area();
    area.fill(&WHITE).map_err(|error| error.to_string())?;
    let pen = Pen {
        area: &area,
        scale: f64::from(scale),
        text_rise,
    };
    page::draw(&pen, plot)?;
    area.present().map_err(|error| error.to_string())
}

/// Width and height of the page, in units.
fn size(plot: &Plot) -> (u32, u32) {
    (page::WIDTH as u32, page::height(plot).ceil() as u32)
}

/// The page as SVG, with the description read aloud in place of the picture.
pub(super) fn svg(plot: &Plot, description: &str) -> Result<String, String> {
    let (width, height) = size(plot);
    let mut drawn = String::new();
    let backend = SVGBackend::with_string(&mut drawn, (width * SVG_SCALE, height * SVG_SCALE));
    draw(backend, plot, SVG_SCALE, 0.0)?;
    let body = drawn.find('>').map_or("", |end| &drawn[end + 1..]);
    let (view_width, view_height) = (width * SVG_SCALE, height * SVG_SCALE);
    let (title, description) = (escape(&plot.title), escape(description));
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {view_width} {view_height}\" role=\"img\" aria-label=\"{title}\">\n\
         <title>{title}</title>\n<desc>{description}</desc>{body}"
    ))
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// The page as PNG.
pub(super) fn png(plot: &Plot) -> Result<Vec<u8>, String> {
    let (width, height) = size(plot);
    let (wide, high) = (width * OVERSAMPLING, height * OVERSAMPLING);
    let mut drawn = vec![0_u8; 3 * wide as usize * high as usize];
    let backend = BitMapBackend::with_buffer(&mut drawn, (wide, high));
    draw(backend, plot, OVERSAMPLING, BITMAP_TEXT_RISE)?;
    let pixels = shrink(&drawn, wide as usize);
    let mut image = Vec::new();
    let mut encoder = png::Encoder::new(&mut image, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Best);
    encoder.set_filter(png::FilterType::Up);
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: PIXELS_PER_METRE,
        yppu: PIXELS_PER_METRE,
        unit: png::Unit::Meter,
    }));
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer
        .write_image_data(&pixels)
        .map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(image)
}

/// The mean of each square of pixels.
fn shrink(drawn: &[u8], wide: usize) -> Vec<u8> {
    let side = OVERSAMPLING as usize;
    let row_bytes = 3 * wide;
    let mut pixels = Vec::with_capacity(drawn.len() / (side * side));
    for rows in drawn.chunks_exact(row_bytes * side) {
        for left in (0..row_bytes).step_by(3 * side) {
            for channel in 0..3 {
                let square = (0..side * side).map(|at| {
                    let (row, column) = (at / side, at % side);
                    u32::from(rows[row * row_bytes + left + 3 * column + channel])
                });
                pixels.push((square.sum::<u32>() / (side * side) as u32) as u8);
            }
        }
    }
    pixels
}
