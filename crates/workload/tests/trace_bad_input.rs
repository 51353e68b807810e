//! What readers of traces say to files that are wrong, and that nothing makes them panic.

use std::io::{BufReader, Read};

use fogline_core::model::{FunctionId, Seconds};
use fogline_workload::trace::{
    MAX_LINE, Scale, Trace, Transformation, Window, alibaba, azure, spar, workflow_with_or_without_states,
};
use proptest::prelude::*;

const SPAR: &str = "\
0.0,j_1,M1,10,100.0,0.3,1
0.0,j_1,R2_1,20,100.0,0.39,5
0.0,j_1,J3_1_2,3,50.0,0.2,1
1.0,j_2,task_abc=,3,50.0,0.2,1
2.0,j_3,M2,3,50.0,0.2,1
2.0,j_3,R1_2,0,50.0,0.2,1
";

const ALIBABA: &str = "\
M1,1,j_1,1,Terminated,100,110,100,0.5
M1,1,j_2,1,Terminated,90,110,100,0.5
R2_1,3,j_1,1,Terminated,111,120,,
task_x=,3,j_1,1,Terminated,111,120,50,0.2
MergeTask,1,j_3,1,Terminated,111,120,50,0.2
R2_1,3,j_2,1,Failed,111,120,50,0.2
J3_2,3,j_4,1,Terminated,111,120,50,0.2
M1_2,3,j_5,1,Terminated,111,120,50,0.2
M2_1,3,j_5,1,Terminated,111,120,50,0.2
M1,1,j_6,1,Terminated,111,0,50,0.2
";

const AZURE_2021: &str = "\
app,func,end_timestamp,duration
a,f,5.5,0.5
b,g,2.25,0.25
b,h,0.1,3.0
";

const DURATIONS_2019: &str = "\
HashOwner,HashApp,HashFunction,Average,Count,Minimum,Maximum
o,a,f,500,2,1,1000
";

fn invocations_2019(first_minutes: &str) -> String {
    let minutes: Vec<String> = (1..=1440).map(|minute| minute.to_string()).collect();
    let missing = 1440 - first_minutes.split(',').count();
    format!(
        "HashOwner,HashApp,HashFunction,Trigger,{}\no,a,f,http,{first_minutes}{}\no,a,g,http,1{}\n",
        minutes.join(","),
        ",0".repeat(missing),
        ",0".repeat(1439),
    )
}

/// Files that are not traces of Spår, and how the answer begins.
const WRONG: [(&str, &str); 21] = [
    ("", "t.csv: there is no job with a DAG"),
    ("\n\n", "t.csv: there is no job with a DAG"),
    ("0,j_1,task_a,1,1,1,1\n", "t.csv: there is no job with a DAG"),
    ("0,j_1,M1,1,1,1\n", "t.csv:1:15: expected 7 fields, found 6"),
    (
        "0,j_1,M1,1,1,1,1\n0,j_1,M2,1",
        "t.csv:2:11: the file ends in the middle of a record",
    ),
    ("0,j_1,M1,1,1,1,1,1\n", "t.csv:1:1: expected 7 fields, found 8"),
    (
        "x,j_1,M1,1,1,1,1\n",
        "t.csv:1:1: arrival: expected a number, found \"x\"",
    ),
    (
        "0,j_1,M1,,1,1,1\n",
        "t.csv:1:10: duration: expected a number, found \"\"",
    ),
    (
        "0,j_1,M1,-1,1,1,1\n",
        "t.csv:1:10: duration: expected a finite number of at least 0",
    ),
    (
        "0,j_1,M1,1,NaN,1,1\n",
        "t.csv:1:12: cpu: expected a finite number",
    ),
    (
        "0,j_1,M1,1,1,inf,1\n",
        "t.csv:1:14: mem: expected a finite number",
    ),
    (
        "0,j_1,M1,1,1,1e999,1\n",
        "t.csv:1:14: mem: expected a finite number",
    ),
    (
        "0,j_1,M1,1,1,1,1.5\n",
        "t.csv:1:16: instances: expected a whole number",
    ),
    ("0,,M1,1,1,1,1\n", "t.csv:1:3: job: expected a name"),
    (
        "0,j_1,M0,1,1,1,1\n",
        "t.csv:1:7: name: expected the name of a task, found \"M0\"",
    ),
    (
        "0,j_1,MergeTask,1,1,1,1\n",
        "t.csv:1:7: name: expected the name of a task",
    ),
    (
        "0,ж_1,M1_+1,1,1,1,1\n",
        "t.csv:1:7: name: expected the name of a task, found \"M1_+1\"",
    ),
    (
        "0,j_1,M2,1,1,1,1\n0,j_1,R2,1,1,1,1\n",
        "t.csv:2:7: job j_1: task 2 is there twice",
    ),
    (
        "0,j_1,M2_1,1,1,1,1\n",
        "t.csv:1:7: job j_1: task 2 waits for task 1, which the job does not have",
    ),
    (
        "0,j_1,M1_2,1,1,1,1\n0,j_1,M2_1,1,1,1,1\n",
        "t.csv:1:7: job j_1: task 1 is part of a cycle",
    ),
    (
        "0,j_1,M1_1_1_1,1,1,1,1\n",
        "t.csv:1:7: job j_1: task 1 is part of a cycle",
    ),
];

