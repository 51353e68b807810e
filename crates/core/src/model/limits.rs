//! Every limit of the platform, in one place; what happens at each is in docs/src/limits.md.

use std::time::Duration;

use super::units::Bytes;

/// Largest body of a request: input, envelopes and all.
pub const MAX_BODY: Bytes = Bytes(16 << 20);
/// Largest state.
pub const MAX_STATE: Bytes = Bytes(8 << 20);
/// Most bytes that the states of a session may have together while its client holds them: what it gets in one answer it must be
/// able to send in one body, with an input.
pub const MAX_HELD: Bytes = Bytes(12 << 20);
/// Largest output of a function, unless its manifest says less.
pub const MAX_OUTPUT: Bytes = Bytes(8 << 20);
/// Largest component of a function.
pub const MAX_COMPONENT: Bytes = Bytes(32 << 20);
/// Largest state that is kept inside the head; a larger one is a blob of its own (R6).
pub const MAX_INLINE_STATE: Bytes = Bytes(4 << 10);
/// Largest output that is kept inside the head, for a retry; a larger one is a blob (R5).
pub const MAX_INLINE_REPLY: Bytes = Bytes(1 << 10);
/// Replies that are kept beside the head of one session, each of at most [`MAX_OUTPUT`].
pub const MAX_LARGE_REPLIES: usize = 32;
/// Replies with envelopes in them that one session under a mark keeps: of two runs of [`MAX_STEPS`].
pub const MAX_SEALED_REPLIES: usize = 2 * MAX_STEPS;
/// Sequence numbers of one client whose replies are kept (R5).
pub const REPLY_WINDOW: u64 = 32;
/// Clients of one session of which is known how far their numbers have come, and no more; some 20 bytes each.
pub const MAX_KNOWN_CLIENTS: usize = 256;
/// Clients of one session whose windows are kept; the one that wrote longest ago goes first.
pub const MAX_REPLY_CLIENTS: usize = 16;
/// Replies to opaque idempotency keys that one session keeps (R5).
pub const MAX_OPAQUE_REPLIES: usize = 256;
/// How long a reply to an opaque key is kept (R5; the `Idempotency-Key` draft's usual term).
pub const OPAQUE_REPLY_TERM: Duration = Duration::from_secs(24 * 3600);
/// Replies to invocations without a client's key that one session keeps, for retries between nodes (R2).
pub const MAX_KEYLESS_REPLIES: usize = 16;
/// Inline output of all replies of one session; beyond it the oldest opaque and keyless ones go.
pub const MAX_REPLY_BYTES: Bytes = Bytes(64 << 10);
/// Real conflicts after which an invocation is forwarded to the session's home, to wait its turn there (R4).
pub const MAX_CONFLICTS: u32 = 3;
/// Conflicts elsewhere, on top of which an invocation commits again, after which it waits its turn too (R4): far from the
/// home there is always another.
pub const MAX_REBASES: u32 = 8;
/// States that an application may declare.
pub const MAX_STATES: usize = 32;
/// Functions that an application may have: each has mappings, or two processes, at every node.
pub const MAX_FUNCTIONS: usize = 64;
/// Files that a package may have beside its manifest, and that a function may name.
pub const MAX_FILES: usize = 255;
/// Steps that a workflow may have.
pub const MAX_STEPS: usize = 64;
/// How long an invocation may take in all, unless its caller says less.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);
/// Longest deadline that a caller may ask for.
pub const MAX_DEADLINE: Duration = Duration::from_secs(600);
/// Invocations that wait for one session's turn at its home.
pub const MAX_SESSION_QUEUE: usize = 1024;
/// Longest `Idempotency-Key`, in bytes.
pub const MAX_IDEMPOTENCY_KEY: usize = 255;
/// Sessions, and records, in one answer.
pub const MAX_LISTED: u32 = 1000;
/// Runs that one session's inbox holds (R21).
pub const MAX_INBOX: usize = 64;

const _: () = {
    assert!(
        MAX_INLINE_REPLY.0 * REPLY_WINDOW <= MAX_REPLY_BYTES.0,
        "a client's window fits"
    );
    assert!(MAX_INLINE_STATE.0 < MAX_STATE.0, "large states are blobs");
    assert!(MAX_STATE.0 < MAX_HELD.0, "a client may hold the largest state");
    assert!(MAX_HELD.0 < MAX_BODY.0, "a state fits into a request");
    assert!(MAX_OUTPUT.0 < MAX_BODY.0, "an output fits into a reply");
    assert!(
        DEFAULT_DEADLINE.as_secs() <= MAX_DEADLINE.as_secs(),
        "the default is allowed"
    );
};
