//! Datagrams under way: where each is, and when it is at its next link.
//!
//! Links are entered in the order of arrival, at the times of arrival: what comes from far reserves nothing
//! ahead of what comes from near. Times are those of the model; a thread that wakes late delivers late, but
//! what it does next is reckoned from the right time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Instant;

use super::queue::Queue;
use super::route::Route;

/// A datagram on its way; `T` is what is delivered in the end.
#[derive(Debug)]
struct Flight<T> {
    at: Instant,
    /// Of those that are somewhere at the same time, the one that was put there first goes first.
    order: u64,
    route: Arc<Route>,
    leg: usize,
    payload: usize,
    cargo: T,
}

/// All datagrams under way, and the queues on their ways.
#[derive(Debug)]
pub(super) struct Flights<T> {
    pub(super) queues: Vec<Queue>,
    waiting: BinaryHeap<Reverse<Flight<T>>>,
    most: usize,
    next_order: u64,
    /// Datagrams that found too many others under way.
    pub(super) refused: u64,
}

impl<T> Flights<T> {
    pub(super) fn new(queues: Vec<Queue>, most: usize) -> Self {
        Self {
            queues,
            waiting: BinaryHeap::new(),
            most,
            next_order: 0,
            refused: 0,
        }
    }

    /// Sends a datagram off.
    pub(super) fn start(&mut self, now: Instant, route: Arc<Route>, payload: usize, cargo: T) {
        if self.waiting.len() >= self.most {
            self.refused += 1;
            return;
        }
        let first = route.legs.first().map_or(route.rest, |leg| leg.latency);
        let flight = Flight {
            at: now + first,
            order: 0,
            route,
            leg: 0,
            payload,
            cargo,
        };
        self.go_on(flight, now);
    }

    /// When something is next to be done.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.peek().map(|Reverse(flight)| flight.at)
    }

    /// Moves everything on to where it is at `now`. What has arrived is handed out with the time at which it
    /// was due, in that order.
    pub(super) fn advance(&mut self, now: Instant, mut arrived: impl FnMut(Instant, T)) {
        while self.next().is_some_and(|at| at <= now) {
            let Some(Reverse(flight)) = self.waiting.pop() else {
                return;
            };
            if flight.leg == flight.route.legs.len() {
                arrived(flight.at, flight.cargo);
            } else {
                // No further than its own time, lest it overtake others when the thread is late.
                let until = flight.at;
                self.go_on(flight, until);
            }
        }
    }

    /// Through all links that it has reached by then.
    fn go_on(&mut self, mut flight: Flight<T>, until: Instant) {
        while let Some(leg) = flight.route.legs.get(flight.leg).filter(|_| flight.at <= until) {
            let Some(left) = self.queues[leg.queue].enter(flight.at, flight.payload) else {
                return;
            };
            flight.leg += 1;
            let ahead = flight
                .route
                .legs
                .get(flight.leg)
                .map_or(flight.route.rest, |leg| leg.latency);
            flight.at = left + ahead;
        }
        flight.order = self.next_order;
        self.next_order += 1;
        self.waiting.push(Reverse(flight));
    }
}

impl<T> PartialEq for Flight<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Flight<T> {}

impl<T> PartialOrd for Flight<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Flight<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fogline_core::model::BitRate;

    use super::super::route::Leg;
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Queues at which a datagram of 972 bytes takes 1 ms.
    fn flights(queues: usize) -> Flights<&'static str> {
        let queue = || Queue::new(BitRate::from_mbps(8.0), Duration::from_secs(1));
        Flights::new((0..queues).map(|_| queue()).collect(), 100)
    }

    fn route(legs: &[(u64, usize)], rest: u64) -> Arc<Route> {
        let leg = |&(latency, queue)| Leg {
            latency: ms(latency),
            queue,
        };
        Arc::new(Route {
            legs: legs.iter().map(leg).collect(),
            rest: ms(rest),
        })
    }

    /// Advances step by step and lists what arrives when, in ms.
    fn run(flights: &mut Flights<&'static str>, start: Instant) -> Vec<(u128, &'static str)> {
        let mut list = Vec::new();
        while let Some(at) = flights.next() {
            flights.advance(at, |due, cargo| list.push(((due - start).as_millis(), cargo)));
        }
        list
    }

    #[test]
    fn latencies_and_links_add_up() {
        let mut flights = flights(2);
        let start = Instant::now();
        flights.start(start, route(&[(5, 0), (10, 1)], 20), 972, "a");
        flights.start(start, route(&[(5, 0), (10, 1)], 20), 972, "b");
        assert_eq!(run(&mut flights, start), [(37, "a"), (38, "b")]);
    }

    #[test]
    fn what_comes_from_far_reserves_no_link_ahead_of_what_comes_from_near() {
        let mut flights = flights(1);
        let start = Instant::now();
        flights.start(start, route(&[(60, 0)], 0), 972, "far");
        flights.start(start, route(&[(1, 0)], 0), 972, "near");
        assert_eq!(run(&mut flights, start), [(2, "near"), (61, "far")]);
    }

    #[test]
    fn waking_late_shifts_no_later_time() {
        let mut flights = flights(2);
        let start = Instant::now();
        flights.start(start, route(&[(1, 0), (0, 1)], 3), 972, "a");
        let mut due = None;
        flights.advance(start + ms(50), |at, _| due = Some(at));
        assert_eq!(due, Some(start + ms(6)));
    }

    #[test]
    fn only_so_many_are_under_way() {
        let mut flights = Flights::new(Vec::new(), 2);
        let start = Instant::now();
        for _ in 0..5 {
            flights.start(start, route(&[], 1), 972, "a");
        }
        assert_eq!((run(&mut flights, start).len(), flights.refused), (2, 3));
    }
}
