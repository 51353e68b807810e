//! What a client keeps of its sessions, on disk or in memory.
//!
//! A folder per session: `record`, replaced as a whole, and files of large values that it names. A record is written
//! after the files that it names, and files are removed after the record that no longer names them: whenever the
//! client dies, what is found is one record and all that belongs to it. `lock` keeps other processes out.

mod disk;
mod held;
mod record;
mod store;

pub(crate) use disk::{make_folder, sync_folder};
pub(crate) use held::{Claim, Guard, Held, folder};
pub(crate) use record::{Kept, Record};
pub(crate) use store::kept_app;
