//! Studies, run to their end.

use fogline_core::model::BadInput;
use fogline_manifest::Source;
use fogline_manifest::scenario::{Scenario, Table};
use fogline_sim::engine::Outcome;
use fogline_sim::study::{Shard, Study, Units};

/// The study that a scenario's text describes.
pub(crate) fn study(text: impl Into<String>) -> Study {
    let source = Source {
        name: "test".into(),
        text: text.into(),
    };
    let scenario = Scenario::parse(&source).expect("the scenario is well-formed");
    Study::load(scenario, "".as_ref(), None).expect("the trace is generated")
}

/// All rows of a study's first replications, with these tables beside those of seeds.
pub(crate) fn outcome(study: &Study, replications: u32, tables: Vec<Table>) -> Outcome {
    let units = Units {
        first_seed: 1,
        replications,
        shard: Shard::ALL,
        tables,
    };
    let mut all = Outcome::default();
    study
        .run(&units, |_, _, mut outcome| {
            all.seeds.append(&mut outcome.seeds);
            all.nodes.append(&mut outcome.nodes);
            Ok::<(), BadInput>(())
        })
        .expect("the networks fit");
    all
}