/// All that is promised of a trace.
fn assert_valid(trace: &Trace) {
    assert!(!trace.jobs.is_empty());
    for job in &trace.jobs {
        assert!(!job.tasks.is_empty());
        assert!(job.arrival.0.is_finite() && job.arrival.0 >= 0.0);
        for pair in job.tasks.windows(2) {
            assert!(pair[0].id < pair[1].id);
        }
        for task in &job.tasks {
            assert!(task.id > 0);
            for quantity in [Some(task.duration.0), task.cpu, task.memory]
                .into_iter()
                .flatten()
            {
                assert!(quantity.is_finite() && quantity >= 0.0);
            }
        }
        for transformation in Transformation::ALL {
            // Panics on a cycle, an unknown parent and a wrong order.
            let function = |_: &_| FunctionId(0);
            let workflow = workflow_with_or_without_states(job, transformation, &Scale::default(), function);
            assert!(workflow.is_some());
        }
    }
}

fn spar(text: impl AsRef<[u8]>) -> Result<Trace, String> {
    spar::parse(text.as_ref(), "t.csv").map_err(|bad| bad.to_string())
}

fn alibaba(text: impl AsRef<[u8]>, window: &Window) -> Result<Trace, String> {
    alibaba::parse(text.as_ref(), "t.csv", window).map_err(|bad| bad.to_string())
}

#[test]
fn a_wrong_spar_file_is_answered_with_line_column_and_hint() {
    for (text, expected) in WRONG {
        let message = spar(text).expect_err(text);
        assert!(
            message.starts_with(expected),
            "{text:?} gives {message:?}, not {expected:?}"
        );
        assert!(message.contains("\nhint: "), "{message}");
    }
}

#[test]
fn text_that_is_not_utf8_is_named() {
    let message = spar(b"0,j_1,M1,1,1,1,1\n0,j\xff,M1,1,1,1,1\n").expect_err("bad");
    assert!(
        message.starts_with("t.csv:2:4: the line is not UTF-8 text"),
        "{message}"
    );
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let endless = BufReader::new(std::io::repeat(b'7').take(10 << 30));
    let message = spar::parse(endless, "t.csv").expect_err("too long").to_string();
    assert!(
        message.starts_with("t.csv:1:1: the line is longer than 1048576 bytes"),
        "{message}"
    );

    let line = |length: usize| format!("0,j_{},M1,1,1,1,1\n", "1".repeat(length - 16));
    assert_eq!(line(MAX_LINE).len(), MAX_LINE);
    assert!(spar(line(MAX_LINE + 1)).is_ok());
    assert!(spar(line(MAX_LINE + 2)).is_err());
}

#[test]
fn what_other_tools_write_is_read() {
    let plain = spar(SPAR).expect("valid");
    assert_eq!(plain.jobs.len(), 2);
    assert_eq!(
        (plain.left_out.independent_jobs, plain.left_out.independent_tasks),
        (1, 1)
    );
    assert_eq!(plain.jobs[0].tasks[2].parents, [1, 2]);
    for other in [
        SPAR.replace('\n', "\r\n"),
        SPAR.trim_end().to_owned(),
        format!("\u{feff}{SPAR}\n\n"),
        SPAR.replace(",1\n", ",1.0\n"),
    ] {
        assert_eq!(spar(&other).expect(&other), plain);
    }
}

