//! The committed components, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use fogline_build::{BuildError, check, encode};

fn functions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions")
}

fn component(path: &str) -> Vec<u8> {
    fs::read(functions().join(path)).expect("the component is committed")
}

/// The core module within a component, as `encode` takes it, for want of a compiler: a component holds it
/// whole.
fn module(component: &[u8]) -> Vec<u8> {
    // A section of a component: its id (1 is a core module), its size in LEB128, its bytes.
    let mut at = 8;
    loop {
        let (id, mut size, mut shift) = (component[at], 0, 0);
        at += 1;
        loop {
            let byte = component[at];
            at += 1;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        if id == 1 {
            return component[at..at + size].to_vec();
        }
        at += size;
    }
}

#[test]
fn every_committed_component_is_of_our_world_but_the_one_to_refuse() {
    let mut checked = 0;
    for folder in fs::read_dir(functions()).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.join("fogline.toml").is_file() {
            continue;
        }
        for file in fs::read_dir(&folder).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|end| end == "wasm") {
                let refused = file.ends_with("refused/wrong-world.wasm");
                let answer = check(&fs::read(&file).unwrap());
                assert_eq!(answer.is_err(), refused, "{}: {answer:?}", file.display());
                checked += 1;
            }
        }
    }
    assert!(checked >= 20, "{checked} components were found");
}

#[test]
fn a_component_of_another_world_is_told_what_it_lacks() {
    let error = check(&component("refused/wrong-world.wasm")).unwrap_err();
    let BuildError::World { source } = &error else {
        panic!("{error}");
    };
    let chain = format!("{source:?}");
    assert!(chain.contains("handle"), "{chain}");
    assert!(error.hint().unwrap().contains("must export `handle`"));
}

#[test]
fn a_module_that_says_nothing_of_a_world_is_no_component() {
    let module = module(&component("faults/echo.wasm"));
    assert!(matches!(check(&module), Err(BuildError::NotComponent { .. })));
    // Encoding has taken the section with the world out: what is left exports `handle` to nobody.
    let answer = encode(&module).and_then(|component| check(&component));
    assert!(answer.is_err());
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\xff", b"not WebAssembly"] {
        assert!(
            matches!(encode(bytes), Err(BuildError::Encode { .. })),
            "{bytes:?}"
        );
        assert!(
            matches!(check(bytes), Err(BuildError::NotComponent { .. })),
            "{bytes:?}"
        );
    }
}
