//! Moving a part of a session to another home: the shell around [`Move`].

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fogline_core::application::Guard;
use fogline_core::model::{Birth, CommitId, ExecutionModel, NodeName, SessionId, StateName};
use fogline_core::session::{
    Commit, Expect, Head, Home, Move, MoveAction, MoveEvent, RecordKey, Refusal, Status, Whole,
};
use fogline_protocol::problem::Kind;
use fogline_state::seal::leave_bytes_with_client;
use fogline_state::{Committed, Store};

use crate::apps::Deployed;
use crate::fault::Fault;
use crate::invoke::parts::record_key;
use crate::invoke::resolve::home_of_model;
use crate::invoke::{ClientPlace, Job, missing, old};
use crate::node::Node;
use crate::random;
use crate::sessions;

use source::{Ahead, Source};

/// How often a session may have been moved meanwhile by others.
const MAX_TRIES: usize = 100;
/// Loads and commits of one move: commits of others overtake it, each of which costs it two.
const MAX_STEPS: usize = 1000;

/// What came of a conversion.
pub(crate) enum Converted {
    /// The session is there.
    There(Home),
    /// It is with the client, once the client has these.
    Handed(Home, Vec<(StateName, Bytes)>),
    /// It is there, and moved by the node that keeps its record.
    Elsewhere(Home),
}

/// Where a part is to be.
#[derive(Clone, Debug)]
pub(crate) enum Goal {
    /// Under this model.
    Model(ExecutionModel),
    /// On this node, under the model that it has.
    Node(NodeName),
}

impl Goal {
    /// Where a part that is at `from` has to go; nowhere if it is there.
    fn next(&self, from: &Home, session: &SessionId, guard: Guard) -> Result<Option<Home>, Fault> {
        match (self, from) {
            (Self::Model(model), from) if from.model() == *model => Ok(None),
            (Self::Model(model), _) => home_of_model(*model, session.node(), guard).map(Some),
            (Self::Node(node), Home::InFunction(at)) => {
                Ok((at != node).then(|| Home::InFunction(node.clone())))
            }
            (Self::Node(node), Home::InEdge(at)) => Ok((at != node).then(|| Home::InEdge(node.clone()))),
            (Self::Node(_), Home::External | Home::InClient(_)) => Err(Fault::new(
                Kind::BadRequest,
                format!("a session that is {from} is on no node"),
                "convert it to in-edge or in-function first",
            )),
        }
    }
}

/// Moves a part of the job's session.
pub(crate) async fn convert(
    node: &Arc<Node>,
    job: &Job,
    app: &Deployed,
    part: Birth,
    goal: &Goal,
) -> Result<Converted, Fault> {
    let session = session_of(job)?;
    let believed = job.call.home.clone();
    let mut home = believed.unwrap_or_else(|| node.forwards.home(session, part));
    for _ in 0..MAX_TRIES {
        // Beside the record: from afar a move would lose every race against those who write there.
        if is_beside_another(node, &home) {
            return Ok(Converted::Elsewhere(home));
        }
        // A client that sends envelopes says that it holds the session.
        let held = ClientPlace::home(node, job, app, part, &home).await?;
        if held.is_none() && home.model() == ExecutionModel::InClient {
            (home, _) = sessions::find(node, &job.call.tenant, &job.call.app, session, part).await?;
            match home.model() {
                ExecutionModel::InClient if goal.next(&home, session, app.spec.guard)?.is_none() => {
                    return Ok(Converted::There(home));
                }
                ExecutionModel::InClient => return Err(missing()),
                _ => continue,
            }
        }
        let from = held.as_ref().unwrap_or(&home);
        // A session that is there already stays, unless it is being moved away.
        let wanted = goal.next(from, session, app.spec.guard)?;
        if let Some(to) = &wanted {
            if to.model() == ExecutionModel::InClient {
                sessions::check_with_client(&app.spec, session, part)?;
            }
            // A node that cannot be reached is found out before anything is decided, and not after.
            reach(node, job, part, to).await?;
        }
        match run(node, job, app, part, from, wanted).await? {
            Ended::At(there) => {
                node.forwards.learn(session, part, &there);
                if goal.next(&there, session, app.spec.guard)?.is_none() {
                    return Ok(Converted::There(there));
                }
                home = there;
            }
            // An old forward: the session may have gone on from there.
            Ended::Gone(there) => {
                node.forwards.learn(session, part, &there);
                home = there;
            }
            Ended::Handed(there, envelopes) => return Ok(Converted::Handed(there, envelopes)),
            Ended::GivenUp(fault) => return Err(fault),
        }
    }
    Err(Fault::overloaded(
        "the session is so busy that it cannot be moved",
    ))
}

