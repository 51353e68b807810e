//! Clients that add items to their sessions, one after the other, whatever befalls the nodes.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fogline_client::{Client, Error, Package};
use fogline_core::model::{AppName, FunctionName, SessionId};
use fogline_protocol::problem;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::history::{Basket, History};

/// How long a client waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What its own machine may cost beside that: two processors run all nodes and all clients.
const SLACK: Duration = Duration::from_secs(1);
/// The pace of each client.
const EVERY: Duration = Duration::from_millis(100);
/// Between two looks at a session.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a session is asked for after the load, when all nodes are there again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where states live, and what that promises.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) model: &'static str,
    /// The line of the manifest beside the model, and what the table calls it.
    pub(crate) promise: Option<(&'static str, &'static str)>,
}

/// All that are told apart.
pub(crate) const KINDS: [Kind; 7] = [
    kind("external", None),
    kind("in-edge", None),
    kind("in-function", Some(("durability", "memory"))),
    kind("in-function", Some(("durability", "checkpoint"))),
    kind("in-function", Some(("durability", "every-commit"))),
    kind("in-client", Some(("guard", "none"))),
    kind("in-client", Some(("guard", "mark"))),
];

const fn kind(model: &'static str, promise: Option<(&'static str, &'static str)>) -> Kind {
    Kind { model, promise }
}

impl Kind {
    pub(crate) fn app(&self) -> AppName {
        let promise = self.promise.map_or("plain", |(_, value)| value);
        format!("{}-{promise}", self.model).parse().unwrap()
    }

    /// Whether acknowledged additions may be lost with a node, if their client is told.
    pub(crate) fn may_lose(&self) -> bool {
        matches!(self.promise, Some((_, "memory" | "checkpoint")))
    }

    fn is_in_client(self) -> bool {
        self.model == "in-client"
    }

    /// The example's basket under this model.
    pub(crate) async fn deploy(&self, client: &Client, folder: &std::path::Path) {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/basket");
        let copy = folder.join(self.app().as_str());
        std::fs::create_dir_all(&copy).unwrap();
        for file in ["add.wasm", "list.wasm", "remove.wasm"] {
            std::fs::copy(source.join(file), copy.join(file)).unwrap();
        }
        let manifest = std::fs::read_to_string(source.join("fogline.toml")).unwrap();
        let promise = self.promise.map(|(key, value)| format!("{key} = \"{value}\"\n"));
        let manifest = manifest
            .replacen("name = \"basket\"", &format!("name = \"{}\"", self.app()), 1)
            .replacen("model = \"in-client\"", &format!("model = \"{}\"", self.model), 1)
            .replacen("guard = \"none\"\n", &promise.unwrap_or_default(), 1);
        std::fs::write(copy.join("fogline.toml"), manifest).unwrap();
        let package = Package::read(&copy).unwrap();
        client.deploy(&package).await.unwrap();
    }
}

/// One client and its session.
pub(crate) struct Writer {
    pub(crate) kind: Kind,
    pub(crate) app: AppName,
    session: SessionId,
    entry: String,
    other: String,
    client: Client,
    /// Another client, which enters elsewhere; what is with the client only it can look at.
    onlooker: Client,
    history: Mutex<History>,
}

impl Writer {
    /// A session that is created at the node `birth`, and then used through `entry`; `other` is for those who only look.
    pub(crate) async fn new(kind: Kind, birth: &str, entry: &str, other: &str) -> Self {
        let app = kind.app();
        let client = at(entry);
        let creator = if kind.is_in_client() {
            client.clone()
        } else {
            at(birth)
        };
        let session = creator.create_session(&app, None).await.unwrap().session;
        Self {
            kind,
            app,
            session,
            entry: entry.to_owned(),
            other: other.to_owned(),
            onlooker: if kind.is_in_client() {
                client.clone()
            } else {
                at(other)
            },
            client,
            history: Mutex::default(),
        }
    }

    /// Waits until a node that has just come serves sessions of all kinds.
    pub(crate) async fn serves(url: &str) {
        let until = Instant::now() + PATIENCE;
        for kind in KINDS {
            while let Err(error) = first(&at(url), &kind.app()).await {
                assert!(Instant::now() < until, "{}: {error:?}", kind.app());
            }
        }
    }

