//! The font, carried along so that a figure is the same on every machine.

use std::sync::OnceLock;

use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontFamily, FontStyle, FontTransform, IntoFont, RGBColor, TextStyle, register_font,
};

/// The name under which the font is registered: in SVG, the list of families to choose from.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Text as dark as print, softer than black on a screen.
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
/// What is said in passing.
pub(super) const FAINT_INK: RGBColor = RGBColor(95, 95, 95);

/// Registers the font, once.
pub(super) fn load_font() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    let load = || {
        let broken = |_| "the font that comes along cannot be read".to_owned();
        register_font(FAMILY, FontStyle::Normal, dejavu::sans::regular()).map_err(broken)?;
        register_font(FAMILY, FontStyle::Bold, dejavu::sans::bold()).map_err(broken)
    };
    LOADED.get_or_init(load).clone()
}

/// A style of text. The size is in pixels of the backend.
pub(super) fn text(size: f64, colour: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    style(FontStyle::Normal, size, colour, horizontal)
}

/// The same in bold.
pub(super) fn bold(size: f64, colour: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    style(FontStyle::Bold, size, colour, horizontal)
}

fn style(weight: FontStyle, size: f64, colour: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    TextStyle {
        font: (FontFamily::Name(FAMILY), size, weight).into_font(),
        color: colour.to_backend_color(),
        pos: Pos::new(horizontal, VPos::Center),
    }
}

/// The same, read from bottom to top.
pub(super) fn upright(style: TextStyle<'static>) -> TextStyle<'static> {
    style.transform(FontTransform::Rotate270)
}
