//! What a person reads at the end of a run.

mod stats_support;

use fogline_report::paper::{compare, statements};
use fogline_report::summary::{SummaryOptions, summarise};
use fogline_report::terminal;
use stats_support::{as_stated, rows};

#[test]
fn summary_names_winner_and_certainty() {
    let rows = rows("iiot", &[100, 500], &["load", "load-net"], 30, as_stated);
    insta::assert_snapshot!(terminal::summary(&summarise(&rows, &SummaryOptions::default())));
}

#[test]
fn statements_stand_side_by_side() {
    let compat = rows("iiot", &[100, 500], &["load", "load-net"], 30, as_stated);
    let corrected = rows("iiot", &[100, 500], &["load-net"], 30, |asked| {
        let mut figures = as_stated(asked);
        figures.traffic_mb = 3.0 + figures.traffic_mb / 100.0;
        figures
    });
    let options = SummaryOptions::default();
    let compared = compare(
        &statements(&summarise(&compat, &options), &[]),
        &statements(&summarise(&corrected, &options), &[]),
    );
    insta::assert_snapshot!(terminal::statements(&compared));
}
