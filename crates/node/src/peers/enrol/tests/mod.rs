//! Real nodes on loopback sockets, with clocks that the tests set.

mod enrolment;
mod lifetime;
mod revocation;
mod secret;
mod world;
