//! Rows come back from Parquet and CSV as they went in.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes as Buffer;
use fogline_core::model::{Bytes, ExecutionModel, Seconds};
use fogline_core::record::{
    Condition, JobRow, NodeRow, Placed, QUANTILES, Replication, SeedRow, Spent, StepsGroup, TaskRow,
};
use fogline_report::table::{
    CsvReader, CsvWriter, ParquetReader, ParquetWriter, Row, join_steps, split_steps,
};
use proptest::collection::vec;
use proptest::num::f64::ANY;
use proptest::prelude::*;

fn spent() -> impl Strategy<Value = Spent> {
    (ANY, ANY, ANY, any::<u64>(), any::<u64>()).prop_map(|(processing, arguments, states, a, s)| Spent {
        processing: Seconds(processing),
        arguments: Seconds(arguments),
        states: Seconds(states),
        argument_traffic: Bytes(a),
        state_traffic: Bytes(s),
    })
}

fn key() -> impl Strategy<Value = (Condition, Replication)> {
    let model = proptest::sample::select(ExecutionModel::ALL.to_vec());
    (
        any::<String>(),
        any::<u32>(),
        any::<String>(),
        model,
        any::<u32>(),
        any::<u64>(),
    )
        .prop_map(|(network, load, policy, model, topology, seed)| {
            let condition = Condition {
                network,
                load,
                policy,
                model,
            };
            (condition, Replication { topology, seed })
        })
}

fn job() -> impl Strategy<Value = JobRow> {
    (
        key(),
        any::<u32>(),
        any::<u32>(),
        any::<String>(),
        any::<u32>(),
        spent(),
    )
        .prop_map(
            |((condition, replication), job, pool_job, client, steps, spent)| JobRow {
                condition,
                replication,
                job,
                pool_job,
                client,
                steps,
                spent,
            },
        )
}

fn task() -> impl Strategy<Value = TaskRow> {
    (
        key(),
        any::<u32>(),
        any::<u32>(),
        any::<String>(),
        any::<String>(),
        spent(),
    )
        .prop_map(
            |((condition, replication), job, step, function, node, spent)| TaskRow {
                condition,
                replication,
                job,
                step,
                function,
                node,
                spent,
            },
        )
}

fn node() -> impl Strategy<Value = NodeRow> {
    (key(), any::<String>(), any::<u64>()).prop_map(|((condition, replication), node, invocations)| NodeRow {
        condition,
        replication,
        node,
        invocations,
    })
}

fn group() -> impl Strategy<Value = StepsGroup> {
    (any::<u32>(), any::<u64>(), spent()).prop_map(|(steps, jobs, total)| StepsGroup { steps, jobs, total })
}

fn seed() -> impl Strategy<Value = SeedRow> {
    let quantiles = vec(ANY, QUANTILES.len());
    (
        key(),
        any::<u64>(),
        spent(),
        quantiles,
        any::<[u64; 3]>(),
        vec(group(), 0..4),
    )
        .prop_map(
            |((condition, replication), jobs, total, quantiles, placed, by_steps)| SeedRow {
                condition,
                replication,
                jobs,
                total,
                latency_quantiles: std::array::from_fn(|at| Seconds(quantiles[at])),
                placed: Placed {
                    servers: placed[0],
                    clients: placed[1],
                    others: placed[2],
                },
                by_steps,
            },
        )
}

fn parquet<R: Row>(rows: &[R], about: &str) -> Vec<u8> {
    let mut writer = ParquetWriter::new(Vec::new(), about).unwrap();
    // Pieces, because how rows are handed over must not show.
    for piece in rows.chunks(3) {
        writer.write(piece).unwrap();
    }
    writer.finish().unwrap()
}

fn csv<R: Row>(rows: &[R]) -> Vec<u8> {
    let mut writer = CsvWriter::new(Vec::new()).unwrap();
    writer.write(rows).unwrap();
    writer.finish().unwrap()
}

