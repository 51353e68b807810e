//! What `fogline top` shows: what the nodes of a network do, now.

mod draw;
mod frame;
mod gather;
mod scrape;
mod svg;

pub(crate) use draw::Screen;
pub(crate) use frame::Frame;
pub(crate) use gather::Watched;
