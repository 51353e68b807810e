//! The states of an application.

use std::collections::BTreeMap;

use fogline_core::application::State;
use fogline_core::model::limits::{MAX_STATE, MAX_STATES};
use fogline_core::model::{BadInput, Bytes, StateName};
use toml::Spanned;

use super::file::StateSection;
use super::read::model;
use crate::amount::Size;
use crate::bounds::Bounds;
use crate::source::Source;

/// What a state is taken to measure until it has been seen, unless the manifest says otherwise.
const USUAL_SIZE: Bytes = Bytes(1 << 10);

/// The states, checked.
pub(super) fn all(
    source: &Source,
    sections: BTreeMap<Spanned<StateName>, StateSection>,
) -> Result<BTreeMap<StateName, State>, BadInput> {
    let count = sections.len();
    // Of those that are one too many, the one that was written last.
    let last = sections.keys().map(|name| name.span().start).max();
    if let Some(last) = last.filter(|_| count > MAX_STATES) {
        let problem = format!("there are {count} states, expected at most {MAX_STATES}");
        return Err(source.fault(last, problem, "keep what is written together in one state"));
    }
    sections
        .into_iter()
        .map(|(name, section)| Ok((name.into_inner(), state(source, section)?)))
        .collect()
}

fn state(source: &Source, section: StateSection) -> Result<State, BadInput> {
    let schemas = |most| Bounds { least: 1, most };
    let schema = schemas(None)
        .check(source, "schema", section.schema)?
        .unwrap_or(1);
    // What is older can be read if this version says so; what is newer, nobody can know how to read (R19).
    let oldest = schemas(Some(schema)).check(source, "reads-schema-from", section.reads_schema_from)?;
    let size = Bounds {
        least: Size(Bytes::ZERO),
        most: Some(Size(MAX_STATE)),
    }
    .check(source, "size", section.size)?;
    Ok(State {
        model: section.model.map(|name| model(source, &name)).transpose()?,
        schema,
        reads_schema_from: oldest.unwrap_or(schema),
        size: size.map_or(USUAL_SIZE, |size| size.0),
    })
}
