//! Modules to components of our world.

use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::{Resolve, WorldId};

use crate::error::BuildError;

/// The world that a function is of.
pub(crate) const WORLD: &str = "fogline:function/function@0.1.0";

/// What a module begins with; a component has another version.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Makes a component of a module that carries its world in a custom section, as wit-bindgen leaves it.
///
/// # Errors
/// [`BuildError::Encode`] when it is no module, says nothing of a world, or imports what the world does not
/// have.
pub fn encode(module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let component = ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|source| BuildError::Encode {
            source: source.into(),
        })?;
    Ok(component)
}

/// Checks that a component is of our world: that it exports all that the world exports, of the same types,
/// and imports no more than the world imports.
///
/// # Errors
/// [`BuildError::NotComponent`] when the bytes are something else, [`BuildError::World`] when the world is
/// another.
pub fn check(component: &[u8]) -> Result<(), BuildError> {
    let other = |source| BuildError::NotComponent { source };
    if component.starts_with(MODULE) {
        return Err(other("they are a module, which has to be encoded first".into()));
    }
    match wit_component::decode(component) {
        Ok(DecodedWasm::Component(..)) => {}
        Ok(DecodedWasm::WitPackage(..)) => return Err(other("they are an interface, encoded".into())),
        Err(source) => return Err(other(source.into())),
    }
    let (resolve, world) = our_world();
    wit_component::targets(&resolve, world, component).map_err(|source| BuildError::World {
        source: source.into(),
    })
}

fn our_world() -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("function.wit", crate::sdk::WIT)
        .expect("wit/function.wit parses: the SDK is built from it");
    let world = resolve
        .select_world(&[package], Some("function"))
        .expect("wit/function.wit has the world `function`");
    (resolve, world)
}

#[cfg(test)]
mod tests {
    use super::{WORLD, our_world};

    #[test]
    fn the_world_is_the_one_that_errors_name() {
        let (resolve, world) = our_world();
        assert_eq!(
            resolve.id_of_name(resolve.worlds[world].package.unwrap(), "function"),
            WORLD
        );
    }
}