#[test]
fn rows_of_a_job_may_be_split_by_rows_without_dag_information() {
    let text = "0,j_1,task_a,1,1,1,1\n0,j_1,M1,1,1,1,1\n0,j_1,task_b,1,1,1,1\n0,j_2,task_c,1,1,1,1\n\
                0,j_1,M2_1,1,1,1,1\n";
    let trace = spar(text).expect("valid");
    assert_eq!(trace.jobs.len(), 1);
    assert_eq!((trace.jobs[0].tasks.len(), trace.jobs[0].independent), (2, 2));
    assert_eq!(
        (trace.left_out.independent_jobs, trace.left_out.independent_tasks),
        (1, 1)
    );
}

#[test]
fn the_real_alibaba_format_is_grouped_and_cleaned() {
    let trace = alibaba(ALIBABA, &Window::default()).expect("valid");
    let names: Vec<_> = trace
        .jobs
        .iter()
        .map(|job| (job.name.as_str(), job.arrival.0))
        .collect();
    assert_eq!(names, [("j_2", 90.0), ("j_1", 100.0)]);
    let job = &trace.jobs[1];
    assert_eq!((job.tasks.len(), job.independent), (2, 1));
    assert_eq!((job.tasks[1].duration, job.tasks[1].cpu), (Seconds(9.0), None));
    assert_eq!(trace.left_out.unusable_tasks, 2);
    assert_eq!(trace.left_out.independent_jobs, 1);
    // j_4 waits for a task that is not there, j_5 for itself.
    assert_eq!(trace.left_out.broken_jobs, 2);
}

#[test]
fn a_window_cuts_what_lies_outside_and_bounds_what_is_held() {
    let window = |from: f64, until: f64, most_tasks| Window {
        from: Seconds(from),
        until: Seconds(until),
        most_tasks,
    };
    let early = alibaba(ALIBABA, &window(0.0, 110.0, 10)).expect("two tasks");
    assert_eq!(early.jobs.len(), 2);
    let none = alibaba(ALIBABA, &window(1e6, 2e6, 10)).expect_err("nothing there");
    assert!(none.contains("there is no usable job"), "{none}");
    let few = alibaba(ALIBABA, &window(0.0, 1e6, 2)).expect_err("too many");
    assert!(few.contains("more than 2 tasks"), "{few}");
}

#[test]
fn azure_2021_gives_a_job_per_invocation_in_order_of_arrival() {
    let trace = azure::parse_2021(AZURE_2021.as_bytes(), "t.csv", &Window::default()).expect("valid");
    let jobs: Vec<_> = trace
        .jobs
        .iter()
        .map(|job| {
            (
                job.name.as_str(),
                job.arrival.0,
                job.tasks[0].duration.0,
                job.tasks[0].cpu,
            )
        })
        .collect();
    assert_eq!(
        jobs,
        [
            ("h-3", 0.0, 3.0, None),
            ("g-2", 2.0, 0.25, None),
            ("f-1", 5.0, 0.5, None)
        ]
    );
    assert_valid(&trace);

    let wrong = azure::parse_2021("app,func\n".as_bytes(), "t.csv", &Window::default()).expect_err("header");
    assert!(
        wrong
            .to_string()
            .starts_with("t.csv:1:1: expected another header"),
        "{wrong}"
    );
}

