//! What must hold of the project besides its tests.

pub(crate) mod arrows;
pub(crate) mod book;
pub(crate) mod licences;