/// Whether another node is nearer to the record of a home than this one: its owner, or, where no quorum keeps it, the
/// node in whose store it is.
fn is_beside_another(node: &Node, home: &Home) -> bool {
    match home {
        Home::InFunction(at) => *at != node.name,
        Home::InEdge(at) => *at != node.name && node.homes.site().is_none_or(|site| site.of(at).is_none()),
        Home::External | Home::InClient(_) => false,
    }
}

/// Makes the forward of the birth home lead to where the part is now (R10), however often it has moved: the nodes
/// between may be gone one day. Whoever does not find it so goes the longer way.
pub(crate) async fn shorten(node: &Node, job: &Job, part: Birth, there: &Home) {
    if let Err(fault) = try_to_shorten(node, job, part, there).await {
        tracing::warn!(problem = %fault.problem(), "the way to a session stays as long as it is");
    }
}

async fn try_to_shorten(node: &Node, job: &Job, part: Birth, there: &Home) -> Result<(), Fault> {
    let birth = Home::of_birth(session_of(job)?, part);
    if birth == *there || there.model() == ExecutionModel::InClient {
        return Ok(());
    }
    let source = Source::of(node, job, part, &birth)?;
    let Some(forward) = source.store.load(&source.key, &BTreeSet::new()).await? else {
        return Ok(());
    };
    match &forward.head.status {
        Status::Moved(to) if to != there => {}
        _ => return Ok(()),
    }
    let Some(now) = target_head(node, job, part, there).await? else {
        return Ok(());
    };
    let commit = Commit {
        expect: Expect::Commit(forward.head.commit),
        head: Head {
            status: Status::Moved(there.clone()),
            epoch: now.epoch.saturating_sub(1),
            version: forward.head.version + 1,
            commit: CommitId(random::bytes()),
            expires: now.expires,
            ..forward.head
        },
        blobs: BTreeMap::new(),
    };
    // A conflict is another move, which sees to it itself.
    source.store.commit(&source.key, commit).await?;
    Ok(())
}

/// Whether the store of a home answers.
async fn reach(node: &Node, job: &Job, part: Birth, to: &Home) -> Result<(), Fault> {
    if let (Some(at), true) = (to.node(), to.model() != ExecutionModel::InClient)
        && *at != node.name
    {
        let key = record_key(&job.call.tenant, &job.call.app, session_of(job)?, part, to);
        if let Some(store) = node.homes.store(to)? {
            store.load(&key, &BTreeSet::new()).await?;
        }
    }
    Ok(())
}

/// Finishes a move that was met, and says where the session is now.
pub(crate) async fn finish(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    home: &Home,
    to: &Home,
) -> Result<Home, Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    match run(node, job, &app, part, home, None).await? {
        Ended::At(there) | Ended::Gone(there) => Ok(there),
        Ended::GivenUp(_) => Ok(home.clone()),
        Ended::Handed(_, envelopes) if to.model() == ExecutionModel::InClient => {
            Err(Fault::moving_to_client(envelopes))
        }
        Ended::Handed(there, _) => Ok(there),
    }
}

/// Takes a part from an owner whose life is over, and says where it is now.
pub(crate) async fn take(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    from: &Home,
    to: Home,
) -> Result<Home, Fault> {
    let app = node.apps.get(&job.call.tenant, &job.call.app)?;
    let moving = Move::taking(to, CommitId(random::bytes()));
    let taken = Box::pin(async {
        let source = Source::of(node, job, part, from)?;
        drive(node, job, &app, part, (source, None), moving).await
    });
    match spanned(node, job, from, taken).await? {
        Ended::At(there) | Ended::Gone(there) => Ok(there),
        Ended::GivenUp(fault) => Err(fault),
        Ended::Handed(_, envelopes) => Err(Fault::moving_to_client(envelopes)),
    }
}

/// What the home that a session was at before its client has had of it.
pub(crate) enum Presented {
    /// Nothing, or nothing any more.
    Nothing,
    /// Its copy, until now.
    Held(Box<Whole>),
    /// Nothing yet: the session is about to go there, from the very epoch that its client presents.
    Leaving(Home),
}

