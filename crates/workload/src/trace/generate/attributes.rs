//! Duration, CPU, memory and instances of a job's tasks, drawn together.
//!
//! A Gaussian copula: each quantity has a normal score, which a table of quantiles turns into its value. The
//! scores share one factor per job for CPU (all tasks of a job ask for the same), one for its duration and
//! one for its instances, and one factor per task, its size, for duration, memory and instances.

use fogline_core::model::Seconds;

use super::super::TraceTask;
use super::purpose;
use crate::random::Stream;

/// Part of the variance of a duration's score that is the job's; aims at a within-job correlation of the
/// logarithm of 0.62.
const DURATION_OF_JOB: f64 = 0.66;
/// Correlation of the job's duration with its CPU.
const DURATION_CPU: f64 = -0.40;
/// Correlation of a task's memory with its job's CPU; aims at 0.45 between CPU and memory.
const MEMORY_CPU: f64 = 0.62;
/// Part of the variance of the score of instances that is the job's.
const INSTANCES_OF_JOB: f64 = 0.35;
/// Correlation of the job's instances with its duration.
const INSTANCES_DURATION: f64 = 0.3;
/// Correlations of the size of a task with its own part of duration, memory and instances.
const SIZE: [f64; 3] = [0.8, 0.85, 0.75];

/// What is added to the scores of duration and memory: a source, a task with one parent, one with several.
const ROLE: [[f64; 2]; 3] = [[-0.2, -0.13], [-0.06, 0.03], [0.3, 0.42]];
/// What is added to the score of a duration per unit of ln(tasks of the job) above its mean: larger jobs take
/// longer.
const DURATION_PER_LOG_TASKS: f64 = 0.15;
/// Mean of ln(tasks of the job) over tasks.
const MEAN_LOG_TASKS: f64 = 1.7;

/// CPU of a job below and above the score, in hundredths of a core: 46 % and 54 % of the tasks.
const CPU: (f64, f64, f64) = (-0.09, 50.0, 100.0);

/// Memory in percent of the largest machine, and the score up to which it is that (31, 24, 24, 12 and 6.5 %
/// of the tasks ask for 0.2, 0.3, 0.39, 0.49 and 0.59).
const MEMORY: [(f64, f64); 11] = [
    (-2.58, 0.15),
    (-0.49, 0.2),
    (-0.46, 0.25),
    (0.16, 0.3),
    (0.17, 0.35),
    (0.86, 0.39),
    (1.43, 0.49),
    (2.29, 0.59),
    (2.46, 0.69),
    (2.97, 0.8),
    (f64::INFINITY, 1.0),
];

/// Score and logarithm of the duration in seconds: quantiles 0.039 (half a second, which rounds to 0), 0.25
/// (3), 0.5 (10), 0.75 (34), 0.9 (126), 0.95 (273), 0.99 (650), 0.999 (1444) and the largest of 65,000.
const DURATION: [(f64, f64); 9] = [
    (-1.762, -0.693),
    (-0.674, 1.099),
    (0.0, 2.303),
    (0.674, 3.526),
    (1.282, 4.836),
    (1.645, 5.609),
    (2.326, 6.477),
    (3.090, 7.275),
    (4.17, 10.03),
];
/// Score and logarithm of the instances: quantiles 0.63 (1), 0.75 (5), 0.9 (49), 0.95 (234), 0.99 (877),
/// 0.999 (3682) and the largest of 65,000.
const INSTANCES: [(f64, f64); 7] = [
    (0.332, 0.405),
    (0.674, 1.609),
    (1.282, 3.892),
    (1.645, 5.455),
    (2.326, 6.777),
    (3.090, 8.211),
    (4.17, 10.13),
];

/// Makes tasks with these parents, by position.
pub(super) fn draw(seed: u64, replication: u64, job: u64, parents: Vec<Vec<u32>>) -> Vec<TraceTask> {
    let mut stream = Stream::new(seed, replication, job, purpose::ATTRIBUTES);
    let job = Job::draw(parents.len(), &mut stream);
    parents
        .into_iter()
        .enumerate()
        .map(|(position, parents)| job.task(position as u32 + 1, parents, &mut stream))
        .collect()
}

/// The normal scores that the tasks of a job share.
struct Job {
    cpu: f64,
    duration: f64,
    instances: f64,
}

impl Job {
    fn draw(tasks: usize, stream: &mut Stream) -> Self {
        let cpu = stream.normal();
        let duration = mix(DURATION_CPU, cpu, stream);
        let instances = mix(INSTANCES_DURATION, duration, stream);
        let larger = DURATION_PER_LOG_TASKS * (libm::log(tasks as f64) - MEAN_LOG_TASKS);
        Self {
            cpu,
            duration: duration * DURATION_OF_JOB.sqrt() + larger,
            instances: instances * INSTANCES_OF_JOB.sqrt(),
        }
    }

    fn task(&self, id: u32, parents: Vec<u32>, stream: &mut Stream) -> TraceTask {
        let size = stream.normal();
        let [duration, memory, instances] = SIZE.map(|correlation| mix(correlation, size, stream));
        let [longer, more] = ROLE[parents.len().min(2)];
        let duration = self.duration + (1.0 - DURATION_OF_JOB).sqrt() * duration + longer;
        let memory = MEMORY_CPU * self.cpu + (1.0 - MEMORY_CPU * MEMORY_CPU).sqrt() * memory + more;
        let instances = self.instances + (1.0 - INSTANCES_OF_JOB).sqrt() * instances;
        let (limit, below, above) = CPU;
        TraceTask {
            id,
            parents: parents.into_iter().map(|parent| parent + 1).collect(),
            duration: Seconds(value(&DURATION, duration).round()),
            cpu: Some(if self.cpu < limit { below } else { above }),
            memory: MEMORY
                .iter()
                .find(|(limit, _)| memory <= *limit)
                .map(|(_, memory)| *memory),
            instances: value(&INSTANCES, instances).round().max(1.0) as u32,
        }
    }
}

/// A standard normal score that correlates with another.
fn mix(correlation: f64, with: f64, stream: &mut Stream) -> f64 {
    correlation * with + (1.0 - correlation * correlation).sqrt() * stream.normal()
}

/// The value that belongs to a score: logarithms are interpolated between the table's points; nothing is
/// larger than the last, and below the first it is 0.
fn value(table: &[(f64, f64)], score: f64) -> f64 {
    let above = table.partition_point(|(knot, _)| *knot <= score);
    if above == 0 {
        return 0.0;
    }
    let (from, low) = table[above - 1];
    let logarithm = table.get(above).map_or(low, |(to, high)| {
        low + (score - from) / (to - from) * (high - low)
    });
    libm::exp(logarithm)
}
