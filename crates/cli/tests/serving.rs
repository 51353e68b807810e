//! The networks that the command itself brings up say where they are, and whom they trust.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use assert_cmd::cargo::CommandCargoExt;

/// Patience on a machine that builds other things meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
const NOTE: &str = "loopback development mode: no tokens";

/// The command, killed when it is dropped.
struct Serving {
    child: Child,
    printed: Receiver<String>,
    said: Receiver<String>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already, or it can be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::of(Command::cargo_bin("fogline").unwrap(), folder, arguments)
    }

    fn of(mut command: Command, folder: &Path, arguments: &[&str]) -> Self {
        let mut child = command
            .current_dir(folder)
            .env("XDG_STATE_HOME", folder.join("state"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let printed = lines(child.stdout.take().unwrap());
        let said = lines(child.stderr.take().unwrap());
        Self { child, printed, said }
    }

    /// A node in development mode, started by a shell that does this first, and where it serves.
    #[cfg(target_os = "linux")]
    fn node_after(first: &str, folder: &Path) -> (Self, String) {
        let config = "name = \"one\"\ndata = \"one\"\nloopback-only = true\nhttp-listen = \"127.0.0.1:0\"\n";
        std::fs::write(folder.join("node.toml"), config).unwrap();
        let program = Command::cargo_bin("fogline").unwrap().get_program().to_owned();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("{first}; exec \"$0\" \"$@\"")])
            .arg(program);
        let node = Self::of(shell, folder, &["node", "--config", "node.toml"]);
        let said = until(&node.printed, "http://").pop().unwrap();
        let url = said.split_whitespace().last().unwrap().to_owned();
        (node, url)
    }
}

/// The lines as they come; whoever reads them ends with the process, or with the test.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (say, lines) = mpsc::channel();
    let from = BufReader::new(from).lines();
    std::thread::spawn(move || from.map_while(Result::ok).try_for_each(|line| say.send(line)));
    lines
}

/// Waits for a line that says something, and gives it with those before it.
fn until(lines: &Receiver<String>, what: &str) -> Vec<String> {
    let ends = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    loop {
        let line = lines.recv_timeout(ends.saturating_duration_since(Instant::now()));
        seen.push(line.unwrap_or_else(|error| panic!("nothing says \"{what}\": {error}: {seen:#?}")));
        if seen.last().is_some_and(|line| line.contains(what)) {
            return seen;
        }
    }
}

#[test]
fn a_node_in_development_mode_says_that_it_asks_for_no_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let config = "name = \"one\"\ndata = \"one\"\nloopback-only = true\n";
    std::fs::write(folder.path().join("node.toml"), config).unwrap();
    let node = Serving::start(folder.path(), &["node", "--config", "node.toml"]);
    until(&node.said, NOTE);
}

/// What a request without a token would prove, or a tenant in the place of another, is no token.
#[test]
fn a_node_whose_tokens_are_empty_or_the_same_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let config = r#"name = "one"
data = "one"
http-listen = "127.0.0.1:0"
operator-token-file = "operator"
tenants = [{ name = "red", token-file = "red" }, { name = "blue", token-file = "blue" }]
"#;
    std::fs::write(folder.path().join("node.toml"), config).unwrap();
    for (tokens, problem) in [
        (["r", " \n", "o"], "blue: the token of blue is empty"),
        (["r", "b", ""], "operator: the token of operators is empty"),
        (
            ["x", "x\n", "o"],
            "blue: the token of blue is also the one of red",
        ),
        (
            ["r", "b", "b"],
            "operator: the token of operators is also the one of blue",
        ),
    ] {
        for (file, token) in ["red", "blue", "operator"].iter().zip(tokens) {
            std::fs::write(folder.path().join(file), token).unwrap();
        }
        let mut node = Serving::start(folder.path(), &["node", "--config", "node.toml"]);
        let said = until(&node.said, "hint: ");
        assert!(said.iter().any(|line| line.contains(problem)), "{said:#?}");
        assert_eq!(node.child.wait().unwrap().code(), Some(2));
    }
}

/// A network of one's own has the nodes of its file, and the cloud.
#[test]
fn up_serves_the_network_of_a_scenario_and_says_that_it_asks_for_no_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let network = r#"fogline_network = 1
nodes = [
  { name = "gate", model = "rpi3b+", worker = false, client = true },
  { name = "shed", model = "rpi4" },
]
links = [{ name = "wire", kind = "shared", rate_mbps = 100 }]
switches = ["internet"]
edges = [
  { from = "gate", to = "wire", latency_ms = 1.0, both_ways = true },
  { from = "shed", to = "wire", latency_ms = 1.0, both_ways = true },
  { from = "wire", to = "internet", both_ways = true },
]
"#;
    std::fs::write(folder.path().join("farm-network.toml"), network).unwrap();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/demo.toml");
    let scenario = std::fs::read_to_string(demo).unwrap();
    let scenario = scenario.replace("demo-network.toml", "farm-network.toml");
    std::fs::write(folder.path().join("farm.toml"), scenario).unwrap();
    let up = Serving::start(
        folder.path(),
        &["up", "--scenario", "farm.toml", "--data", "data"],
    );
    until(&up.said, NOTE);
    let printed: Vec<String> = up.printed.try_iter().collect();
    let name = |line: &String| line.split_whitespace().next().map(str::to_owned);
    let names: Vec<String> = printed.iter().filter_map(name).collect();
    assert_eq!(names, ["cloud", "gate", "shed"], "{printed:#?}");
    let entry = printed.iter().find(|line| line.contains("enter here")).unwrap();
    assert!(entry.starts_with("gate "), "{printed:#?}");
}

