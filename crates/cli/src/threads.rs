//! On how many threads work is done.

use crate::failure::Failure;

/// The option of commands that compute.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Args {
    /// Compute on so many threads; results do not depend on it [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

impl Args {
    /// Does something on that many threads.
    pub(crate) fn install<T: Send>(
        self,
        work: impl FnOnce() -> Result<T, Failure> + Send,
    ) -> Result<T, Failure> {
        let threads = self.threads.map_or(0, usize::from);
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|error| Failure::System {
                doing: "starting threads".to_owned(),
                hint: "ask for fewer with --threads".to_owned(),
                source: std::io::Error::other(error),
            })?;
        pool.install(work)
    }
}