/// The client has presented what it was handed, at this epoch: the source lets go of its copy.
pub(crate) async fn presented(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    home: &Home,
    epoch: u64,
) -> Result<Presented, Fault> {
    let mut home = home.clone();
    for _ in 0..MAX_TRIES {
        let source = Source::of(node, job, part, &home)?;
        let Some(whole) = source.whole(None).await? else {
            return Ok(Presented::Nothing);
        };
        match &whole.head.status {
            Status::Moving(to) if home.model() == ExecutionModel::InClient && whole.head.epoch == epoch => {
                return Ok(Presented::Leaving(to.clone()));
            }
            _ if whole.head.epoch >= epoch => return Err(old()),
            Status::Moving(to) => {
                let to = to.clone();
                if !close(node, job, part, &source, whole.clone()).await? {
                    // Somebody else was faster, or nobody knows.
                    continue;
                }
                if to.model() == ExecutionModel::InClient {
                    return Ok(Presented::Held(Box::new(whole)));
                }
                // This node knows an older home only: the client has taken the session from a later one.
                home = to;
            }
            Status::Moved(next) | Status::Abandoned(next) if next.model() != ExecutionModel::InClient => {
                home = next.clone();
            }
            _ => return Ok(Presented::Nothing),
        }
    }
    Err(Fault::overloaded("the session keeps moving"))
}

/// Lets go of what stands at a source; false if it has not been done.
async fn close(
    node: &Arc<Node>,
    job: &Job,
    part: Birth,
    source: &Source,
    whole: Whole,
) -> Result<bool, Fault> {
    let (mut moving, _) = Move::new(None, CommitId(random::bytes()));
    let mut action = moving.on(MoveEvent::Source(Some(whole)));
    loop {
        let event = match action {
            MoveAction::LoadTarget(to) => MoveEvent::Target(target_head(node, job, part, &to).await?),
            MoveAction::HandOver(..) => MoveEvent::Presented,
            MoveAction::CommitSource(commit) => source.commit(commit).await?,
            MoveAction::Done(_) => return Ok(true),
            _ => return Ok(false),
        };
        action = moving.on(event);
    }
}

enum Ended {
    /// It is there, by what was just seen or done.
    At(Home),
    /// It was moved there at some time.
    Gone(Home),
    Handed(Home, Vec<(StateName, Bytes)>),
    /// It is where it was, because it was not taken where it was to go.
    GivenUp(Fault),
}

async fn run(
    node: &Arc<Node>,
    job: &Job,
    app: &Deployed,
    part: Birth,
    home: &Home,
    to: Option<Home>,
) -> Result<Ended, Fault> {
    let moved = Box::pin(async {
        let mut source = Source::of(node, job, part, home)?;
        let ahead = match &to {
            Some(to) => source.copy_ahead(node, job, part, to).await?,
            None => None,
        };
        let moving = Move::new(to, CommitId(random::bytes()));
        drive(node, job, app, part, (source, ahead), moving).await
    });
    spanned(node, job, home, moved).await
}

/// Moves a part from a home, as a span of whatever wants it moved.
async fn spanned(
    node: &Node,
    job: &Job,
    from: &Home,
    moved: impl Future<Output = Result<Ended, Fault>>,
) -> Result<Ended, Fault> {
    let mut span = node.tracer.leaf(&job.call, "move");
    let ended = span.around(moved).await;
    if span.is_recorded() {
        span.is("fogline.from", from.to_string());
        if let Ok(Ended::At(there) | Ended::Gone(there) | Ended::Handed(there, _)) = &ended {
            span.is("fogline.to", there.to_string());
        }
        span.gave(&ended);
    }
    ended
}

/// Has this node's memory let go of a session that is to be moved; the caller has its turn. The record in the store decides
/// about moves, so it must be what memory is (R9), and say what a crash has taken (R12).
async fn out_of_memory(node: &Node, source: &mut Source, ahead: Option<&Ahead>) -> Result<(), Fault> {
    node.owner.note_losses_of(&source.key).await?;
    let rest = source.take_rest(&node.owner);
    let released = node.owner.release(&source.key);
    let sent = async {
        if let Some(ahead) = ahead {
            ahead.send_rest(rest).await;
        }
    };
    tokio::join!(released, sent).0
}

