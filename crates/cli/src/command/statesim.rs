//! `fogline statesim`: StateSim's command line and files.

use std::collections::BTreeSet;
use std::fs;
use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;

use fogline_core::model::BadInput;
use fogline_sim::compat::{
    AllocPolicy, ExecPolicy, Options, Prepared, Replicate, Scratch, Unfit, UnknownPolicy, job_file_name,
    node_file_name, write_loads, write_samples,
};
use fogline_workload::network::statesim;
use fogline_workload::trace::spar;
use rayon::prelude::*;

use crate::failure::Failure;
use crate::study::Progress;
use crate::{atomic_file, output};

/// Simulates as StateSim v1.1.1 does, to the last bit, from its options to its files.
///
/// Writes, for each allocation policy A, execution policy E and seed S, job-alloc=A.exec=E.seed=S (a line per
/// job: processing time and network time in seconds, traffic in bytes, length of the chain) and
/// node-alloc=A.exec=E.seed=S (a line per node: tasks placed on it). Options may be shortened as long as it is
/// clear which is meant.
#[derive(clap::Args)]
#[command(infer_long_args = true)]
pub(crate) struct Args {
    /// File containing the specifications of nodes
    #[arg(long, value_name = "FILE", default_value = "nodes")]
    nodes_file: PathBuf,
    /// File containing the specifications of links
    #[arg(long, value_name = "FILE", default_value = "links")]
    links_file: PathBuf,
    /// File containing the specifications of edges
    #[arg(long, value_name = "FILE", default_value = "edges")]
    edges_file: PathBuf,
    /// File containing the specifications of tasks, as Spår writes them
    #[arg(long, value_name = "FILE", default_value = "tasks")]
    tasks_file: PathBuf,
    /// The directory where to save the results
    #[arg(long, value_name = "DIR", default_value = "data")]
    outdir: PathBuf,
    /// The number of lambda functions
    #[arg(long, value_name = "N", default_value = "5")]
    num_functions: NonZeroU64,
    /// The number of jobs per replication, on average
    #[arg(long, value_name = "N", default_value = "10")]
    num_jobs: NonZeroU32,
    /// The starting seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed_starting: u64,
    /// The number of replications
    #[arg(long, value_name = "N", default_value_t = 1)]
    num_replications: u64,
    /// The multiplier of the number of operations of loaded tasks
    #[arg(long, value_name = "X", default_value_t = Options::default().operations_factor)]
    ops_factor: f64,
    /// The multiplier of the argument size of loaded tasks
    #[arg(long, value_name = "X", default_value_t = Options::default().argument_factor)]
    arg_factor: f64,
    /// The multiplier of the state size of loaded tasks
    #[arg(long, value_name = "X", default_value_t = Options::default().state_factor)]
    state_factor: f64,
    /// The number of threads to spawn [default: one per processor]
    #[arg(long, value_name = "N")]
    num_threads: Option<NonZeroUsize>,
    /// The allocation policies, separated by commas, of: ProcOnly, ProcNet [default: all]
    #[arg(long, value_name = "LIST", value_parser = policies::<AllocPolicy>)]
    alloc_policies: Option<Policies<AllocPolicy>>,
    /// The execution policies, separated by commas, of: PureFaaS, StatePropagate, StateLocal,
    /// UnchainedExternal, UnchainedInEdge, UnchainedInFunction, UnchainedInClient [default: all]
    #[arg(long, value_name = "LIST", value_parser = policies::<ExecPolicy>)]
    exec_policies: Option<Policies<ExecPolicy>>,
    /// The transfer rate to and from the cloud, in Mb/s
    #[arg(long, value_name = "X", default_value_t = Options::default().cloud_rate)]
    cloud_rate: f64,
    /// The latency to and from the cloud, one way, in seconds
    #[arg(long, value_name = "X", default_value_t = Options::default().cloud_latency)]
    cloud_latency: f64,
}

/// Policies in StateSim's order, each once.
#[derive(Clone, Debug)]
struct Policies<P>(Vec<P>);

fn policies<P: FromStr<Err = UnknownPolicy> + Ord>(list: &str) -> Result<Policies<P>, String> {
    let names = list.split(',').filter(|name| !name.is_empty());
    let policies: Result<BTreeSet<P>, UnknownPolicy> = names.map(str::parse).collect();
    let policies = policies.map_err(|error| error.to_string())?;
    if policies.is_empty() {
        return Err("expected at least one policy".to_owned());
    }
    Ok(Policies(policies.into_iter().collect()))
}

