//! The machines of a session against a simulated network: attempts, moves and retries in any order, with commits
//! that conflict, get lost, come late, or are not heard of. A failure prints the choices that lead to it.

mod actor;
mod attempt;
mod moving;
mod replies;
mod world;
