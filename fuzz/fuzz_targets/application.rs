//! No text makes the reader of applications' manifests fail otherwise than with an answer; and in what it reads,
//! steps come after those that they wait for.
#![no_main]

use fogline_manifest::{Source, application};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let source = Source {
        name: "fuzz.toml".to_owned(),
        text: text.to_owned(),
    };
    let Ok(application) = application::parse(&source) else {
        return;
    };
    for (index, step) in application.workflow.iter().enumerate() {
        let earlier = &application.workflow[..index];
        assert!(
            step.after
                .iter()
                .all(|name| earlier.iter().any(|step| step.name == *name))
        );
    }
});