fn from_csv<R: Row>(bytes: &[u8]) -> Vec<R> {
    CsvReader::new(bytes, "rows.csv")
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Compares by `Debug`, in which every bit of a number shows but the payload of a NaN, and the text of files
/// by their bytes, in which that shows too.
fn same<R: Row + std::fmt::Debug>(rows: &[R], back: &[R]) {
    assert_eq!(format!("{rows:?}"), format!("{back:?}"));
    assert!(parquet(rows, "") == parquet(back, ""), "the bits differ");
}

fn survives_parquet<R: Row + std::fmt::Debug>(rows: &[R], about: &str) {
    let reader = ParquetReader::<R>::new(Buffer::from(parquet(rows, about)), "rows.parquet").unwrap();
    assert_eq!(reader.about(), about);
    assert_eq!(reader.rows(), rows.len() as u64);
    same(rows, &reader.read_all().unwrap());
}

/// NaN has one spelling in CSV, so rows are compared by what is written of them.
fn survives_csv<R: Row>(rows: &[R]) {
    let bytes = csv(rows);
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        String::from_utf8_lossy(&csv(&from_csv::<R>(&bytes)))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn jobs_survive(rows in vec(job(), 0..9), about in any::<String>()) {
        survives_parquet(&rows, &about);
        survives_csv(&rows);
    }

    #[test]
    fn tasks_survive(rows in vec(task(), 0..9)) {
        survives_parquet(&rows, "");
        survives_csv(&rows);
    }

    #[test]
    fn nodes_survive(rows in vec(node(), 0..9)) {
        survives_parquet(&rows, "");
        survives_csv(&rows);
    }

    #[test]
    fn seeds_survive(rows in vec(seed(), 0..9)) {
        survives_parquet(&rows, "{\"shard\":\"1/4\"}");
    }

    #[test]
    fn seeds_survive_as_two_csv_tables(rows in vec(seed(), 1..5)) {
        let mut rows = rows;
        // The key of a replication is unique in a run.
        for (seed, row) in rows.iter_mut().enumerate() {
            row.replication.seed = seed as u64;
        }
        let groups: Vec<_> = split_steps(&rows).collect();
        let mut back: Vec<SeedRow> = from_csv(&csv(&rows));
        join_steps(&mut back, from_csv(&csv(&groups))).unwrap();
        prop_assert_eq!(format!("{rows:?}"), format!("{back:?}"));
    }
}

fn many(count: u32) -> Vec<NodeRow> {
    let condition = Condition {
        network: "iiot".to_owned(),
        load: 100,
        policy: "load-net".to_owned(),
        model: ExecutionModel::InEdge,
    };
    let row = |seed: u32| NodeRow {
        condition: condition.clone(),
        replication: Replication {
            topology: 0,
            seed: u64::from(seed),
        },
        node: format!("nuc{}", seed % 7),
        invocations: u64::from(seed) * 3,
    };
    (0..count).map(row).collect()
}

#[test]
fn rows_of_several_row_groups_come_back_in_order() {
    let rows = many(150_000);
    let bytes = parquet(&rows, "");
    let back = ParquetReader::<NodeRow>::new(Buffer::from(bytes), "nodes.parquet")
        .unwrap()
        .read_all()
        .unwrap();
    assert!(rows == back);
}

#[test]
fn bytes_depend_on_rows_alone() {
    let rows = many(10_000);
    let mut whole = ParquetWriter::new(Vec::new(), "x").unwrap();
    whole.write(&rows).unwrap();
    assert!(whole.finish().unwrap() == parquet(&rows, "x"));
}

#[test]
fn a_float_is_written_in_its_shortest_form() {
    let mut row = JobRow {
        client: "rpi, the third".to_owned(),
        ..JobRow::sample()
    };
    row.spent.processing = Seconds(0.1 + 0.2);
    row.spent.states = Seconds(5e-324);
    insta::assert_snapshot!(String::from_utf8(csv(&[row])).unwrap(), @r#"
    network,load_jobs,policy,model,topology,seed,job,pool_job,client,steps,processing_s,arguments_s,states_s,argument_traffic_bytes,state_traffic_bytes
    ,0,,external,0,0,0,0,"rpi, the third",0,0.30000000000000004,0.0,5e-324,0,0
    "#);
}
