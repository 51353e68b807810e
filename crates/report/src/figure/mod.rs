//! The paper's Figures 4, 5 and 6, drawn from a summary, to be put in a paper.
//!
//! A figure is first plain data (`plot`), then drawn on one of two backends by the same code.
//! The bytes depend on the summary and the options alone: the font is carried along, and logarithms come from
//! `libm`.

mod axis;
mod backend;
mod frame;
mod latency;
mod page;
mod palette;
mod panel;
mod pen;
mod plot;
mod select;
mod steps;
mod text;
mod traffic;

use crate::summary::Summary;
use axis::Scale;
use plot::Plot;

/// How to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureOptions {
    /// The policy under which Figures 5 and 6 compare the models.
    pub policy: String,
    /// Whether the latency axis of Figure 6 is logarithmic. The models differ by a factor of ten: on a linear
    /// axis the two fastest lie on each other.
    pub logarithmic_steps: bool,
}

impl Default for FigureOptions {
    fn default() -> Self {
        Self {
            policy: "load-net".to_owned(),
            logarithmic_steps: true,
        }
    }
}

/// A figure that cannot be drawn: a fault of the drawing library.
#[derive(Debug, thiserror::Error)]
#[error("drawing \"{figure}\": {problem}")]
pub struct FigureError {
    /// Title of the figure.
    pub figure: String,
    /// What the library said.
    pub problem: String,
}

/// A figure, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Short name, as `figure-4`.
    pub name: &'static str,
    /// What is seen, and what the intervals mean, in a few sentences: the caption.
    pub caption: String,
    plot: Plot,
}

impl Figure {
    /// Figure 4: mean traffic per run against the number of jobs, a panel per network and policy.
    ///
    /// `None` where nothing was run.
    #[must_use]
    pub fn traffic(summary: &Summary) -> Option<Self> {
        traffic::figure(summary)
    }

    /// Figure 5: the distribution of the latency at the largest load, a panel per network.
    ///
    /// `None` where nothing was run under the policy.
    #[must_use]
    pub fn latency(summary: &Summary, options: &FigureOptions) -> Option<Self> {
        latency::figure(summary, &options.policy)
    }

    /// Figure 6: mean time in the network against the number of steps, at the largest load, a panel per
    /// network.
    ///
    /// `None` where nothing was run under the policy.
    #[must_use]
    pub fn steps(summary: &Summary, options: &FigureOptions) -> Option<Self> {
        let scale = if options.logarithmic_steps {
            Scale::Logarithmic
        } else {
            Scale::Linear
        };
        steps::figure(summary, &options.policy, scale)
    }

    /// All that the summary has data for, in the paper's order.
    #[must_use]
    pub fn all(summary: &Summary, options: &FigureOptions) -> Vec<Self> {
        let figures = [
            Self::traffic(summary),
            Self::latency(summary, options),
            Self::steps(summary, options),
        ];
        figures.into_iter().flatten().collect()
    }

    /// The same with a few words behind its title, as `compat mode`: where a report shows several.
    #[must_use]
    pub fn labelled(mut self, label: &str) -> Self {
        self.plot.title = format!("{}, {label}", self.plot.title);
        self
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.plot.title
    }

    /// As SVG, 1600 units wide.
    ///
    /// # Errors
    /// When the drawing library fails.
    pub fn svg(&self) -> Result<String, FigureError> {
        backend::svg(&self.plot, &self.caption).map_err(|problem| self.failed(problem))
    }

    /// As PNG, 1600 pixels wide: 250 dpi on the text width of an A4 page.
    ///
    /// # Errors
    /// When the drawing library fails.
    pub fn png(&self) -> Result<Vec<u8>, FigureError> {
        backend::png(&self.plot).map_err(|problem| self.failed(problem))
    }

    fn failed(&self, problem: String) -> FigureError {
        FigureError {
            figure: self.plot.title.clone(),
            problem,
        }
    }
}
