//! Of which trace a request is: W3C Trace Context, level 1 (<https://www.w3.org/TR/trace-context-1/>).

use std::fmt;

use data_encoding::HEXLOWER;
pub use fogline_core::model::{SpanId, TraceId};
use serde::{Deserialize, Serialize};

/// Largest `tracestate` that is passed on, in bytes: what the standard asks to be passed on at the least.
const MAX_STATE: usize = 512;
/// Length of a `traceparent` of version 00: four fields and the dashes between them.
const LENGTH: usize = 55;
/// The flag that says that the trace is recorded.
const SAMPLED: u8 = 1;

/// Of which trace a request is, and which span caused it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span that caused the request.
    pub span: SpanId,
    /// Whether whoever began the trace records it.
    pub sampled: bool,
    /// What others want to be passed on with it, as the header `tracestate` has it; `None` if there is nothing.
    pub state: Option<Box<str>>,
}

impl TraceContext {
    /// The context in the headers `traceparent` and `tracestate`. `None` if the first is not as the standard says: the
    /// trace is then begun anew.
    #[must_use]
    pub fn read(parent: &str, state: Option<&str>) -> Option<Self> {
        if !parent.is_ascii() || parent.len() < LENGTH {
            return None;
        }
        let (version, rest) = parent[2..].strip_prefix('-').map(|rest| (&parent[..2], rest))?;
        let version = byte(version).filter(|version| *version != 0xff)?;
        // Later versions may say more behind a dash; of version 0 nothing follows.
        let more = &parent[LENGTH..];
        if !more.is_empty() && (version == 0 || !more.starts_with('-')) {
            return None;
        }
        let mut fields = rest.split('-');
        let trace: TraceId = fields.next()?.parse().ok()?;
        let span: SpanId = fields.next()?.parse().ok()?;
        if trace.0 == [0; 16] || span.0 == [0; 8] {
            return None;
        }
        let flags = byte(fields.next()?)?;
        let is_passed_on = |state: &&str| {
            let visible = |it: u8| it == b' ' || it.is_ascii_graphic();
            (1..=MAX_STATE).contains(&state.len()) && state.bytes().all(visible)
        };
        Some(Self {
            trace,
            span,
            sampled: flags & SAMPLED != 0,
            state: state.filter(is_passed_on).map(Box::from),
        })
    }

    /// The context of what `span` of the same trace causes.
    #[must_use]
    pub fn of_span(&self, span: SpanId) -> Self {
        Self { span, ..self.clone() }
    }
}

/// As the header `traceparent` has it.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            self.trace,
            self.span,
            u8::from(self.sampled)
        )
    }
}

fn byte(text: &str) -> Option<u8> {
    let [byte] = HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()?;
    Some(byte)
}

#[cfg(test)]
mod tests {
    use super::TraceContext;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_is_written_as_it_was_read() {
        let read = TraceContext::read(PARENT, Some("vendor=1,other=2")).unwrap();
        assert_eq!(read.to_string(), PARENT);
        assert!(read.sampled);
        assert_eq!(read.state.as_deref(), Some("vendor=1,other=2"));
        let unsampled = PARENT.replace("-01", "-00");
        let read = TraceContext::read(&unsampled, None).unwrap();
        assert_eq!((read.sampled, read.to_string()), (false, unsampled));
    }

    #[test]
    fn later_versions_and_flags_are_read_as_far_as_they_are_known() {
        for later in [
            PARENT.replace("00-0", "cc-0"),
            PARENT.replace("00-0", "cc-0") + "-what-is-new",
            PARENT.replace("-01", "-ff"),
        ] {
            let read = TraceContext::read(&later, None);
            assert_eq!(
                read.map(|read| read.to_string()).as_deref(),
                Some(PARENT),
                "{later}"
            );
        }
    }

    #[test]
    fn what_the_standard_forbids_begins_no_context() {
        for bad in [
            "",
            "00",
            &PARENT[..54],
            &PARENT.to_uppercase(),
            &PARENT.replace("00-0", "ff-0"),
            &PARENT.replace("00-0", "0x-0"),
            &format!("{PARENT}-more"),
            &format!("{PARENT}x"),
            &PARENT.replace("00-0", "cc-0").replace("-01", "-01x"),
            &PARENT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &PARENT.replace("b7ad6b7169203331", &"0".repeat(16)),
            &PARENT.replace("b7ad6b7169203331", "b7ad6b716920333g"),
            &PARENT.replace("331-01", "33é-1"),
            &PARENT.replace('-', "_"),
        ] {
            assert_eq!(TraceContext::read(bad, None), None, "{bad}");
        }
        let long = "x".repeat(513);
        for state in ["", "a=\u{7f}", "a=é", long.as_str()] {
            let read = TraceContext::read(PARENT, Some(state)).unwrap();
            assert_eq!(read.state, None, "{state}");
        }
    }
}
