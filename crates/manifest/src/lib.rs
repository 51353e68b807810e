//! fogline-manifest
