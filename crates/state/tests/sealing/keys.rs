//! Keys, and the files that they are in.

use super::*;

#[test]
fn networks_with_the_same_key_serve_one_session_in_turn_and_keys_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (old_file, new_file) = (folder.path().join("old.keys"), folder.path().join("new.keys"));
    let old = Keyring::generate();
    old.save(&old_file).unwrap();
    old.clone().with(2, [9; 32]).save(&new_file).unwrap();
    let network = |file| Sealer::new("acme".parse().unwrap(), Keyring::load(file).unwrap());
    let (here, there) = (network(&old_file), network(&new_file));
    let (whose, head, a) = (Whose::new(), head(1, &[("a", 1, b"x")]), states(&["a"]));
    let scope = whose.scope();

    let sealed = here
        .seal(&scope, &head, &a, &BTreeMap::new(), Timestamp(5))
        .unwrap();
    assert_eq!(
        there.open(&scope, sealed).unwrap()[0].value.as_deref(),
        Some(&b"x"[..])
    );
    let sealed = there
        .seal(&scope, &head, &a, &BTreeMap::new(), Timestamp(5))
        .unwrap();
    assert_eq!(
        here.open(&scope, sealed).unwrap_err().why,
        Why::UnknownKey(2),
        "not there yet"
    );
    assert_ne!(Keyring::generate(), Keyring::generate());
    assert_eq!(format!("{old:?}"), "[1]", "no key reaches a log");
}

#[test]
fn a_key_file_is_private_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tenant.keys");
    let write = |text: &str, mode| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        Keyring::load(&path)
    };
    let key = "ab".repeat(32);
    let good = format!("# acme's\n\n1 {key}\n  7\t{}  # new\n", key.to_uppercase());
    assert_eq!(
        write(&good, 0o600).unwrap(),
        Keyring::of(1, [0xab; 32]).with(7, [0xab; 32])
    );
    for mode in [0o640, 0o604, 0o644] {
        assert!(
            matches!(write(&good, mode), Err(KeyFileError::Exposed { .. })),
            "{mode:o}"
        );
    }
    for (text, at) in [
        ("1 abc\n".to_owned(), 1),
        (format!("1 {key}\nx {key}\n"), 2),
        (format!("1 {key}\n1 {key}\n"), 2),
        (format!("\n{key}\n"), 2),
        (format!("4294967296 {key}\n"), 1),
    ] {
        let error = write(&text, 0o600).unwrap_err();
        assert!(
            matches!(error, KeyFileError::BadLine { line, .. } if line == at),
            "{error:?}"
        );
        assert!(
            !error.to_string().contains("abab"),
            "a key must not be shown: {error}"
        );
    }
    assert!(matches!(
        write("# none\n", 0o600),
        Err(KeyFileError::Empty { .. })
    ));
    let again = Keyring::generate().save(&path);
    assert!(
        matches!(again, Err(KeyFileError::Io { .. })),
        "a key file is never written over"
    );
    assert!(matches!(
        Keyring::load(&folder.path().join("none")),
        Err(KeyFileError::Io { .. })
    ));
}
