//! What is drawn, as plain data.

use fogline_core::model::ExecutionModel;

use super::axis::Axis;
use crate::stats::Interval;

/// A page of panels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plot {
    pub(super) title: String,
    /// Under what it was measured; below the title.
    pub(super) subtitle: String,
    /// What the marks mean; below the panels, a line each.
    pub(super) notes: Vec<String>,
    /// Models of the legend, in its order.
    pub(super) legend: Vec<ExecutionModel>,
    /// Whether models differ in their dashes too. Not where dashes mean something else.
    pub(super) dashed_models: bool,
    /// Panels, row by row.
    pub(super) rows: Vec<Vec<Panel>>,
}

/// One coordinate system.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// On what the points rest, above the panel.
    pub(super) strip: Option<Strip>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) model: ExecutionModel,
    /// Dashed, whatever the model.
    pub(super) dashed: bool,
    pub(super) points: Vec<Point>,
    pub(super) shown: Shown,
}

/// How the intervals of a series are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A bar at each point, along y.
    Bars,
    /// A band around the line, along x.
    Band,
}

/// A point, and the interval around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Ends of the interval, along y for bars, along x for a band; infinite where nothing bounds it.
    pub(super) low: f64,
    pub(super) high: f64,
    /// Rests on so little that it is drawn faint.
    pub(super) thin: bool,
}

/// Bars above a panel, on its x axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Strip {
    pub(super) y: Axis,
    pub(super) bars: Vec<(f64, f64)>,
}

impl Point {
    /// A point with its interval along y; none where the estimate is no number.
    pub(super) fn vertical(x: f64, y: Interval, thin: bool) -> Option<Self> {
        y.estimate.is_finite().then_some(Self {
            x,
            y: y.estimate,
            low: y.low,
            high: y.high,
            thin,
        })
    }

    /// A point with its interval along x; none where the estimate is no number.
    pub(super) fn horizontal(x: Interval, y: f64) -> Option<Self> {
        x.estimate.is_finite().then_some(Self {
            x: x.estimate,
            y,
            low: x.low,
            high: x.high,
            thin: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_that_is_no_number_has_no_point() {
        for wrong in [f64::NAN, f64::INFINITY] {
            let interval = Interval::unbounded(wrong, 0.95, 3);
            assert_eq!(Point::vertical(1.0, interval, false), None);
            assert_eq!(Point::horizontal(interval, 1.0), None);
        }
    }
}