    /// Adds items until it is stopped, and waits for what was not answered; meanwhile somebody looks at the session.
    pub(crate) async fn work(self, stop: CancellationToken) -> (Self, History) {
        tokio::join!(self.add(&stop), self.look(&stop));
        let history = std::mem::take(&mut *self.history());
        (self, history)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap()
    }

    async fn add(&self, stop: &CancellationToken) {
        let mut client = self.client.clone();
        let mut due = Instant::now();
        while !stop.is_cancelled() {
            let item = {
                let mut history = self.history();
                history.tried += 1;
                history.tried.to_string()
            };
            if let Err(error) = self.add_one(&client, item, stop).await
                && is_regressed(&error)
            {
                self.history().regressions += 1;
                // Who knows what was lost goes on from there.
                client = at(&self.entry);
            }
            due = (due + EVERY).max(Instant::now());
            sleep_until(due).await;
        }
    }

    async fn add_one(&self, client: &Client, item: String, stop: &CancellationToken) -> Result<(), Error> {
        let input = format!("{{\"item\": \"{item}\"}}");
        let begin = Instant::now();
        let mut result = client.invoke(&self.app, &self.session, &name("add"), input).await;
        self.in_time("adding", begin);
        let mut until = None;
        // The same request, until somebody says what became of it.
        while let Err(Error::Unanswered { number, .. }) = result {
            if stop.is_cancelled() && Instant::now() > *until.get_or_insert(Instant::now() + PATIENCE) {
                self.history().wrong.push(format!("{item} was never answered"));
                return Ok(());
            }
            let begin = Instant::now();
            result = client.resume(&self.app, &self.session, number).await;
            self.in_time("asking again", begin);
        }
        result?;
        self.history().acknowledge(item, Instant::now());
        Ok(())
    }

    async fn look(&self, stop: &CancellationToken) {
        let mut onlooker = self.onlooker.clone();
        while !stop.is_cancelled() {
            let before = self.history().acknowledged.clone();
            let begin = Instant::now();
            let looked = list(&onlooker, &self.app, &self.session).await;
            self.in_time("looking", begin);
            match looked {
                Ok(basket) => self.history().look(&before, &basket),
                Err(error) if is_regressed(&error) => {
                    self.history().regressions += 1;
                    onlooker = at(&self.other);
                }
                // Nobody waits for this answer; but it stands before those who add, where states are with the client.
                Err(Error::Unanswered { number, .. }) => {
                    let _ = onlooker.abandon(&self.app, &self.session, number).await;
                }
                Err(_) => {}
            }
            sleep_until(begin + LOOK_EVERY).await;
        }
    }

    fn in_time(&self, doing: &str, begin: Instant) {
        let took = begin.elapsed();
        if took > TIMEOUT + SLACK {
            let wrong = format!("{doing} took {took:?}, and had {TIMEOUT:?}");
            self.history().wrong.push(wrong);
        }
    }

    /// What the session holds, when all nodes are there.
    pub(crate) async fn end(&self) -> Basket {
        let until = Instant::now() + PATIENCE;
        loop {
            // Who has seen nothing is refused nothing.
            let client = if self.kind.is_in_client() {
                self.client.clone()
            } else {
                at(&self.entry)
            };
            match list(&client, &self.app, &self.session).await {
                Ok(basket) => return basket,
                Err(error) => {
                    assert!(Instant::now() < until, "{} {}: {error:?}", self.app, self.session);
                    // Where states are with the client, what was not answered stands before all that follows.
                    if let Error::Unanswered { number, .. } | Error::Outstanding { number, .. } = error {
                        let _ = client.resume(&self.app, &self.session, number).await;
                    }
                }
            }
        }
    }
}

async fn first(client: &Client, app: &AppName) -> Result<(), Error> {
    let session = client.create_session(app, None).await?.session;
    client
        .invoke(app, &session, &name("add"), "{\"item\": \"first\"}")
        .await?;
    Ok(())
}

fn at(url: &str) -> Client {
    Client::builder(url).timeout(TIMEOUT).build().unwrap()
}

fn name(function: &str) -> FunctionName {
    function.parse().unwrap()
}

async fn list(client: &Client, app: &AppName, session: &SessionId) -> Result<Basket, Error> {
    let reply = client.invoke(app, session, &name("list"), "null").await?;
    Ok(serde_json::from_slice(&reply.output).unwrap())
}

fn is_regressed(error: &Error) -> bool {
    matches!(error, Error::Problem { problem } if problem.kind == problem::Kind::StateRegressed)
}
