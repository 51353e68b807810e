//! Leases of nodes: their bytes, the steps of holder and contender, and many of both in worlds that go wrong
//! (R11).

mod golden;
mod steps;
mod world;
