//! A checksum of rows: Parquet pages as we write them carry none, and a flipped bit of a float is a float.

use fogline_core::record::StepsGroup;
use sha2::{Digest, Sha256};

use super::row::Sink;

/// SHA-256 over the cells of rows, in order, whatever file they are in.
#[derive(Default)]
pub(super) struct Checksum(Sha256);

impl Checksum {
    /// In hexadecimal digits.
    pub(super) fn hex(self) -> String {
        self.0
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

impl Sink for Checksum {
    fn text(&mut self, _: &'static str, value: &str) {
        self.0.update((value.len() as u64).to_le_bytes());
        self.0.update(value);
    }
    fn small(&mut self, _: &'static str, value: u32) {
        self.0.update(value.to_le_bytes());
    }
    fn whole(&mut self, _: &'static str, value: u64) {
        self.0.update(value.to_le_bytes());
    }
    fn float(&mut self, _: &'static str, value: f64) {
        self.0.update(value.to_le_bytes());
    }
    fn groups(&mut self, groups: &[StepsGroup]) {
        self.whole("", groups.len() as u64);
        for group in groups {
            self.small("", group.steps);
            self.whole("", group.jobs);
            let total = group.total;
            for time in [total.processing, total.arguments, total.states] {
                self.float("", time.0);
            }
            for traffic in [total.argument_traffic, total.state_traffic] {
                self.whole("", traffic.0);
            }
        }
    }
}
