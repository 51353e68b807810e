//! Leases: which life of a node may answer for the sessions in its memory (R11).
//!
//! There is one record per node, in a store that all of them reach, and it is replaced by compare-and-swap
//! only. It names one life of the node, its *incarnation*, and a counter. The [`Holder`] raises the counter
//! again and again, and holds the lease for one term from the moment at which it *sent* the last raise that
//! was acknowledged. A [`Contender`] that sees the same counter for 1.1 terms on its own clock replaces the
//! record by one that says that this life is over. Whoever wants to take sessions over does that first; and
//! each of them by a commit to its head, because durable writes rest on that, never on the lease.
//!
//! No clocks are compared, only lengths of time: they are right as long as no clock runs a tenth faster than
//! another. Clocks must go on while a machine is suspended (`CLOCK_BOOTTIME` on Linux), or its node would
//! wake up with a lease that has long been taken.
//!
//! Nothing here waits or reads a clock. Both machines have one request under way at most; their owner carries
//! it out, tells them what came of it, and bounds it by less than a term.

mod contender;
mod encoding;
mod holder;
mod record;

pub use contender::Contender;
pub use encoding::{BadLease, decode, encode};
pub use holder::Holder;
pub use record::{LeaseAction, LeaseEvent, LeaseRecord, TERM};
