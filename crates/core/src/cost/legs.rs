//! Which legs an invocation has, by execution model.

use super::leg::{Flow, Leg, Peer, Purpose};
use super::options::{Access, CostOptions, InFunction, Replies, StateAccess};
use crate::model::{Bytes, ExecutionModel, StateIndex, StepIndex, Workflow};
use crate::network::{Path, VertexId};

/// Where the cloud is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cloud {
    /// A vertex of the network: traffic to it crosses the network's links.
    At(VertexId),
    /// Outside: one path each way, wherever one starts. The paper's simulator, which counts the cloud's
    /// traffic once (deviation 4 of statesim-semantics.md 6).
    Outside(Path),
}

/// A store as the client sees it, for [`StateAccess::Client`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repository {
    /// Where it is.
    pub at: VertexId,
    /// From it to the client.
    pub to_client: Path,
    /// From the client to it.
    pub from_client: Path,
}

/// An invocation whose worker is to be found, or is known.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The workflow of its run.
    pub workflow: &'a Workflow,
    /// The step of the run.
    pub step: StepIndex,
    /// The client that owns the session.
    pub client: VertexId,
    /// The in-edge store.
    pub repository: Repository,
    /// The cloud's store, and its paths from and to the client where it is in the network.
    pub cloud: Cloud,
    /// The cloud as the client sees it; used with [`StateAccess::Client`] only.
    pub cloud_from_client: Option<Repository>,
    /// By step: the worker of every step before this one.
    pub workers: &'a [VertexId],
    /// By state: the worker that used it last, `None` if nobody has.
    pub homes: &'a [Option<VertexId>],
}

/// Writes the legs of an invocation under a model behind those in `out`.
///
/// Under the four models of the paper, and under pure-FaaS, the client calls every function: arguments come
/// from it and results go to it. Under state-propagate and state-local, functions call each other along the
/// workflow's edges.
pub fn legs(model: ExecutionModel, invocation: &Invocation<'_>, options: CostOptions, out: &mut Vec<Leg>) {
    let workflow = invocation.workflow;
    let declared = workflow.declared_state_bytes(invocation.step);
    match model {
        ExecutionModel::External => {
            invocation.call_by_client(Bytes::ZERO, out);
            let (peer, from_client) = match invocation.cloud {
                Cloud::At(at) => (Peer::At(at), invocation.cloud_from_client),
                Cloud::Outside(path) => (
                    Peer::Apart {
                        to_worker: path,
                        from_worker: path,
                    },
                    None,
                ),
            };
            invocation.access_store(peer, from_client, options, out);
        }
        ExecutionModel::InEdge => {
            invocation.call_by_client(Bytes::ZERO, out);
            let store = invocation.repository;
            invocation.access_store(Peer::At(store.at), Some(store), options, out);
        }
        ExecutionModel::InFunction => {
            invocation.call_by_client(Bytes::ZERO, out);
            if options.in_function == InFunction::Migrating {
                invocation.fetch_states(None, Access::Cold, out);
            }
        }
        ExecutionModel::InClient => invocation.call_by_client(declared, out),
        ExecutionModel::PureFaas => invocation.call_by_client(workflow.all_state_bytes(), out),
        ExecutionModel::StatePropagate => invocation.call_along_edges(workflow.all_state_bytes(), out),
        ExecutionModel::StateLocal => {
            invocation.call_along_edges(Bytes::ZERO, out);
            invocation.fetch_states(Some(invocation.client), options.access, out);
        }
    }
}

