//! Who does what, where a format does not say.

use fogline_core::model::Device;
use fogline_core::network::Node;

/// Whether sessions are bound to devices of this model: StateSim's type table (node.cpp, v1.1.1) makes
/// clients of Raspberry Pi 3 and Jetson TX2, and workers of all.
pub(super) fn is_client(model: &str) -> bool {
    model == Device::RPI3.model || model == Device::TX2.model
}

/// A node of this device, with the roles of StateSim's type table.
pub(super) fn node(device: Device) -> Node {
    Node::of(device, true, is_client(device.model))
}

/// The models of the catalogue, for hints.
pub(super) fn known_models() -> String {
    Device::ALL.map(|device| device.model).join(", ")
}