/// Runs it.
pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let network = statesim::read(&args.nodes_file, &args.links_file, &args.edges_file)?;
    let trace = spar::read(&args.tasks_file)?;
    let options = Options {
        functions: args.num_functions.get(),
        operations_factor: args.ops_factor,
        argument_factor: args.arg_factor,
        state_factor: args.state_factor,
        cloud_rate: args.cloud_rate,
        cloud_latency: args.cloud_latency,
    };
    let prepared = Prepared::new(&network, &trace, &options).map_err(|unfit| args.explain(&unfit))?;
    if prepared.pool_size() < args.num_jobs.get() as usize {
        output::note(&format!(
            "note: {} jobs were asked for, but only {} of the trace have a state: every replication has all of \
             them",
            args.num_jobs,
            prepared.pool_size()
        ));
    }
    drop((network, trace));
    simulate(&args, &prepared)
}

fn simulate(args: &Args, prepared: &Prepared) -> Result<(), Failure> {
    fs::create_dir_all(&args.outdir).map_err(|error| Failure::writing(&args.outdir, error))?;
    let allocs = args
        .alloc_policies
        .as_ref()
        .map_or(&AllocPolicy::ALL[..], |list| &list.0);
    let execs = args
        .exec_policies
        .as_ref()
        .map_or(&ExecPolicy::ALL[..], |list| &list.0);
    let threads = rayon::ThreadPoolBuilder::new()
        .num_threads(args.num_threads.map_or(0, NonZeroUsize::get))
        .build()
        .map_err(|error| {
            let hint = "give a smaller --num-threads";
            Failure::usage(format!("the threads cannot be started: {error}"), hint)
        })?;
    let progress = Mutex::new(Progress::new(args.num_replications as usize));
    threads.install(|| {
        (0..args.num_replications).into_par_iter().try_for_each_init(
            || (Scratch::default(), Replicate::default()),
            |(scratch, replicate), index| {
                // Seeds wrap, as StateSim's do.
                let seed = args.seed_starting.wrapping_add(index);
                let jobs = args.num_jobs.get();
                prepared.replicate_into(seed, jobs, allocs, execs, scratch, replicate);
                save(&args.outdir, replicate)?;
                if let Ok(mut progress) = progress.lock() {
                    progress.step();
                }
                Ok(())
            },
        )
    })
}

/// Writes the files of one replication: all of them or, when one cannot be written, none.
fn save(outdir: &Path, replicate: &Replicate) -> Result<(), Failure> {
    let mut files = Vec::with_capacity(2 * replicate.runs.len());
    for run in &replicate.runs {
        let mut jobs = String::new();
        write_samples(&run.samples, &mut jobs);
        files.push((
            outdir.join(job_file_name(run.alloc, run.exec, replicate.seed)),
            jobs,
        ));
        let mut nodes = String::new();
        write_loads(replicate.loads_of(run.alloc), &mut nodes);
        files.push((
            outdir.join(node_file_name(run.alloc, run.exec, replicate.seed)),
            nodes,
        ));
    }
    let files: Vec<(&Path, &[u8])> = files
        .iter()
        .map(|(path, text)| (path.as_path(), text.as_bytes()))
        .collect();
    atomic_file::write_all(&files)
}

impl Args {
    /// Says which input is at fault.
    fn explain(&self, unfit: &Unfit) -> Failure {
        let (file, hint) = match unfit {
            Unfit::Option { .. } => return Failure::usage(unfit.to_string(), "see fogline statesim --help"),
            Unfit::Model { .. } | Unfit::NoClient => (
                &self.nodes_file,
                "StateSim knows these four models only; fogline sim takes any network",
            ),
            Unfit::Capacity { .. } => (&self.links_file, "capacities are in Mb/s"),
            Unfit::NoFigures { .. } => (&self.tasks_file, "every task tells its CPU and memory"),
            Unfit::EmptyPool => (
                &self.tasks_file,
                "a state is a task that a descendant of task 1 waits for without being one itself, as M2 in \
                 M1, M2, R3_1_2",
            ),
            Unfit::NoAffinity { .. } => (&self.nodes_file, "give another --num-functions"),
        };
        BadInput::whole(file.display().to_string(), unfit.to_string(), hint).into()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        let words = std::iter::once("statesim").chain(words.iter().copied());
        Line::try_parse_from(words).map(|line| line.args)
    }

    /// Two Raspberries and a server at one switch; two jobs with a state, and one without.
    fn inputs(folder: &Path) -> Vec<String> {
        let files = [
            (
                "nodes",
                "0;rpi_0;1023012864;4000;arm32;sbc;rpi3b+\n1;rpi_1;1023012864;4000;arm32;sbc;rpi3b+\n\
                 2;server_0;188000000000;88000;x86;server;server\n",
            ),
            (
                "links",
                "0;100;link_0;node\n1;100;link_1;node\n2;1000;link_2;node\n",
            ),
            (
                "edges",
                "rpi_0 link_0\nlink_0 rpi_0 switch\nrpi_1 link_1\nlink_1 rpi_1 switch\nserver_0 link_2\n\
                 link_2 server_0 switch\nswitch link_0 link_1 link_2\n",
            ),
            (
                "tasks",
                "0.0,j_1,M1,10,100.0,0.3,1\n0.0,j_1,M2,10,100.0,0.5,1\n0.0,j_1,R3_1_2,20,50.0,0.2,1\n\
                 1.0,j_2,M1,5,100.0,0.1,1\n1.0,j_2,R2_1,5,100.0,0.1,1\n\
                 2.0,j_3,M1,10,100.0,0.3,1\n2.0,j_3,M2,10,100.0,0.4,1\n2.0,j_3,R3_2_1,7,50.0,0.2,1\n",
            ),
        ];
        let place = |(name, text): (&str, &str)| {
            fs::write(folder.join(name), text).unwrap();
            format!("--{name}={}", folder.join(name).display())
        };
        files.into_iter().map(place).collect()
    }