impl Invocation<'_> {
    /// The client sends the arguments and gets the result; states may ride on both.
    fn call_by_client(&self, states: Bytes, out: &mut Vec<Leg>) {
        let input = self.workflow.steps()[self.step.0 as usize].input;
        let output = self.workflow.output_bytes(self.step);
        let client = Peer::At(self.client);
        out.push(Leg {
            peer: client,
            purpose: Purpose::Arguments,
            to_worker: Flow::message(input),
            from_worker: Flow::message(output),
            after: None,
        });
        if states > Bytes::ZERO {
            let riding = Flow::riding(states);
            out.push(Leg {
                peer: client,
                purpose: Purpose::States,
                to_worker: riding,
                from_worker: riding,
                after: None,
            });
        }
    }

    /// Every predecessor sends its part of the arguments, the last steps send the result to the client;
    /// states may ride on each.
    fn call_along_edges(&self, states: Bytes, out: &mut Vec<Leg>) {
        let step = &self.workflow.steps()[self.step.0 as usize];
        let mut send = |peer, to_worker: Option<Bytes>, from_worker: Option<Bytes>, after| {
            let message = |bytes: Option<Bytes>| bytes.map_or(Flow::NONE, Flow::message);
            let riding = |bytes: Option<Bytes>| bytes.map_or(Flow::NONE, |_| Flow::riding(states));
            out.push(Leg {
                peer,
                purpose: Purpose::Arguments,
                to_worker: message(to_worker),
                from_worker: message(from_worker),
                after,
            });
            if states > Bytes::ZERO {
                out.push(Leg {
                    peer,
                    purpose: Purpose::States,
                    to_worker: riding(to_worker),
                    from_worker: riding(from_worker),
                    after,
                });
            }
        };
        for before in &step.after {
            let peer = Peer::At(self.workers[before.0 as usize]);
            send(
                peer,
                Some(self.workflow.edge_bytes(*before, self.step)),
                None,
                Some(before.0),
            );
        }
        let client = Peer::At(self.client);
        if step.after.is_empty() {
            send(client, Some(step.input), None, None);
        }
        if self.workflow.is_last(self.step) {
            send(client, None, Some(self.workflow.output_bytes(self.step)), None);
        }
    }

    /// A store is read before and written after the invocation, if it declares states.
    fn access_store(
        &self,
        store: Peer,
        from_client: Option<Repository>,
        options: CostOptions,
        out: &mut Vec<Leg>,
    ) {
        if self.workflow.steps()[self.step.0 as usize].states.is_empty() {
            return;
        }
        let bytes = self.workflow.declared_state_bytes(self.step);
        let (round_trips, read) = match options.access {
            Access::Paper => (1, bytes),
            Access::Cold => (2, bytes),
            Access::Warm => (1, Bytes::ZERO),
        };
        let reply = match options.replies {
            Replies::Kept => self.workflow.output_bytes(self.step),
            Replies::Forgotten => Bytes::ZERO,
        };
        let peer = match (options.state_access, from_client) {
            (StateAccess::Client, Some(store)) => Peer::Apart {
                to_worker: store.to_client,
                from_worker: store.from_client,
            },
            (StateAccess::Client, None) | (StateAccess::Worker, _) => store,
        };
        out.push(Leg {
            peer,
            purpose: Purpose::States,
            to_worker: Flow {
                messages: round_trips,
                bytes: read,
            },
            from_worker: Flow {
                messages: round_trips,
                bytes: bytes + reply,
            },
            after: None,
        });
    }

    /// Declared states come from the worker that used them last (or from `born`, where nobody did): asked for
    /// and sent, unless the access is the paper's, which only sends.
    fn fetch_states(&self, born: Option<VertexId>, access: Access, out: &mut Vec<Leg>) {
        for &StateIndex(state) in &self.workflow.steps()[self.step.0 as usize].states {
            let Some(home) = self.homes[state as usize].or(born) else {
                continue;
            };
            let request = if access == Access::Paper {
                Flow::NONE
            } else {
                Flow::message(Bytes::ZERO)
            };
            out.push(Leg {
                peer: Peer::At(home),
                purpose: Purpose::States,
                to_worker: Flow::message(self.workflow.states()[state as usize]),
                from_worker: request,
                after: None,
            });
        }
    }
}