#[test]
fn demo_serves_its_network_with_the_application_and_says_that_it_asks_for_no_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Serving::start(folder.path(), &["demo", "--serve", "--runs", "1"]);
    let said = until(&demo.said, "`fogline deploy` and `fogline invoke` find it");
    assert!(said.iter().any(|line| line.contains(NOTE)), "{said:#?}");
    let printed: Vec<String> = demo.printed.try_iter().collect();
    let urls = printed.iter().filter(|line| line.contains(" http://")).count();
    assert_eq!(urls, 6, "{printed:#?}");
    let get = Command::cargo_bin("fogline")
        .unwrap()
        .env("XDG_STATE_HOME", folder.path().join("state"))
        .args(["get", "apps"])
        .output()
        .unwrap();
    let apps = String::from_utf8(get.stdout).unwrap();
    assert!(get.status.success() && apps.contains("figure3"), "{apps}");
}

/// Files that may not grow stand for a disk that has no room: what is written into them fails in the same place.
#[cfg(target_os = "linux")]
#[test]
fn a_node_whose_disk_is_full_says_so_and_has_changed_nothing() {
    use fogline_client::{Client, Error, Package};
    use fogline_core::model::ExecutionModel::{InEdge, InFunction};
    use fogline_protocol::problem::Kind;
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let folder = tempfile::tempdir().unwrap();
    // The signal would end it.
    let (node, url) = Serving::node_after("trap '' XFSZ", folder.path());
    let client = Client::builder(url.as_str()).build().unwrap();
    // Long enough for one answer on a busy machine: what is refused so is sent again until then.
    let hasty = client.with_timeout(Duration::from_secs(5));
    let may_grow_to = |most: Option<u64>| {
        let limit = Rlimit {
            current: most,
            maximum: None,
        };
        prlimit(Some(Pid::from_child(&node.child)), Resource::Fsize, limit).unwrap();
    };
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/counter");
    let (app, add) = ("counter".parse().unwrap(), "add".parse().unwrap());
    let total = "total".parse().unwrap();
    let work = async {
        client.deploy(&Package::read(&project).unwrap()).await.unwrap();
        for model in [InEdge, InFunction] {
            let session = client.create_session(&app, Some(model)).await.unwrap().session;
            let reply = client.invoke(&app, &session, &add, "5").await.unwrap();
            let store = std::fs::metadata(folder.path().join("one/store.redb")).unwrap();
            may_grow_to(Some(store.len()));
            let refused = hasty.put_state(&app, &session, &total, vec![b'1'; 7 << 20]).await;
            let Err(Error::Unanswered { number, source, .. }) = refused else {
                panic!("{model}: {refused:?}");
            };
            let Error::Problem { problem } = *source else {
                panic!("{model}: {source:?}");
            };
            assert_eq!(problem.kind, Kind::Unavailable, "{model}: {problem:?}");
            assert!(problem.title.contains("File too large"), "{model}: {problem:?}");
            let stands = client.get_state(&app, &session, &total).await.unwrap();
            assert_eq!(stands, "5", "{model}");
            may_grow_to(None);
            client.resume(&app, &session, number).await.unwrap();
            let stands = client.get_state(&app, &session, &total).await.unwrap();
            assert_eq!(stands.len(), 7 << 20, "{model}");
            client.put_state(&app, &session, &total, "6").await.unwrap();
            let again = client.invoke(&app, &session, &add, "1").await.unwrap();
            let version = |reply: &fogline_client::Reply| reply.seen.unwrap().version;
            assert_eq!(
                (&again.output[..], version(&again)),
                (&b"7"[..], version(&reply) + 3),
                "{model}"
            );
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work);
}

/// Strangers who connect and say nothing leave room for what the node does for others.
#[cfg(target_os = "linux")]
#[test]
fn connections_leave_descriptors_to_programs() {
    use std::io::ErrorKind;
    use std::net::TcpStream;

    use fogline_client::{Client, Package};

    let folder = tempfile::tempdir().unwrap();
    let (node, url) = Serving::node_after("ulimit -n 200", folder.path());
    let client = Client::builder(url.as_str()).build().unwrap();
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
    let deploy = async |name: &str| {
        client
            .deploy(&Package::read(&functions.join(name)).unwrap())
            .await
    };
    let descriptors = || {
        let folder = format!("/proc/{}/fd", node.child.id());
        std::fs::read_dir(folder).unwrap().count()
    };
    let work = async {
        deploy("counter").await.unwrap();
        let address = url.strip_prefix("http://").unwrap();
        let strangers: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
        let ends = Instant::now() + PATIENCE;
        while descriptors() < 100 {
            assert!(Instant::now() < ends, "{} descriptors", descriptors());
            std::thread::yield_now();
        }
        deploy("process-python").await.unwrap();
        strangers[0].set_nonblocking(true).unwrap();
        let is_open = strangers[0]
            .peek(&mut [0])
            .is_err_and(|it| it.kind() == ErrorKind::WouldBlock);
        assert!(is_open, "it was deployed when the strangers were gone");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work);
}
