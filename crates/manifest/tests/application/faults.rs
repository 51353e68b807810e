//! What is refused, of everything but workflows.

use fogline_core::model::limits::{MAX_FILES, MAX_FUNCTIONS};

use super::{DIAMOND, fault, parse, refused};

/// Of the file as a whole and its section `[application]`.
const APPLICATION: &str = r#"
fogline = 1 | fogline = ^2 | format 2, expected 1 | fogline = 1
version = "1.0.0" | version = ^"1 0" | letters, digits | 0.1.0
version = "1.0.0" | version =^= "1" | extra `=` | manifest.md
"diamond" | ^"Diamond" | not a name | manifest.md
[states.one] | [states.^One] | not a name | manifest.md
[states.two] | [states.two]\nsize = ^1 | expected a string | manifest.md
[states.two] | [states.^one] | duplicate key | keep one
model = "in-client" | ^modle = "in-client" | unknown field | did you mean "model"?
model = "in-client" | model = ^"in-cleint" | unknown execution model | did you mean "in-client"?
model = "in-client" | model = ^"pure-faas" | is simulated only | in-edge
model = "in-edge" | model = ^"edge" | expected one of external, in-edge | in-edge
name = "diamond"\n | name = "diamond"\ndurability = ^"every-comit"\n | unknown variant | did you mean "every-commit"?
name = "diamond"\n | name = "diamond"\nguard = ^"yes"\n | unknown variant | one of those
name = "diamond"\n | name = "diamond"\nplacement = ^"load-nett"\n | unknown variant | did you mean "load-net"?
name = "diamond"\n | name = "diamond"\nplacement = ^"nearest"\n | unknown variant | one of those
name = "diamond"\n | name = "diamond"\nsession-ttl = ^"1 s"\n | at least 10m | leave the key out
name = "diamond"\n | name = "diamond"\nsession-ttl = ^"soon"\n | not a time | manifest.md
"#;

/// Of states.
const STATES: &str = r#"
[states.one] | [states.one]\nschema = ^0 | schema is 0, expected at least 1 | at least 1
[states.one] | [states.one]\nschema = ^-1 | -1 | manifest.md
[states.one] | [states.one]\nschema = 2\nreads-schema-from = ^3 | is 3, expected 1 to 2 | leave the key out
[states.one] | [states.one]\nsize = ^"9 MiB" | expected 0 B to 8.0 MiB | leave the key out
[states.one] | [states.one]\nsize = ^"much" | not a size | manifest.md
[states.one] | [states.one]\nmodel = ^"state-local" | simulated only | in-edge
"#;

/// Of functions.
const FUNCTIONS: &str = r#"
[functions.first]\ncomponent = "first.wasm" | [functions.^first] | neither component nor process | FILE.wasm
component = "first.wasm" | component = "f.wasm"\nprocess = ^["f"] | both component and process | keep one
component = "first.wasm" | process = ^[] | names no program | python3
component = "first.wasm" | process = ^["", "x"] | names no program | python3
component = "first.wasm" | component = ^"../first.wasm" | not a path inside | without . and ..
component = "first.wasm" | component = ^"a/../../f.wasm" | not a path inside | without . and ..
component = "first.wasm" | component = ^"./first.wasm" | not a path inside | without . and ..
component = "first.wasm" | component = ^"/first.wasm" | not a path inside | relative
component = "first.wasm" | component = ^'C:\first.wasm' | not a path inside | relative
component = "first.wasm" | component = ^"" | not a path inside | relative
component = "first.wasm" | component = ^"out/" | not a path inside | relative
component = "first.wasm" | component = "f.wasm"\nfiles = [^"lib"] | component has no files | leave files out
component = "first.wasm" | process = ["f"]\nfiles = ["lib", ^"../lib"] | not the path of a file or folder | without . and ..
component = "first.wasm" | process = ["f"]\nfiles = [^"a/../b"] | not the path of a file or folder | relative
component = "first.wasm" | process = ["f"]\nfiles = [^"./lib"] | not the path of a file or folder | relative
component = "first.wasm" | process = ["f"]\nfiles = [^"/etc"] | not the path of a file or folder | relative
component = "first.wasm" | process = ["f"]\nfiles = [^"lib/"] | not the path of a file or folder | relative
component = "first.wasm" | process = ["f"]\nfiles = [^'C:\lib'] | not the path of a file or folder | relative
component = "first.wasm" | process = ["f"]\nfiles = [^""] | not the path of a file or folder | relative
component = "first.wasm" | process = ["f"]\nfiles = ["lib", ^"lib"] | there twice | keep it once
component = "first.wasm" | process = ["f"]\nfiles = ^"lib" | expected a sequence | manifest.md
writes = ["one"] | writes = [^"noe"] | "noe" is not declared | did you mean "one"?
writes = ["one"] | writes = [^"history"] | "history" is not declared | [states.history]
reads = ["shared"] | reads = [^"share"] | "share" is not declared | did you mean "shared"?
writes = ["one"] | writes = ["one", ^"one"] | there twice | keep it once
writes = ["two"] | writes = ["two"]\ninstance = ^"per-sesion" | unknown variant | per-session
writes = ["two"] | writes = ["two"]\noperations = ^-1 | -1 | manifest.md
writes = ["two"] | writes = ["two"]\nrequires = ["gpu", ^""] | not a capability | gpu
writes = ["two"] | writes = ["two"]\n^limit.time = "1 s" | unknown field | did you mean "limits"?
writes = ["two"] | writes = ["two"]\nlimits.time = ^"0 s" | expected 1ms to 10m | leave the key out
writes = ["two"] | writes = ["two"]\nlimits.memory = ^"1 kB" | expected 64.0 KiB to 4.0 GiB | leave the key out
writes = ["two"] | writes = ["two"]\nlimits.concurrency = ^0 | at least 1 | leave the key out
writes = ["two"] | writes = ["two"]\nlimits.output = ^"8 MB 1" | not a size | manifest.md
writes = ["two"] | writes = ["two"]\nlimits.output = ^"9 MiB" | expected 0 B to 8.0 MiB | leave the key out
writes = ["two"] | writes = ["two"]\noutput = ^"2 kB"\nlimits.output = "1 kB" | above its limit | usually returns
writes = ["shared"] | writes = ["shared"]\nlimits.fuel = ^9 | not counted | time
writes = ["shared"] | writes = ["shared"]\ninstance = ^"per-session" | a process is of all sessions | leave instance out
"#;

