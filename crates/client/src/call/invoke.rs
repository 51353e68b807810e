//! Invocations and runs on the nodes, under numbers.

use std::sync::Arc;

use bytes::Bytes;
use fogline_core::model::{AppName, FunctionName, SessionId};
use fogline_protocol::headers;
use http::Method;
use tokio::time::Instant;

use super::exchange::{Key, Lost};
use crate::Error;
use crate::client::Client;
use crate::http::Ask;
use crate::journal::{Guard, Held, Record};
use crate::reply::{Reply, Target, Unanswered};

impl Client {
    /// Invokes a function for a session. Several may be under way at once; those whose states live with the client wait
    /// for each other where one writes what another declares.
    ///
    /// # Errors
    /// [`Error::Unanswered`] when it may have been executed: [`Client::resume`] asks again. Any other error is the end
    /// of it; [`Error::Outstanding`] says that an earlier request must be resumed first.
    pub async fn invoke(
        &self,
        app: &AppName,
        session: &SessionId,
        function: &FunctionName,
        input: impl Into<Bytes>,
    ) -> Result<Reply, Error> {
        self.call(app, session, Target::Function(function.clone()), input.into())
            .await
    }

    /// Runs the workflow for a session, on the nodes.
    ///
    /// # Errors
    /// As [`Client::invoke`].
    pub async fn run(
        &self,
        app: &AppName,
        session: &SessionId,
        input: impl Into<Bytes>,
    ) -> Result<Reply, Error> {
        self.call(app, session, Target::Run, input.into()).await
    }

    /// Runs the workflow for a session, its steps calling each other: outputs go from node to node, and only the last,
    /// and those that are joined, to the node that is asked.
    ///
    /// # Errors
    /// As [`Client::invoke`].
    pub async fn run_by_hops(
        &self,
        app: &AppName,
        session: &SessionId,
        input: impl Into<Bytes>,
    ) -> Result<Reply, Error> {
        self.call(app, session, Target::Hops, input.into()).await
    }

    /// Invokes a function that declares no state, for no session. It may be executed more than once.
    ///
    /// # Errors
    /// When it declares states, fails, or no node is reached.
    pub async fn invoke_stateless(
        &self,
        app: &AppName,
        function: &FunctionName,
        input: impl Into<Bytes>,
    ) -> Result<Reply, Error> {
        let path = format!("/v1/apps/{app}/functions/{function}");
        let ask = self.traced(Ask::new(Method::POST, path).bytes(input.into()));
        let answer = self.ask(&ask, self.deadline()).await?;
        Ok(Reply {
            output: answer
                .part(fogline_protocol::multipart::OUTPUT)
                .cloned()
                .unwrap_or_default(),
            seen: None,
            replayed: answer.header(headers::REPLAYED).unwrap_or(false),
            run: None,
            node: answer.header(headers::NODE),
            model: None,
            execution: answer.execution(),
            attempts: answer.attempts,
        })
    }

    /// The requests of a session that were not answered, by this client or in its journal by an earlier one.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn pending(&self, app: &AppName, session: &SessionId) -> Result<Vec<Unanswered>, Error> {
        let held = self.held(app, session, self.deadline()).await?;
        let pending = held.pending().into_iter();
        Ok(pending
            .map(|(number, target)| Unanswered { number, target })
            .collect())
    }

    /// Sends an unanswered request again, as it was and under its number: if it has been executed, this is its answer.
    ///
    /// # Errors
    /// [`Error::NothingPending`] when there is no such request; else as [`Client::invoke`].
    pub async fn resume(&self, app: &AppName, session: &SessionId, number: u64) -> Result<Reply, Error> {
        let deadline = self.deadline();
        let held = self.held(app, session, deadline).await?;
        let (guard, request) = held.take_up(number).ok_or_else(|| nothing(session, number))?;
        let input = held.read(request.input).await?;
        self.numbered(&held, guard, request.target, input, true, deadline)
            .await
    }

    /// Gives an unanswered request up: nobody will know whether it was executed.
    ///
    /// # Errors
    /// [`Error::NothingPending`] when there is no such request, or it is under way.
    pub async fn abandon(&self, app: &AppName, session: &SessionId, number: u64) -> Result<(), Error> {
        let held = self.held(app, session, self.deadline()).await?;
        let (_guard, _) = held.take_up(number).ok_or_else(|| nothing(session, number))?;
        held.update(move |record| {
            record.unanswered.remove(&number);
        })
        .await
    }

    /// Sends a request under a number, once as far as the session is concerned.
    pub(crate) async fn call(
        &self,
        app: &AppName,
        session: &SessionId,
        target: Target,
        input: Bytes,
    ) -> Result<Reply, Error> {
        let deadline = self.deadline();
        let held = self.held(app, session, deadline).await?;
        let guard = held.admit(target.clone(), input.clone(), deadline).await?;
        self.numbered(&held, guard, target, input, false, deadline).await
    }

    async fn numbered(
        &self,
        held: &Arc<Held>,
        guard: Guard,
        target: Target,
        input: Bytes,
        sent_before: bool,
        deadline: Instant,
    ) -> Result<Reply, Error> {
        let number = guard.number();
        let end = move |record: &mut Record| {
            record.unanswered.remove(&number);
        };
        let settle = Box::new(move |record: &mut Record, _| end(record));
        match self
            .exchange(held, &Key::Number(number), &target, input, settle, deadline)
            .await
        {
            Ok(reply) => Ok(reply),
            Err(Lost::Unsent(error)) if !sent_before => {
                held.update(end).await?;
                Err(error)
            }
            Err(Lost::Refused(error)) => {
                held.update(end).await?;
                Err(error)
            }
            Err(Lost::Unsent(error) | Lost::Open(error)) => Err(Error::Unanswered {
                session: held.session().clone(),
                number,
                source: Box::new(error),
            }),
        }
    }
}

fn nothing(session: &SessionId, number: u64) -> Error {
    Error::NothingPending {
        session: session.clone(),
        what: format!("request {number}"),
    }
}
