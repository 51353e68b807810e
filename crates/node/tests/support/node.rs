//! One real node on a port of its own, and deploying to it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fogline_core::dispatch::Map;
use fogline_core::model::{Device, NodeName, TenantName};
use fogline_core::network::Node;
use fogline_node::{External, Handle, Limits, Operator, Options, Others, Tenants, TraceOptions, start};
use fogline_protocol::multipart::{self, Boundary, Part, Subtype};
use fogline_runtime::Runtimes;
use fogline_runtime::component::{ComponentOptions, ComponentRuntime};
use fogline_runtime::process::ProcessRuntime;
use fogline_state::seal::Keyring;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The tenant of a node without tokens.
pub(crate) fn tenant() -> TenantName {
    "local".parse().expect("it is a name")
}

/// A node alone, which keeps its data, and with `cloud` external states too, in this folder, and sends its traces there.
pub(crate) async fn node(
    folder: &Path,
    who: (Tenants, Operator),
    cloud: bool,
    traces: Option<TraceOptions>,
) -> Handle {
    let options = Options {
        traces,
        ..options(folder, who, cloud)
    };
    start(options).await.expect("the node starts")
}

/// What a node is started with, unless a test changes it.
pub(crate) fn options(folder: &Path, (tenants, operator): (Tenants, Operator), cloud: bool) -> Options {
    let name: NodeName = "edge-1".parse().expect("it is a name");
    // Few workers: several nodes run in one test program, and each worker reserves 4 GiB of address space.
    let options = ComponentOptions {
        cache: compiled(),
        workers: 64,
        ..ComponentOptions::default()
    };
    let runtime = ComponentRuntime::new(options).expect("components can be executed");
    let machine = Node::of(Device::NUC, true, false);
    let map = Map::flat(&BTreeMap::from([(name.clone(), machine)]), None).expect("it is a machine");
    Options {
        quorum: None,
        name: name.clone(),
        data: folder.to_path_buf(),
        http: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        tenants,
        operator,
        keyrings: BTreeMap::from([(tenant(), Keyring::generate())]),
        external: if cloud {
            External::Node(name)
        } else {
            External::None
        },
        slots: 4,
        limits: Limits::default(),
        peers: None,
        others: Others::Listed(Vec::new(), Arc::new(map)),
        traces: None,
        decisions: None,
        runtime: Arc::new(Runtimes::new(runtime, ProcessRuntime)),
    }
}

/// Compiled code is the same for all nodes of all tests; an example has no folder for it.
fn compiled() -> Option<PathBuf> {
    let folder = Path::new(option_env!("CARGO_TARGET_TMPDIR")?).join("compiled");
    std::fs::create_dir_all(&folder).expect("the target folder can be written");
    Some(folder)
}

/// The body that deploys an example application, its manifest changed by `edit`: media type and bytes.
pub(crate) fn package(example: &str, edit: impl Fn(&str) -> String) -> (String, bytes::Bytes) {
    let folder = root().join("functions").join(example);
    let manifest = edit(&std::fs::read_to_string(folder.join("fogline.toml")).expect("there is a manifest"));
    let mut parts = vec![Part::new(multipart::MANIFEST, manifest)];
    for entry in std::fs::read_dir(&folder).expect("the folder can be read") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            let name = path
                .file_name()
                .expect("it has a name")
                .to_string_lossy()
                .into_owned();
            parts.push(Part::new(
                name,
                std::fs::read(&path).expect("the component can be read"),
            ));
        }
    }
    form(&parts)
}

/// A body of parts: media type and bytes.
pub(crate) fn form(parts: &[Part]) -> (String, bytes::Bytes) {
    let boundary = Boundary::new([7; 16]);
    (
        boundary.content_type(Subtype::FormData),
        multipart::write(&boundary, parts),
    )
}