#[test]
fn azure_2019_spreads_the_invocations_of_a_minute_evenly() {
    let read = |invocations: &str, window: &Window| {
        azure::parse_2019(
            (invocations.as_bytes(), "i.csv"),
            (DURATIONS_2019.as_bytes(), "d.csv"),
            window,
        )
    };
    let trace = read(&invocations_2019("2,0,3"), &Window::default()).expect("valid");
    let arrivals: Vec<f64> = trace.jobs.iter().map(|job| job.arrival.0).collect();
    assert_eq!(arrivals, [15.0, 45.0, 130.0, 150.0, 170.0]);
    assert!(trace.jobs.iter().all(|job| job.tasks[0].duration == Seconds(0.5)));
    // The second function has no duration.
    assert_eq!(trace.left_out.unusable_tasks, 1);

    let huge = read(&invocations_2019("4294967295"), &Window::default()).expect_err("too many");
    assert!(huge.to_string().contains("more than 16000000 tasks"), "{huge}");
    let short = invocations_2019("2").replace(",0\n", "\n");
    let message = read(&short, &Window::default())
        .expect_err("a minute is missing")
        .to_string();
    assert!(
        message.starts_with("i.csv:2:") && message.contains("expected 1444 fields, found 1443"),
        "{message}"
    );
}

/// A valid text with some bytes replaced, removed or repeated.
fn mutation(text: String) -> impl Strategy<Value = Vec<u8>> {
    let length = text.len();
    let edit = (
        0..length,
        0..4_u8,
        prop_oneof![any::<u8>(), prop::sample::select(b",_\n0129-.eMjNa".to_vec())],
    );
    prop::collection::vec(edit, 0..6).prop_map(move |edits| {
        let mut bytes = text.clone().into_bytes();
        for (at, kind, byte) in edits {
            let at = at.min(bytes.len().saturating_sub(1));
            match kind {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        bytes
    })
}

fn no_reader_panics(bytes: &[u8]) {
    // Small, so that a mutated count does not fill the memory.
    let window = Window {
        most_tasks: 1_000,
        ..Window::default()
    };
    let durations = || (DURATIONS_2019.as_bytes(), "d.csv");
    let invocations = invocations_2019("1");
    let results = [
        spar::parse(bytes, "t"),
        alibaba::parse(bytes, "t", &window),
        azure::parse_2021(bytes, "t", &window),
        azure::parse_2019((bytes, "t"), durations(), &window),
        azure::parse_2019((invocations.as_bytes(), "t"), (bytes, "t"), &window),
    ];
    for result in results {
        match result {
            Ok(trace) => assert_valid(&trace),
            Err(bad) => assert!(!bad.problem.is_empty() && !bad.hint.is_empty() && !bad.file.is_empty()),
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        no_reader_panics(&bytes);
    }

    #[test]
    fn no_mutation_of_a_spar_file_makes_a_reader_panic(bytes in mutation(SPAR.to_owned())) {
        no_reader_panics(&bytes);
    }

    #[test]
    fn no_mutation_of_an_alibaba_file_makes_a_reader_panic(bytes in mutation(ALIBABA.to_owned())) {
        no_reader_panics(&bytes);
    }

    #[test]
    fn no_mutation_of_an_azure_file_makes_a_reader_panic(
        invocations in mutation(AZURE_2021.to_owned()),
        minutes in mutation(invocations_2019("2,0,3")),
        durations in mutation(DURATIONS_2019.to_owned()),
    ) {
        no_reader_panics(&invocations);
        no_reader_panics(&minutes);
        no_reader_panics(&durations);
    }

    #[test]
    fn random_jobs_are_accepted_exactly_when_acyclic(
        edges in prop::collection::vec((1..7_u32, 1..7_u32), 0..10),
    ) {
        let mut text = String::new();
        for id in 1..7 {
            let parents = edges.iter().filter(|(child, _)| *child == id);
            let parents: String = parents.map(|(_, parent)| format!("_{parent}")).collect();
            text += &format!("0,j_1,M{id}{parents},1,100,0.3,1\n");
        }
        // Reachability by repeated squaring, as an independent check.
        let mut reach = [[false; 7]; 7];
        for &(child, parent) in &edges {
            reach[parent as usize][child as usize] = true;
        }
        for middle in 1..7 {
            for from in 1..7 {
                for to in 1..7 {
                    reach[from][to] |= reach[from][middle] && reach[middle][to];
                }
            }
        }
        let cyclic = (1..7).any(|task| reach[task][task]);
        match spar(&text) {
            Ok(trace) => {
                prop_assert!(!cyclic);
                assert_valid(&trace);
            }
            Err(message) => prop_assert!(cyclic && message.contains("cycle"), "{message}"),
        }
    }
}