async fn drive(
    node: &Arc<Node>,
    job: &Job,
    app: &Deployed,
    part: Birth,
    (mut source, ahead): (Source, Option<Ahead>),
    (mut moving, mut action): (Move, MoveAction),
) -> Result<Ended, Fault> {
    let home = &source.home.clone();
    let turn = match home {
        Home::InFunction(at) if *at == node.name => Some(node.turns.take(&source.key).await?),
        _ => None,
    };
    let began = Instant::now();
    if turn.is_some() {
        out_of_memory(node, &mut source, ahead.as_ref()).await?;
    }
    let client = match home {
        Home::InClient(_) => Some(ClientPlace::open(node, job, app, part, home).await?),
        _ => None,
    };
    let (mut acted, mut refused) = (false, None);
    for _ in 0..MAX_STEPS {
        acted |= !matches!(action, MoveAction::LoadSource | MoveAction::Done(_));
        let event = match action {
            MoveAction::LoadSource => MoveEvent::Source(source.whole(client.as_ref()).await?),
            MoveAction::CommitSource(commit) => {
                if let Status::Moving(to) = &commit.head.status {
                    may_take(node, home).await?;
                    if *home == Home::InClient(None) {
                        node.forwards.leave(session_of(job)?, part);
                    }
                    if to.model() == ExecutionModel::InClient {
                        ClientPlace::check_fits(&commit.head)?;
                    }
                }
                source.commit(commit).await?
            }
            MoveAction::LoadTarget(to) => MoveEvent::Target(target_head(node, job, part, &to).await?),
            MoveAction::CommitTarget(to, commit) => {
                let there = ahead.as_ref().filter(|ahead| ahead.to == to);
                match install(node, job, part, &to, commit, there).await {
                    // What its client holds stays under way: its envelopes are of the epoch that it has left.
                    Err(fault) if refused.is_none() && home.model() != ExecutionModel::InClient => {
                        refused = Some(fault);
                        MoveEvent::Unacceptable(home.clone())
                    }
                    event => event?,
                }
            }
            MoveAction::HandOver(to, whole) => {
                let envelopes = ClientPlace::hand_over(node, job, &app.spec, part, &to, &whole)?;
                return Ok(Ended::Handed(to, envelopes));
            }
            MoveAction::Done(there) if acted => {
                if *home == Home::InClient(None) {
                    node.forwards.left(session_of(job)?, part);
                }
                node.metrics
                    .session_moved(home.model(), there.model(), began.elapsed());
                return Ok(Ended::At(there));
            }
            MoveAction::Done(there) => return Ok(Ended::Gone(there)),
            MoveAction::Stayed => return Ok(refused.map_or_else(|| Ended::At(home.clone()), Ended::GivenUp)),
            MoveAction::Refused(refusal) => return Err(refusal.into()),
        };
        action = moving.on(event);
    }
    Err(Fault::overloaded(
        "the session is so busy that it cannot be moved",
    ))
}

/// Whether a session may be taken from where it is: out of another node's memory only when no life of that node is
/// left, asked after the record was read.
async fn may_take(node: &Node, home: &Home) -> Result<(), Fault> {
    match (home, node.homes.site()) {
        (Home::InFunction(owner), Some(site)) if *owner != node.name => site.over(owner).await,
        _ => Ok(()),
    }
}

async fn target_head(node: &Node, job: &Job, part: Birth, to: &Home) -> Result<Option<Head>, Fault> {
    let (store, key) = target(node, job, part, to)?;
    Ok(store.load(&key, &BTreeSet::new()).await?.map(|found| found.head))
}

async fn install(
    node: &Node,
    job: &Job,
    part: Birth,
    to: &Home,
    mut commit: Commit,
    ahead: Option<&Ahead>,
) -> Result<MoveEvent, Fault> {
    if to.model() == ExecutionModel::InClient {
        commit = leave_bytes_with_client(commit).0;
    }
    let (store, key) = target(node, job, part, to)?;
    if let Some(ahead) = ahead {
        match ahead.commit(commit.clone()).await {
            Ok(committed) => return Ok(event_of(&committed)),
            // What was sent ahead may have been dropped there: all of it is sent again.
            Err(error) => tracing::debug!(%error, "a session is brought without what was sent ahead"),
        }
    }
    Ok(event_of(&store.commit(&key, commit).await?))
}

fn event_of(committed: &Committed) -> MoveEvent {
    match committed {
        Committed::Done => MoveEvent::Committed,
        Committed::Conflict(_) | Committed::Unknown => MoveEvent::NotCommitted,
    }
}

fn target(node: &Node, job: &Job, part: Birth, to: &Home) -> Result<(Arc<dyn Store>, RecordKey), Fault> {
    let key = record_key(&job.call.tenant, &job.call.app, session_of(job)?, part, to);
    let store = node.homes.record(to)?.ok_or_else(|| {
        Fault::new(
            Kind::Internal,
            format!("{to} has no record to install"),
            "please report this",
        )
    })?;
    Ok((store, key))
}

fn session_of(job: &Job) -> Result<&SessionId, Fault> {
    job.call.session.as_ref().ok_or_else(|| Refusal::NoSession.into())
}
