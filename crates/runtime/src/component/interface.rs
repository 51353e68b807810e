//! The imports and the export of `wit/function.wit`, by hand rather than generated: states cross without a copy of
//! their own, names without an allocation. The tests link a guest that imports all of the file, as it stands there.

use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};
use wasmtime::component::{
    Component, ComponentExportIndex, ComponentType, Lift, Linker, LinkerInstance, Lower, TypedFunc, WasmList,
    WasmStr,
};

use super::host::Host;
use super::states::{Access, StateError, States, Write};
use crate::call::GuestError;
use crate::error::FunctionFault;
use crate::logs::{LogLevel, MAX_LOG_LINE, cut};

/// The function `handle`.
pub(super) type Handle = TypedFunc<(Bytes,), (Result<Bytes, HandleError>,)>;

/// `error` of the world.
#[derive(Debug, ComponentType, Lift)]
#[component(variant)]
pub(super) enum HandleError {
    #[component(name = "invalid-input")]
    InvalidInput(String),
    #[component(name = "failed")]
    Failed(String),
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Invocation {
    id: String,
    session: String,
    now: u64,
    deadline: u64,
    seed: u64,
}

/// What a host function of ours returns to wasmtime: one value.
type Returned<T> = wasmtime::Result<(T,)>;

impl From<HandleError> for GuestError {
    fn from(error: HandleError) -> Self {
        // As long as a line of its log may be: it goes into answers and logs.
        match error {
            HandleError::InvalidInput(text) => Self::InvalidInput(cut(&text, MAX_LOG_LINE).to_owned()),
            HandleError::Failed(text) => Self::Failed(cut(&text, MAX_LOG_LINE).to_owned()),
        }
    }
}

/// Offers all imports of the world.
pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut state = linker.instance("fogline:function/state@0.1.0")?;
    link_reads(&mut state)?;
    link_writes(&mut state)?;
    linker
        .instance("fogline:function/context@0.1.0")?
        .func_wrap("current", |store: StoreContextMut<'_, Host>, (): ()| {
            Ok((current(store.data()),))
        })?;
    let mut log = linker.instance("fogline:function/log@0.1.0")?;
    log.func_wrap(
        "write",
        |mut store: StoreContextMut<'_, Host>, (level, message): (LogLevel, WasmStr)| {
            let message = cut(&message.to_str(&store)?, MAX_LOG_LINE).to_owned();
            store.data_mut().attempt.logs.write(level, &message);
            Ok(())
        },
    )?;
    log.func_wrap(
        "last-words",
        |mut store: StoreContextMut<'_, Host>, (character,): (char,)| {
            store.data_mut().attempt.logs.say(character);
            Ok(())
        },
    )
}

fn link_reads(state: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    state.func_wrap("get", |store: StoreContextMut<'_, Host>, (name,): (WasmStr,)| {
        look(&store, &name, |states, place| {
            states.get(place).map(|state| state.value.clone())
        })
    })?;
    state.func_wrap(
        "read",
        |store: StoreContextMut<'_, Host>, (name, offset, length): (WasmStr, u64, u64)| {
            look(&store, &name, |states, place| states.read(place, offset, length))
        },
    )?;
    state.func_wrap("size", |store: StoreContextMut<'_, Host>, (name,): (WasmStr,)| {
        look(&store, &name, |states, place| {
            states.get(place).map(|state| state.value.len() as u64)
        })
    })?;
    state.func_wrap(
        "schema",
        |store: StoreContextMut<'_, Host>, (name,): (WasmStr,)| {
            look(&store, &name, |states, place| {
                states.get(place).map(|state| state.schema)
            })
        },
    )
}

fn link_writes(state: &mut LinkerInstance<'_, Host>) -> wasmtime::Result<()> {
    type Named = (WasmStr, WasmList<u8>);
    state.func_wrap("set", |store: StoreContextMut<'_, Host>, (name, value): Named| {
        write(store, &name, Write::Set, &value)
    })?;
    state.func_wrap(
        "append",
        |store: StoreContextMut<'_, Host>, (name, value): Named| write(store, &name, Write::Append, &value),
    )?;
    state.func_wrap(
        "delete",
        |mut store: StoreContextMut<'_, Host>, (name,): (WasmStr,)| {
            let place = find(&store, &name, Access::Write)?;
            Ok((place.map(|place| store.data_mut().attempt.states.delete(place)),))
        },
    )
}

fn find(
    store: &StoreContextMut<'_, Host>,
    name: &WasmStr,
    access: Access,
) -> wasmtime::Result<Result<usize, StateError>> {
    let name = name.to_str(store)?;
    Ok(store.data().attempt.states.find(&name, access))
}

fn look<T>(
    store: &StoreContextMut<'_, Host>,
    name: &WasmStr,
    read: impl FnOnce(&States, usize) -> T,
) -> Returned<Result<T, StateError>> {
    let place = find(store, name, Access::Read)?;
    Ok((place.map(|place| read(&store.data().attempt.states, place)),))
}

fn write(
    mut store: StoreContextMut<'_, Host>,
    name: &WasmStr,
    how: Write,
    value: &WasmList<u8>,
) -> Returned<Result<(), StateError>> {
    let place = match find(&store, name, Access::Write)? {
        Ok(place) => place,
        Err(error) => return Ok((Err(error),)),
    };
    let mut bytes = match store.data_mut().attempt.states.begin(place, how, value.len()) {
        Ok(bytes) => bytes,
        Err(error) => return Ok((Err(error),)),
    };
    bytes.extend_from_slice(value.as_le_slice(&store));
    store.data_mut().attempt.states.end(place, bytes);
    Ok((Ok(()),))
}

fn current(host: &Host) -> Invocation {
    let invocation = &host.attempt.invocation;
    Invocation {
        id: invocation.id.to_string(),
        session: invocation
            .session
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        now: invocation.now.0,
        deadline: invocation.deadline.0,
        seed: invocation.seed,
    }
}

/// Where a component exports `handle`.
pub(super) fn handle_of(component: &Component) -> Result<ComponentExportIndex, FunctionFault> {
    match component.get_export(None, "handle") {
        Some((ComponentItem::ComponentFunc(function), index)) if is_handle(&function) => Ok(index),
        Some(_) => Err(FunctionFault::Exports(
            "its export `handle` is not func(input: list<u8>) -> result<list<u8>, error>",
        )),
        None => Err(FunctionFault::Exports("it does not export a function `handle`")),
    }
}

fn is_handle(function: &ComponentFunc) -> bool {
    let bytes = |ty: &Type| matches!(ty, Type::List(list) if list.ty() == Type::U8);
    let error = |ty: &Type| {
        let Type::Variant(variant) = ty else { return false };
        let cases: Vec<_> = variant
            .cases()
            .map(|case| (case.name.to_owned(), case.ty))
            .collect();
        let text = |name: &str| (name.to_owned(), Some(Type::String));
        cases == [text("invalid-input"), text("failed")]
    };
    let params: Vec<_> = function.params().map(|(_, ty)| ty).collect();
    let results: Vec<_> = function.results().collect();
    let [param] = params.as_slice() else { return false };
    let [Type::Result(result)] = results.as_slice() else {
        return false;
    };
    bytes(param) && result.ok().is_some_and(|ty| bytes(&ty)) && result.err().is_some_and(|ty| error(&ty))
}
