//! Components from WebAssembly text.

use std::path::PathBuf;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The guest of `guest.wat`, as a component of the world in `wit/function.wit`.
pub(crate) fn guest() -> Vec<u8> {
    component(include_str!("guest.wat"))
}

/// A core module in text as a component of the world `function`.
pub(crate) fn component(text: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../wit/function.wit");
    let package = resolve.push_file(wit).unwrap();
    let world = resolve.select_world(&[package], Some("function")).unwrap();
    let mut module = wat::parse_str(text).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}
