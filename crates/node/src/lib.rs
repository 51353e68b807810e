//! The node: gateway, dispatch, peers, state access.

pub mod peers;
