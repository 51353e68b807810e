//! Who is who: the authority, the certificates that it issues, the tokens that admit nodes, and who is out.

mod authority;
mod certificate;
mod credentials;
mod files;
mod holder;
mod identity;
mod register;
mod revocation;
mod signed;
mod state;
mod terms;
#[cfg(test)]
mod tests;
mod token;
mod verifier;

pub use authority::Authority;
pub(super) use certificate::{ANY_MEMBER, Facts, dns_name, member};
pub use credentials::{Credentials, Member, Stranger};
pub use identity::Identity;
pub(super) use register::Register;
pub use revocation::Revocation;
pub(super) use signed::Signed;
pub(super) use state::Trust;
pub use terms::{Terms, WallClock, system_clock};
pub(super) use token::{Application, Grant, Wish};
pub use token::{NoToken, Token};
pub(super) use verifier::{Verifier, provider};
