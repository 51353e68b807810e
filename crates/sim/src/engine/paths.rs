//! Paths between peers and workers, from a table where that is small.

use fogline_core::network::{Path, Routes, VertexId};
use fogline_core::policy::{PathRow, WorkerIndex};

use super::world::World;

/// The most entries of the table: 2^17 pairs of paths are 6 MiB.
const MAX_ENTRIES: usize = 1 << 17;

/// The paths between any vertex and any worker.
#[derive(Debug)]
pub struct Paths<'a> {
    routes: &'a Routes,
    workers: Vec<VertexId>,
    /// By vertex: its row, [`NO_ROW`] if it is not among the peers that were named.
    rows: Vec<u32>,
    /// By row and worker: to the worker and back. Empty if it would be too large.
    table: Vec<(Path, Path)>,
    /// By row: the same for scans.
    path_rows: Vec<PathRow>,
}

const NO_ROW: u32 = u32::MAX;

impl<'a> Paths<'a> {
    /// Prepares for the workers of a world and all that they talk to.
    #[must_use]
    pub fn of(world: &'a World) -> Self {
        let workers = world
            .workers
            .indices()
            .map(|worker| world.workers.vertex(worker))
            .collect();
        Self::new(
            &world.routes,
            world.network.vertices().len(),
            workers,
            &world.peers(),
        )
    }

    /// Prepares for these workers, and these peers of theirs.
    fn new(routes: &'a Routes, vertices: usize, workers: Vec<VertexId>, peers: &[VertexId]) -> Self {
        let mut paths = Self {
            routes,
            workers,
            rows: vec![NO_ROW; vertices],
            table: Vec::new(),
            path_rows: Vec::new(),
        };
        if peers.len().saturating_mul(paths.workers.len()) <= MAX_ENTRIES {
            for &peer in peers {
                if paths.rows[peer.0 as usize] == NO_ROW {
                    paths.rows[peer.0 as usize] = (paths.table.len() / paths.workers.len().max(1)) as u32;
                    paths.table.extend(
                        paths
                            .workers
                            .iter()
                            .map(|at| (routes.path(peer, *at), routes.path(*at, peer))),
                    );
                }
            }
        }
        let width = paths.workers.len().max(1);
        paths.path_rows = paths
            .table
            .chunks(width)
            .map(|row| row.iter().copied().collect())
            .collect();
        paths
    }

    /// Whether all is in the table, so that looking at every worker is cheap.
    #[must_use]
    pub fn is_table(&self) -> bool {
        !self.table.is_empty()
    }

    /// The row of a peer of the world; only where [`Self::is_table`].
    #[must_use]
    pub fn row(&self, peer: VertexId) -> &PathRow {
        &self.path_rows[self.rows[peer.0 as usize] as usize]
    }

    /// From a peer to a worker, and back.
    #[must_use]
    pub fn between(&self, peer: VertexId, worker: WorkerIndex) -> (Path, Path) {
        match self.rows[peer.0 as usize] {
            NO_ROW => {
                let at = self.workers[worker.0 as usize];
                (self.routes.path(peer, at), self.routes.path(at, peer))
            }
            row => self.table[row as usize * self.workers.len() + worker.0 as usize],
        }
    }
}
