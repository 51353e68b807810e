//! fogline-report