    fn simulate(folder: &Path, more: &[&str]) -> Result<Vec<(String, String)>, Failure> {
        let inputs = inputs(folder);
        let out = folder.join("out");
        let outdir = format!("--outdir={}", out.display());
        let mut words: Vec<&str> = inputs.iter().map(String::as_str).collect();
        words.push(&outdir);
        words.extend(more);
        run(parse(&words).unwrap())?;
        let mut files: Vec<(String, String)> = fs::read_dir(&out)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        files.sort();
        Ok(files)
    }

    #[test]
    fn options_may_be_shortened_and_policies_are_sorted() {
        let line = "--seed 3 --num-t=2 --edges e --alloc-policies ProcNet,,ProcOnly,ProcNet \
                    --exec StateLocal,PureFaaS";
        let args = parse(&line.split_whitespace().collect::<Vec<_>>()).unwrap();
        assert_eq!(args.seed_starting, 3);
        assert_eq!(args.edges_file, Path::new("e"));
        assert_eq!(args.alloc_policies.unwrap().0, AllocPolicy::ALL);
        let execs = args.exec_policies.unwrap().0;
        assert_eq!(execs, [ExecPolicy::PureFaaS, ExecPolicy::StateLocal]);
        for bad in [
            "--num 3",
            "--num-jobs 0",
            "--alloc-policies Proc",
            "--exec-policies ,",
            "--num-jobs=-1",
        ] {
            assert!(
                parse(&bad.split_whitespace().collect::<Vec<_>>()).is_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn every_pair_and_seed_has_its_two_files() {
        let folder = tempfile::tempdir().unwrap();
        let files = simulate(
            folder.path(),
            &["--num-jobs=2", "--num-replications=3", "--seed=7"],
        )
        .unwrap();
        assert_eq!(files.len(), 2 * 7 * 3 * 2);
        for (name, text) in &files {
            if name.starts_with("node-") {
                assert_eq!(text.lines().count(), 3, "{name}");
            } else {
                let fields = text.lines().map(|line| line.split(' ').count());
                assert!(fields.into_iter().all(|fields| fields == 4), "{name}: {text}");
            }
        }
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"job-alloc=ProcNet.exec=StateLocal.seed=9"));
        // Both jobs with a state are chains of two tasks, and all jobs of the trace are drawn.
        let (_, jobs) = &files[names
            .binary_search(&"job-alloc=ProcOnly.exec=PureFaaS.seed=8")
            .unwrap()];
        assert_eq!(jobs.lines().filter(|line| line.ends_with(" 2")).count(), 2);
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let line = |threads| ["--num-jobs=2", "--num-replications=9", threads];
        let (one, many) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let one = simulate(one.path(), &line("--num-threads=1")).unwrap();
        let many = simulate(many.path(), &line("--num-threads=8")).unwrap();
        assert_eq!(one, many);
    }

    #[test]
    fn bad_input_ends_with_exit_code_2_and_writes_nothing() {
        for (spoilt, text, expected) in [
            (
                "tasks",
                "0.0,j_1,M1,10,100.0,0.3,1\n",
                "no job of the trace has a state",
            ),
            ("nodes", "0;server_0;188000000000;88000;x86;server;server\n", ""),
            ("edges", "", ""),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let inputs = inputs(folder.path());
            fs::write(folder.path().join(spoilt), text).unwrap();
            let outdir = format!("--outdir={}", folder.path().join("out").display());
            let mut words: Vec<&str> = inputs.iter().map(String::as_str).collect();
            words.push(&outdir);
            let failure = run(parse(&words).unwrap()).unwrap_err();
            assert!(matches!(failure, Failure::Input(_)), "{failure}");
            assert!(failure.to_string().contains(expected), "{failure}");
            assert!(!folder.path().join("out").exists(), "{spoilt}");
        }
        let folder = tempfile::tempdir().unwrap();
        for option in [
            "--cloud-rate=0",
            "--ops-factor=NaN",
            "--state-factor=-1",
            "--cloud-latency=inf",
        ] {
            let failure = simulate(folder.path(), &[option]).unwrap_err();
            assert!(matches!(failure, Failure::Input(_)), "{option}: {failure}");
            assert!(!folder.path().join("out").exists(), "{option}");
        }
    }
}
