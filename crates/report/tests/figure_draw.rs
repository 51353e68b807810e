//! Figures are drawn, the same every time, for whatever was run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod synthetic;

use std::path::Path;

use fogline_core::model::{ExecutionModel, Seconds};
use fogline_report::figure::{Figure, FigureOptions};
use fogline_report::summary::{Summary, SummaryOptions, summarise};
use quick_xml::Reader;
use quick_xml::events::Event;

const LOADS: [u32; 5] = [100, 200, 300, 400, 500];

fn summary(networks: &[&str], models: &[ExecutionModel], loads: &[u32], replications: u64) -> Summary {
    let rows = synthetic::rows(networks, models, loads, replications);
    summarise(&rows, &SummaryOptions::default())
}

fn figures(networks: &[&str], models: &[ExecutionModel], loads: &[u32], replications: u64) -> Vec<Figure> {
    let summary = summary(networks, models, loads, replications);
    Figure::all(&summary, &FigureOptions::default())
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
    let networks = ["a network with quite a long name", "iiot", "urban_sensing"];
    draw(&figures(&networks, &ExecutionModel::ALL, &LOADS, 12), "seven");
}

#[test]
fn one_replication_of_one_load_is_drawn_without_intervals() {
    draw(&figures(&["iiot"], &ExecutionModel::PAPER, &[500], 1), "single");
}

/// All words of a picture. Fails where it is not well-formed XML.
fn words(svg: &str) -> Vec<String> {
    let mut reader = Reader::from_str(svg);
    let mut words = Vec::new();
    let mut inside = false;
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => inside = tag.name().as_ref() == "text",
            Event::End(_) => inside = false,
            Event::Text(text) if inside => words.push(text.trim().to_owned()),
            Event::Eof => return words,
            _ => {}
        }
    }
}

#[test]
fn a_picture_names_its_axes_units_models_networks_and_intervals() {
    let figures = figures(&["iiot", "urban_sensing"], &ExecutionModel::PAPER, &LOADS, 40);
    let expected = [
        [
            "traffic per run (MB)",
            "jobs",
            "iiot, load",
            "urban_sensing, load-net",
        ],
        ["latency (ms)", "share of runs", "iiot", "urban_sensing"],
        ["network latency (ms)", "steps", "runs behind a point", "iiot"],
    ];
    for (figure, expected) in figures.iter().zip(expected) {
        let words = words(&figure.svg().unwrap());
        let models = ExecutionModel::PAPER.map(ExecutionModel::name);
        for word in expected.iter().chain(&models) {
            assert!(
                words.iter().any(|found| found == word),
                "{}: {word} is not among {words:?}",
                figure.name
            );
        }
        let note = words.last().unwrap();
        assert!(
            note.contains("95 %") && note.contains("40 replications"),
            "{note}"
        );
    }
}

#[test]
fn the_same_rows_in_any_order_give_the_same_bytes() {
    let mut rows = synthetic::rows(&["iiot"], &ExecutionModel::PAPER, &[100, 500], 8);
    let draw = |rows: &[_]| {
        let figures = Figure::all(
            &summarise(rows, &SummaryOptions::default()),
            &FigureOptions::default(),
        );
        let drawn = figures
            .iter()
            .map(|figure| (figure.svg().unwrap(), figure.png().unwrap()));
        drawn.collect::<Vec<_>>()
    };
    let drawn = draw(&rows);
    rows.reverse();
    assert!(drawn == draw(&rows));
}

#[test]
fn a_png_is_1600_pixels_wide_and_as_high_as_its_svg() {
    for figure in figures(&["iiot"], &ExecutionModel::PAPER, &[500], 3) {
        let png = figure.png().unwrap();
        let (width, height) = (&png[16..20], &png[20..24]);
        assert_eq!(width, 1600_u32.to_be_bytes());
        let height = u32::from_be_bytes(height.try_into().unwrap());
        let svg = figure.svg().unwrap();
        assert!(
            svg.contains(&format!("width=\"1600\" height=\"{height}\"")),
            "{height}"
        );
    }
}

#[test]
fn what_was_not_run_is_not_drawn() {
    assert!(figures(&[], &[], &[], 0).is_empty());
    let summary = summary(&["iiot"], &ExecutionModel::PAPER, &[500], 3);
    let other = FigureOptions {
        policy: "optimum".to_owned(),
        ..FigureOptions::default()
    };
    let names: Vec<_> = Figure::all(&summary, &other)
        .iter()
        .map(|figure| figure.name)
        .collect();
    assert_eq!(names, ["figure-4"]);
}

#[test]
fn names_are_escaped() {
    for figure in figures(&["<b>&\"x\""], &ExecutionModel::PAPER, &[500], 3) {
        let svg = figure.svg().unwrap();
        assert!(!svg.contains("<b>"), "{}", figure.name);
        words(&svg);
    }
}

#[test]
fn figures_that_are_no_numbers_do_not_reach_the_picture() {
    for wrong in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 1e-300] {
        let mut rows = synthetic::rows(&["iiot"], &ExecutionModel::PAPER, &LOADS, 3);
        for row in &mut rows {
            row.total.states = Seconds(wrong);
            row.latency_quantiles[3] = Seconds(wrong);
            row.by_steps[0].total.states = Seconds(wrong);
        }
        let summary = summarise(&rows, &SummaryOptions::default());
        let linear = FigureOptions {
            logarithmic_steps: false,
            ..FigureOptions::default()
        };
        let figures = Figure::all(&summary, &FigureOptions::default()).into_iter();
        for figure in figures.chain(Figure::all(&summary, &linear)) {
            let svg = figure.svg().unwrap();
            assert!(
                !svg.contains("NaN") && !svg.contains("inf"),
                "{wrong}: {}",
                figure.name
            );
            // Beyond this, a coordinate was not held at the edge of its panel.
            assert!(!svg.contains("2147483647"), "{wrong}: {}", figure.name);
        }
    }
}

#[test]
fn a_caption_says_what_its_intervals_count() {
    let latency = |rows: &[_]| {
        let summary = summarise(rows, &SummaryOptions::default());
        let figure = Figure::latency(&summary, &FigureOptions::default()).unwrap();
        let note = words(&figure.svg().unwrap()).last().unwrap().clone();
        (figure.caption, note)
    };
    let mut rows = synthetic::rows(&["iiot"], &ExecutionModel::PAPER, &[500], 12);
    let (caption, note) = latency(&rows);
    assert!(caption.contains("the median over 12 replications"), "{caption}");
    assert!(
        note.contains("order-statistic intervals of it over 12 replications"),
        "{note}"
    );
    for row in &mut rows {
        row.replication.topology = (row.replication.seed % 4) as u32;
    }
    let (caption, note) = latency(&rows);
    assert!(caption.contains("the mean over 4 topologies"), "{caption}");
    assert!(note.contains("t intervals of it over 4 topologies"), "{note}");
    let few = synthetic::rows(&["iiot"], &ExecutionModel::PAPER, &[500], 3);
    assert_eq!(
        latency(&few).1,
        "There are no intervals: they need more than 3 replications."
    );
}

#[test]
fn a_label_is_part_of_the_picture() {
    let figures = figures(&["iiot"], &ExecutionModel::PAPER, &[500], 3).into_iter();
    for figure in figures.map(|figure| figure.labelled("compat mode")) {
        assert!(figure.title().ends_with(", compat mode"));
        assert!(words(&figure.svg().unwrap()).contains(&figure.title().to_owned()));
    }
}
