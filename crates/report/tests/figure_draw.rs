//! Figures are drawn, the same every time, for whatever was run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod synthetic;

use std::path::Path;

use fogline_core::model::ExecutionModel;
use fogline_report::figure::{Figure, FigureOptions};
use fogline_report::summary::{SummaryOptions, summarise};

const LOADS: [u32; 5] = [100, 200, 300, 400, 500];

fn figures(networks: &[&str], models: &[ExecutionModel], loads: &[u32], replications: u64) -> Vec<Figure> {
    let rows = synthetic::rows(networks, models, loads, replications);
    Figure::all(
        &summarise(&rows, &SummaryOptions::default()),
        &FigureOptions::default(),
    )
}

/// Draws, and leaves the files where they can be looked at: target/tmp.
fn draw(figures: &[Figure], prefix: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for figure in figures {
        std::fs::write(
            folder.join(format!("{prefix}-{}.svg", figure.name)),
            figure.svg().unwrap(),
        )
        .unwrap();
        std::fs::write(
            folder.join(format!("{prefix}-{}.png", figure.name)),
            figure.png().unwrap(),
        )
        .unwrap();
    }
}

#[test]
fn the_paper_is_drawn_in_three_figures() {
    let figures = figures(&["iiot", "urban_sensing"], &ExecutionModel::PAPER, &LOADS, 40);
    let names: Vec<_> = figures.iter().map(|figure| figure.name).collect();
    assert_eq!(names, ["figure-4", "figure-5", "figure-6"]);
    draw(&figures, "paper");
}

#[test]
fn seven_models_and_three_networks_are_drawn() {
    let networks = ["cloud regions", "iiot", "urban_sensing"];
    draw(&figures(&networks, &ExecutionModel::ALL, &LOADS, 12), "seven");
}

#[test]
fn one_replication_of_one_load_is_drawn_without_intervals() {
    draw(&figures(&["iiot"], &ExecutionModel::PAPER, &[500], 1), "single");
}
