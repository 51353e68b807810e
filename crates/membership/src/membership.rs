//! A node's part in gossip.

use std::sync::Arc;
use std::time::Duration;

use chitchat::{Chitchat, ChitchatConfig, ChitchatHandle, ChitchatId, FailureDetectorConfig, spawn_chitchat};
use fogline_core::telemetry::Telemetry;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::carrier::Carrier;
use crate::error::MembershipError;
use crate::member::Member;
use crate::options::{Options, Pace};
use crate::roster::Roster;
use crate::socket::OverCarrier;
use crate::wire;

/// How long a key that is gone is remembered as gone: longer than any partition in which its absence could be
/// missed without a full copy being sent.
const TOMBSTONES: Duration = Duration::from_secs(600);
/// Rounds of gossip for which a node that leaves stays to say so: three partners a round tell 3^3 others.
const FAREWELL_ROUNDS: u32 = 3;
/// Rounds for which a suspicion must last: time for two more news of the node.
const CONFIRM_ROUNDS: u32 = 3;
/// How long the end of the gossip task is waited for.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// A node's part in gossip. It ends when this is dropped, which others see as a death; see
/// [`Membership::leave`].
pub struct Membership {
    node: String,
    gossip_every: Duration,
    handle: ChitchatHandle,
    said: watch::Sender<Option<Telemetry>>,
    members: watch::Receiver<Arc<[Member]>>,
    looker: JoinHandle<()>,
}

impl Membership {
    /// Begins to take part. It returns at once; the others are found in the rounds that follow, however many
    /// seeds do not answer.
    ///
    /// # Errors
    /// When an option cannot be used.
    pub async fn start(options: Options, carrier: Arc<dyn Carrier>) -> Result<Self, MembershipError> {
        options.check()?;
        let node = options.name.to_string();
        let pace = options.pace.clone();
        let addresses = (wire::ADDRESSES.to_owned(), wire::encode(&options.addresses));
        let handle = spawn_chitchat(config(options), vec![addresses], &OverCarrier { carrier })
            .await
            .map_err(|source| MembershipError::Start {
                node: node.clone(),
                source: source.into(),
            })?;
        let (said, to_say) = watch::channel(None);
        let chitchat = handle.chitchat();
        let mut roster = Roster::new(pace.gossip_every * CONFIRM_ROUNDS);
        roster.look(&*chitchat.lock().await, Instant::now());
        let (show, members) = watch::channel(roster.members().into());
        let gossip_every = pace.gossip_every;
        let looker = Looker {
            chitchat,
            pace,
            to_say,
            told: None,
            roster,
            show,
        };
        Ok(Self {
            node,
            gossip_every,
            handle,
            said,
            members,
            looker: tokio::spawn(looker.run()),
        })
    }

    /// The members as this node sees them, itself among them, by name.
    #[must_use]
    pub fn members(&self) -> Arc<[Member]> {
        self.members.borrow().clone()
    }

    /// The members whenever something has changed: a node came, went, or said something new.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<[Member]>> {
        self.members.clone()
    }

    /// Says what this node knows of itself: bounded, damped ([`Telemetry::damped`]), at most every
    /// `publish_every`. The latest counts, so it may be called as often as one likes.
    pub fn publish(&self, telemetry: Telemetry) {
        self.said.send_replace(Some(telemetry));
    }

    /// Waits until gossip has ended by itself, which it does only when its carrier breaks or a message breaks
    /// it.
    pub fn ended(&self) -> impl Future<Output = MembershipError> + use<> {
        let (node, end) = (self.node.clone(), self.handle.termination_watcher());
        async move {
            let reason = match end.await {
                Ok(()) => "it was stopped".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            MembershipError::Ended { node, reason }
        }
    }

    /// Says goodbye, so that others need not find out, and ends. It takes some rounds of gossip.
    pub async fn leave(self) {
        let say = |chitchat: &mut Chitchat| chitchat.self_node_state().set(wire::LEFT, "");
        self.handle.with_chitchat(say).await;
        sleep(self.gossip_every * FAREWELL_ROUNDS).await;
        // The task ends between two messages; what is left of it after the deadline goes with the handle.
        let _ = self.handle.initiate_shutdown();
        let _ = timeout(END_PATIENCE, self.handle.termination_watcher()).await;
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.handle.abort();
        self.looker.abort();
    }
}

fn config(options: Options) -> ChitchatConfig {
    let detector = &options.pace.detector;
    ChitchatConfig {
        chitchat_id: ChitchatId::new(options.name.as_str(), options.incarnation.0, options.gossip),
        cluster_id: options.cluster,
        gossip_interval: options.pace.gossip_every,
        listen_addr: options.gossip,
        seed_nodes: options.seeds,
        failure_detector_config: FailureDetectorConfig::new(
            detector.threshold,
            detector.window,
            detector.longest_interval,
            detector.first_interval,
            detector.forget_after,
        ),
        marked_for_deletion_grace_period: TOMBSTONES,
        catchup_callback: None,
        extra_liveness_predicate: None,
    }
}

/// Looks at what gossip has brought, and hands it what there is to say, once a round.
struct Looker {
    chitchat: Arc<Mutex<Chitchat>>,
    pace: Pace,
    to_say: watch::Receiver<Option<Telemetry>>,
    told: Option<(Telemetry, Instant)>,
    roster: Roster,
    show: watch::Sender<Arc<[Member]>>,
}

impl Looker {
    async fn run(mut self) {
        let mut round = interval(self.pace.gossip_every);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            round.tick().await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let now = Instant::now();
        let next = self.next_words(now);
        let mut chitchat = self.chitchat.lock().await;
        if let Some(telemetry) = next {
            say(&mut chitchat, &telemetry);
            self.told = Some((telemetry, now));
        }
        if self.roster.look(&chitchat, now) {
            drop(chitchat);
            self.show.send_replace(self.roster.members().into());
        }
    }

    /// What to say now, if there is anything new and it is time.
    fn next_words(&mut self, now: Instant) -> Option<Telemetry> {
        let early = |(_, at): &(Telemetry, Instant)| now.duration_since(*at) < self.pace.publish_every;
        if self.told.as_ref().is_some_and(early) || !self.to_say.has_changed().unwrap_or(false) {
            return None;
        }
        let telemetry = self.to_say.borrow_and_update().clone()?.bounded();
        Some(match &self.told {
            Some((told, _)) => telemetry.damped(told),
            None => telemetry,
        })
    }
}

fn say(chitchat: &mut Chitchat, telemetry: &Telemetry) {
    let pairs = wire::told(telemetry);
    let state = chitchat.self_node_state();
    let gone: Vec<String> = state
        .key_values()
        .map(|(key, _)| key)
        .filter(|key| wire::is_telemetry(key) && !pairs.contains_key(*key))
        .map(str::to_owned)
        .collect();
    for key in gone {
        state.delete(&key);
    }
    // What is equal to what was said is not said again.
    for (key, value) in pairs {
        state.set(key, value);
    }
}
