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
    /// A point with its interval along y.
    pub(super) fn vertical(x: f64, y: Interval, thin: bool) -> Self {
        Self {
            x,
            y: y.estimate,
            low: y.low,
            high: y.high,
            thin,
        }
    }

    /// A point with its interval along x.
    pub(super) fn horizontal(x: Interval, y: f64) -> Self {
        Self {
            x: x.estimate,
            y,
            low: x.low,
            high: x.high,
            thin: false,
        }
    }
}
