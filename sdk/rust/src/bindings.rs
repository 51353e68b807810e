//! The guest interface, as wit-bindgen reads it from the only copy.

wit_bindgen::generate!({
    path: "../../wit",
    world: "function",
    pub_export_macro: true,
    default_bindings_module: "fogline::bindings",
});
