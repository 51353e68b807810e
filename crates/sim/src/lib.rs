//! fogline-sim
