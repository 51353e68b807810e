//! The thread that delivers datagrams when they are due.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};

use super::flight::Flights;
use super::route::Route;

/// What is delivered, when it is due.
pub(super) trait Deliver: Send + 'static {
    /// Delivers it; false if that was not possible.
    fn deliver(self) -> bool;
}

/// Flights with a thread that wakes when the next one is due.
#[derive(Debug)]
pub(super) struct Clockwork<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
}

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) flights: Flights<T>,
    /// What has arrived and is being sent.
    due: Vec<(Instant, T)>,
    /// Until when the thread sleeps, if it does: without end when nothing is under way.
    asleep: Option<Option<Instant>>,
    closed: bool,
    pub(super) delivered: u64,
    pub(super) undelivered: u64,
    pub(super) late: Duration,
    pub(super) latest: Duration,
}

/// The thread. When this is dropped, it ends, and what is under way is lost.
#[derive(Debug)]
pub(super) struct Runner<T: Deliver> {
    clockwork: Arc<Clockwork<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Deliver> Runner<T> {
    pub(super) fn start(flights: Flights<T>) -> io::Result<Self> {
        let clockwork = Arc::new(Clockwork {
            state: Mutex::new(State {
                flights,
                due: Vec::new(),
                asleep: None,
                closed: false,
                delivered: 0,
                undelivered: 0,
                late: Duration::ZERO,
                latest: Duration::ZERO,
            }),
            wake: Condvar::new(),
        });
        let shared = Arc::clone(&clockwork);
        let thread = thread::Builder::new()
            .name("shaped-network".to_owned())
            .spawn(move || shared.run())?;
        Ok(Self {
            clockwork,
            thread: Some(thread),
        })
    }

    pub(super) fn clockwork(&self) -> &Arc<Clockwork<T>> {
        &self.clockwork
    }
}

impl<T: Deliver> Drop for Runner<T> {
    fn drop(&mut self) {
        self.clockwork.lock().closed = true;
        self.clockwork.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed, and must not hide one that drops us.
            let _ = thread.join();
        }
    }
}

impl<T: Deliver> Clockwork<T> {
    pub(super) fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends datagrams off on one route, each with its payload in bytes.
    pub(super) fn send(&self, route: &Arc<Route>, datagrams: impl Iterator<Item = (usize, T)>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let now = Instant::now();
        for (payload, cargo) in datagrams {
            state.flights.start(now, Arc::clone(route), payload, cargo);
        }
        let next = state.flights.next();
        let sooner = |until: Option<Instant>| until.is_none_or(|until| next.is_some_and(|next| next < until));
        if next.is_some() && state.asleep.is_some_and(sooner) {
            state.asleep = None;
            drop(state);
            self.wake.notify_one();
        }
    }

    fn run(&self) {
        be_punctual();
        let mut state = self.lock();
        while !state.closed {
            let now = Instant::now();
            let State { flights, due, .. } = &mut *state;
            flights.advance(now, |at, cargo| due.push((at, cargo)));
            if !state.due.is_empty() {
                state = self.deliver(state);
                continue;
            }
            let next = state.flights.next();
            state.asleep = Some(next);
            state = match next {
                Some(next) => {
                    let rest = next.saturating_duration_since(now);
                    self.wake
                        .wait_timeout(state, rest)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.asleep = None;
        }
    }

    /// Delivers what is due, while others may send.
    fn deliver<'a>(&'a self, mut state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        let mut due = mem::take(&mut state.due);
        drop(state);
        let (mut delivered, mut undelivered) = (0, 0);
        let (mut late, mut latest) = (Duration::ZERO, Duration::ZERO);
        for (at, cargo) in due.drain(..) {
            if cargo.deliver() {
                delivered += 1;
            } else {
                undelivered += 1;
            }
            let by = at.elapsed();
            late += by;
            latest = latest.max(by);
        }
        let mut state = self.lock();
        state.due = due;
        state.delivered += delivered;
        state.undelivered += undelivered;
        state.late += late;
        state.latest = state.latest.max(latest);
        state
    }
}

/// Linux wakes sleepers up to 50 µs late, to wake several at once; a near link takes little more itself.
fn be_punctual() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)) {
        tracing::debug!(%error, "datagrams will be some 50 µs late");
    }
}
