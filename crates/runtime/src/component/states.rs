//! The states of one call: what the function reads and changes until its caller commits.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use fogline_core::application::{Function, State};
use fogline_core::model::{Bytes as Size, StateName, limits};
use wasmtime::component::{ComponentType, Lower};

use crate::call::StateValue;

/// `state-error` of `wit/function.wit`.
#[derive(Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(variant)]
pub(super) enum StateError {
    /// The manifest does not say that the function reads the state.
    #[component(name = "undeclared")]
    Undeclared(String),
    /// The manifest does not say that the function writes the state.
    #[component(name = "read-only")]
    ReadOnly(String),
    /// The most bytes that the state may have.
    #[component(name = "too-large")]
    TooLarge(u64),
}

/// A state that a function declares.
#[derive(Debug)]
pub(super) struct Declared {
    name: StateName,
    /// What a write makes of the state's schema number.
    schema: u32,
    writable: bool,
}

/// What a function declares, sorted by name.
pub(super) fn declared(function: &Function, states: &BTreeMap<StateName, State>) -> Arc<[Declared]> {
    let declare = |name: &StateName| Declared {
        name: name.clone(),
        schema: states.get(name).map_or(0, |state| state.schema),
        writable: function.writes.contains(name),
    };
    function.reads.union(&function.writes).map(declare).collect()
}

/// What a function wants of a state.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// What a write does with what is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// Replaces it.
    Set,
    /// Leaves it in front.
    Append,
}

/// The declared states, as the function sees them.
pub(super) struct States {
    declared: Arc<[Declared]>,
    /// In the order of `declared`.
    held: Vec<Held>,
    /// Most bytes of what is written, in all.
    most: u64,
}

/// A state, and whether the function has changed it.
struct Held {
    state: Option<StateValue>,
    written: bool,
}

impl States {
    /// These, of which so much may be written in all.
    pub(super) fn new(
        declared: &Arc<[Declared]>,
        mut given: BTreeMap<StateName, StateValue>,
        most: Size,
    ) -> Self {
        let held = |it: &Declared| Held {
            state: given.remove(&it.name),
            written: false,
        };
        Self {
            held: declared.iter().map(held).collect(),
            declared: Arc::clone(declared),
            most: most.0,
        }
    }

    /// The place of a state, if the function may use it so.
    pub(super) fn find(&self, name: &str, access: Access) -> Result<usize, StateError> {
        let place = self
            .declared
            .binary_search_by(|it| it.name.as_str().cmp(name))
            .map_err(|_| StateError::Undeclared(name.to_owned()))?;
        if access == Access::Write && !self.declared[place].writable {
            return Err(StateError::ReadOnly(name.to_owned()));
        }
        Ok(place)
    }

    pub(super) fn get(&self, place: usize) -> Option<&StateValue> {
        self.held[place].state.as_ref()
    }

    /// A part of a state, cut at its end.
    pub(super) fn read(&self, place: usize, offset: u64, length: u64) -> Option<Bytes> {
        let value = &self.get(place)?.value;
        let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(value.len());
        Some(value.slice(within(offset)..within(offset.saturating_add(length))))
    }

    /// Begins a write of so many bytes: gives the bytes that stay in front of them.
    pub(super) fn begin(&mut self, place: usize, write: Write, more: usize) -> Result<BytesMut, StateError> {
        let stays = match write {
            Write::Set => 0,
            Write::Append => self.held[place].bytes(),
        };
        let others = self.held.iter().enumerate();
        let others = others.filter(|(at, held)| *at != place && held.written);
        let others: usize = others.map(|(_, held)| held.bytes()).sum();
        let most = limits::MAX_STATE.0.min(self.most.saturating_sub(others as u64));
        if (stays + more) as u64 > most {
            return Err(StateError::TooLarge(most));
        }
        Ok(match self.held[place].state.take() {
            Some(old) if stays > 0 => with_room(old.value, more),
            _ => BytesMut::with_capacity(more),
        })
    }

    /// Ends a write: the state is this.
    pub(super) fn end(&mut self, place: usize, value: BytesMut) {
        let state = StateValue {
            schema: self.declared[place].schema,
            value: value.freeze(),
        };
        self.held[place] = Held {
            state: Some(state),
            written: true,
        };
    }

    pub(super) fn delete(&mut self, place: usize) {
        self.held[place] = Held {
            state: None,
            written: true,
        };
    }

    /// Ends the call: gives what was written (the value, or nothing if the state was deleted), and lets go of the rest.
    pub(super) fn finish(&mut self) -> BTreeMap<StateName, Option<Bytes>> {
        let held = std::mem::take(&mut self.held);
        let written = self.declared.iter().zip(held).filter(|(_, held)| held.written);
        written
            .map(|(it, held)| (it.name.clone(), held.state.map(|state| state.value)))
            .collect()
    }
}

impl Held {
    fn bytes(&self) -> usize {
        self.state.as_ref().map_or(0, |state| state.value.len())
    }
}

/// These bytes, with room for so many more. Where there is none, a quarter is added: many appends seldom copy, and
/// little lies idle. Nobody else holds what was written here before.
fn with_room(old: Bytes, more: usize) -> BytesMut {
    let needed = old.len() + more;
    let old = match old.try_into_mut() {
        Ok(own) if own.capacity() >= needed => return own,
        Ok(own) => own.freeze(),
        Err(shared) => shared,
    };
    let mut grown = BytesMut::with_capacity(needed + needed / 4);
    grown.extend_from_slice(&old);
    grown
}

