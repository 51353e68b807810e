//! What a model looks like: the same in every figure, and told apart without colour.

use fogline_core::model::ExecutionModel;
use plotters::style::RGBColor;

/// Shape of the marks of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Hexagon,
    Bar,
}

/// Look of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub(super) colour: RGBColor,
    pub(super) mark: Mark,
    /// Length of a dash and of the gap behind it; none for an unbroken line.
    pub(super) dash: Option<(f64, f64)>,
}

/// The look of a model. The colours are those of Okabe and Ito, "Color Universal Design" (2008), told apart
/// with any colour blindness.
pub(super) fn look(model: ExecutionModel) -> Look {
    let (colour, mark, dash) = match model {
        ExecutionModel::External => (RGBColor(0, 114, 178), Mark::Square, Some((22.0, 8.0))),
        ExecutionModel::InEdge => (RGBColor(213, 94, 0), Mark::Triangle, Some((10.0, 6.0))),
        ExecutionModel::InFunction => (RGBColor(0, 158, 115), Mark::Circle, None),
        ExecutionModel::InClient => (RGBColor(204, 121, 167), Mark::Diamond, Some((4.0, 5.0))),
        ExecutionModel::PureFaas => (RGBColor(230, 159, 0), Mark::TriangleDown, Some((30.0, 6.0))),
        ExecutionModel::StatePropagate => (RGBColor(86, 180, 233), Mark::Hexagon, Some((15.0, 12.0))),
        ExecutionModel::StateLocal => (RGBColor(0, 0, 0), Mark::Bar, Some((7.0, 9.0))),
    };
    Look { colour, mark, dash }
}

impl Mark {
    /// The corners, for a mark of radius 1; none for a circle.
    pub(super) fn corners(self) -> &'static [(f64, f64)] {
        match self {
            Self::Circle => &[],
            Self::Square => &[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
            Self::Triangle => &[(0.0, -1.15), (1.1, 0.8), (-1.1, 0.8)],
            Self::Diamond => &[(0.0, -1.25), (1.05, 0.0), (0.0, 1.25), (-1.05, 0.0)],
            Self::TriangleDown => &[(0.0, 1.15), (1.1, -0.8), (-1.1, -0.8)],
            Self::Hexagon => &[
                (-1.1, 0.0),
                (-0.55, -0.95),
                (0.55, -0.95),
                (1.1, 0.0),
                (0.55, 0.95),
                (-0.55, 0.95),
            ],
            Self::Bar => &[(-1.1, -0.4), (1.1, -0.4), (1.1, 0.4), (-1.1, 0.4)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_told_apart_by_colour_by_mark_and_by_dash() {
        for (position, model) in ExecutionModel::ALL.into_iter().enumerate() {
            for other in &ExecutionModel::ALL[..position] {
                let (a, b) = (look(model), look(*other));
                assert!(
                    a.colour != b.colour && a.mark != b.mark && a.dash != b.dash,
                    "{model} and {other}"
                );
            }
        }
    }
}
