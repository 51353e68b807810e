//! Real nodes, spoken to over HTTP: what the models promise, and what bad input and faults do.

mod alike;
mod conversion;
mod support;