#[cfg(test)]
mod tests {
    use super::{
        Access, Arc, BTreeMap, Bytes, Declared, Size, StateError, StateValue, States, Write, limits,
    };

    fn write(states: &mut States, place: usize, write: Write, value: &[u8]) -> Result<(), StateError> {
        let mut bytes = states.begin(place, write, value.len())?;
        bytes.extend_from_slice(value);
        states.end(place, bytes);
        Ok(())
    }

    fn states(given: &[(&str, &[u8])]) -> States {
        let declare = |name: &str, writable| Declared {
            name: name.parse().unwrap(),
            schema: 2,
            writable,
        };
        let declared: Arc<[_]> = [declare("a", true), declare("b", false), declare("c", true)].into();
        let value = |value: &[u8]| StateValue {
            schema: 1,
            value: Bytes::copy_from_slice(value),
        };
        let given = given
            .iter()
            .map(|(name, bytes)| (name.parse().unwrap(), value(bytes)))
            .collect();
        States::new(&declared, given, Size(10 << 20))
    }

    #[test]
    fn only_what_is_declared_can_be_used_and_only_so() {
        let states = states(&[]);
        assert_eq!(
            states.find("x", Access::Read),
            Err(StateError::Undeclared("x".to_owned()))
        );
        assert_eq!(
            states.find("b", Access::Write),
            Err(StateError::ReadOnly("b".to_owned()))
        );
        assert_eq!(states.find("b", Access::Read), Ok(1));
        assert_eq!(states.find("c", Access::Write), Ok(2));
    }

    #[test]
    fn a_range_is_cut_at_the_end_of_the_state() {
        let states = states(&[("a", b"012345")]);
        let read = |offset, length| states.read(0, offset, length).map(|bytes| bytes.to_vec());
        assert_eq!(read(1, 3).unwrap(), b"123");
        assert_eq!(read(4, u64::MAX).unwrap(), b"45");
        assert_eq!(read(u64::MAX, u64::MAX).unwrap(), b"");
        assert_eq!(states.read(1, 0, 1), None);
    }

    #[test]
    fn what_is_written_has_the_declared_schema_and_is_all_that_is_written() {
        let mut states = states(&[("a", b"same"), ("b", b"read"), ("c", b"gone")]);
        assert_eq!(states.get(0).unwrap().schema, 1);
        write(&mut states, 0, Write::Set, b"same").unwrap();
        assert_eq!(states.get(0).unwrap().schema, 2);
        states.delete(2);
        let a = Some(Bytes::from_static(b"same"));
        let writes = BTreeMap::from([("a".parse().unwrap(), a), ("c".parse().unwrap(), None)]);
        assert_eq!(states.finish(), writes);
    }

    #[test]
    fn an_append_adds_and_leaves_what_others_hold() {
        let mut states = states(&[("a", b"one")]);
        let before = states.get(0).unwrap().value.clone();
        write(&mut states, 0, Write::Append, b" two").unwrap();
        write(&mut states, 0, Write::Append, b" three").unwrap();
        write(&mut states, 2, Write::Append, b"new").unwrap();
        assert_eq!(before, "one");
        assert_eq!(states.get(0).unwrap().value, "one two three");
        assert_eq!(states.get(2).unwrap().value, "new");
    }

    #[test]
    fn many_appends_seldom_copy() {
        let mut states = states(&[]);
        write(&mut states, 0, Write::Set, b"x").unwrap();
        let place = |states: &States| states.get(0).unwrap().value.as_ptr();
        let moves = (0..100_000).filter(|_| {
            let before = place(&states);
            write(&mut states, 0, Write::Append, b"x").unwrap();
            place(&states) != before
        });
        assert!(moves.count() < 100);
    }

    #[test]
    fn an_append_takes_little_more_than_it_needs() {
        let mut states = states(&[]);
        write(&mut states, 0, Write::Set, &vec![0; 4 << 20]).unwrap();
        write(&mut states, 0, Write::Append, b"x").unwrap();
        let value = states.held[0].state.take().unwrap().value;
        let capacity = value.try_into_mut().unwrap().capacity();
        assert!(capacity <= 6 << 20, "{capacity}");
    }

    #[test]
    fn what_is_set_in_all_has_a_limit_and_what_is_read_does_not_count() {
        let mut states = states(&[("a", b"given"), ("b", &vec![0; 8 << 20])]);
        let (large, rest) = (vec![0; 8 << 20], vec![0; 2 << 20]);
        write(&mut states, 0, Write::Set, &large).unwrap();
        write(&mut states, 0, Write::Set, &large).unwrap();
        write(&mut states, 2, Write::Append, &rest).unwrap();
        let more = write(&mut states, 2, Write::Append, b"x");
        assert_eq!(more, Err(StateError::TooLarge(2 << 20)));
        assert_eq!(states.get(2).unwrap().value.len(), rest.len(), "as it was");
        states.delete(0);
        write(&mut states, 2, Write::Append, b"x").unwrap();
    }

    #[test]
    fn a_state_over_the_limit_is_refused_and_left() {
        let mut states = states(&[("a", b"1")]);
        let most = vec![0; usize::try_from(limits::MAX_STATE.0).unwrap()];
        assert_eq!(
            write(&mut states, 0, Write::Append, &most),
            Err(StateError::TooLarge(limits::MAX_STATE.0))
        );
        assert_eq!(states.get(0).unwrap().value, "1");
        write(&mut states, 0, Write::Set, &most).unwrap();
    }
}
