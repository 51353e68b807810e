//! What every store must do, as checks that panic where it does not: the tests of each backend run all of them, and
//! what a backend claims is what they have shown.
//!
//! Each check works under a tenant of its own, so that they can run on one store, also at once.

mod blobs;
mod fault;
mod scene;
mod scope;
mod swap;

pub use blobs::{
    a_head_comes_back_with_large_states, a_reader_that_misses_a_blob_finds_the_next_head, blobs_come_and_go,
    only_named_blobs_are_kept,
};
pub use fault::{Acknowledged, Pen, what_was_acknowledged_is_there};
pub use scene::Scene;
pub use scope::{erased_is_gone, lists_are_in_order, lists_are_in_scope};
pub use swap::{
    a_stale_commit_is_told_what_stands, absent_means_absent, increments_are_exact, many_records_at_once,
    several_states_change_together,
};

use std::sync::Arc;

use crate::{Store, StoreError};

/// Runs every check that needs no fault.
///
/// # Errors
/// When the store fails.
///
/// # Panics
/// When the store does what it must not.
pub async fn all(store: Arc<dyn Store>) -> Result<(), StoreError> {
    absent_means_absent(&*store).await?;
    a_stale_commit_is_told_what_stands(&*store).await?;
    several_states_change_together(Arc::clone(&store)).await?;
    increments_are_exact(Arc::clone(&store), 8, 25).await?;
    many_records_at_once(Arc::clone(&store), 64, 5).await?;
    blobs_come_and_go(&*store).await?;
    only_named_blobs_are_kept(&*store).await?;
    a_reader_that_misses_a_blob_finds_the_next_head(&*store).await?;
    a_head_comes_back_with_large_states(&*store).await?;
    lists_are_in_order(&*store).await?;
    lists_are_in_scope(&*store).await?;
    erased_is_gone(&*store).await
}
