//! What chance writes is refused, or hangs together.

use std::collections::BTreeSet;

use fogline_core::application::Application;
use proptest::prelude::*;

use super::{DIAMOND, parse};

/// Whether whatever refers to something refers to something that is there.
fn hangs_together(app: &Application) -> bool {
    let states: BTreeSet<_> = app.states.keys().cloned().collect();
    let functions = app.functions.values();
    let mut earlier = BTreeSet::new();
    functions
        .into_iter()
        .all(|it| it.writes.is_subset(&it.reads) && it.reads.is_subset(&states))
        && app.workflow.iter().all(|step| {
            let known = step.after.iter().all(|before| earlier.contains(before));
            earlier.insert(step.name.clone()) && known && app.functions.contains_key(&step.function)
        })
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn a_damaged_manifest_is_refused_or_hangs_together(
        at in 0..DIAMOND.len(), length in 0..40_usize, with in "\\PC{0,6}"
    ) {
        let end = (at + length).min(DIAMOND.len());
        let text = format!("{}{with}{}", &DIAMOND[..at], &DIAMOND[end..]);
        match parse(&text) {
            Ok(app) => prop_assert!(hangs_together(&app), "{text}"),
            Err(fault) => prop_assert!(!fault.problem.is_empty()),
        }
    }

    #[test]
    fn exchanged_words_are_refused_or_hang_together(at in 0..100_usize, with in 0..100_usize) {
        let words: Vec<_> = DIAMOND.split_inclusive(&['"', '\n', '.', ']']).collect();
        let mut changed = words.clone();
        changed.swap(at % words.len(), with % words.len());
        if let Ok(app) = parse(&changed.concat()) {
            prop_assert!(hangs_together(&app));
        }
    }
}