#[test]
fn what_is_no_manifest_is_refused_at_its_place() {
    refused(APPLICATION);
    let fault = parse(&DIAMOND.replace("fogline = 1", "foglin = 1")).expect_err("no format");
    assert!(fault.problem.contains("does not say its format"), "{fault}");
    assert!(fault.hint.contains("fogline = 1 on the first line"), "{fault}");
    assert_eq!((fault.line, fault.column), (Some(1), Some(1)), "{fault}");
}

#[test]
fn wrong_states_are_refused_at_their_place() {
    refused(STATES);
    let many: String = (0..30).map(|index| format!("[states.s{index}]\n")).collect();
    let fault = fault(
        "[functions.first]",
        &format!("{}[functions.first]", many.replace("s29", "^s29")),
    );
    assert!(
        fault.problem.contains("33 states, expected at most 32"),
        "{fault}"
    );
}

#[test]
fn wrong_functions_are_refused_at_their_place() {
    refused(FUNCTIONS);
    let none = "fogline = 1\n[application]\nname = \"a\"\nversion = \"1\"\nmodel = \"external\"";
    let fault = parse(none).expect_err("no function");
    assert!(fault.problem.contains("no function"), "{fault}");
}

#[test]
fn a_function_that_writes_under_two_models_is_refused() {
    let fault = fault(r#"writes = ["two"]"#, r#"writes = ["two", ^"shared"]"#);
    let expected = r#"writes "two" under in-client and "shared" under in-edge"#;
    assert!(
        fault.problem.contains(expected) && fault.hint.contains("one model"),
        "{fault}"
    );
    let reads = DIAMOND.replace("writes = [\"two\"]", "writes = [\"two\"]\nreads = [\"shared\"]");
    parse(&reads).expect("it may read under any model");
}

#[test]
fn an_application_has_so_many_functions_and_no_more() {
    let more = |count: usize| -> String {
        let one = |index| format!("[functions.f{index}]\ncomponent = \"a.wasm\"\n");
        (0..count).map(one).collect()
    };
    let before = "[[workflow.steps]]\nname = \"join\"";
    let with = |functions: String| format!("{functions}{before}");
    let parsed = parse(&DIAMOND.replace(before, &with(more(MAX_FUNCTIONS - 4)))).expect("as many as may be");
    assert_eq!(parsed.functions.len(), MAX_FUNCTIONS);
    let one_more = more(MAX_FUNCTIONS - 3).replace("functions.f60", "functions.^f60");
    let fault = fault(before, &with(one_more));
    assert!(
        fault.problem.contains("65 functions, expected at most 64"),
        "{fault}"
    );
}

#[test]
fn a_function_names_so_many_files_and_no_more() {
    let naming = |count: usize| {
        let names: Vec<String> = (0..count).map(|index| format!("\"f{index}\"")).collect();
        format!("process = [\"f\"]\nfiles = [{}]", names.join(", "))
    };
    let component = "component = \"first.wasm\"";
    parse(&DIAMOND.replace(component, &naming(MAX_FILES))).expect("as many as may be");
    let one_more = naming(MAX_FILES + 1).replace("\"f255\"", "^\"f255\"");
    let fault = fault(component, &one_more);
    assert!(
        fault.problem.contains("256 files, expected at most 255"),
        "{fault}"
    );
}

/// However it came: over HTTP it has not been a file.
#[test]
fn what_nobody_writes_by_hand_is_not_read() {
    let text = format!("{DIAMOND}\n#{}\n", "x".repeat(1 << 20));
    let fault = parse(&text).expect_err("too large");
    assert!(fault.problem.contains("expected at most 1048576"), "{fault}");
}
