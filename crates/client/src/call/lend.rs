//! Accepted runs. Where a session's states live here they go with the run, and are its to change while it is under way.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::{RunId, StateName};
use fogline_protocol::api::{Run, RunStatus};
use fogline_protocol::headers;
use fogline_protocol::problem::Kind;
use http::Method;
use tokio::time::{Instant, sleep_until};

use super::exchange::{Key, Lost, MAX_TURNS};
use crate::Error;
use crate::client::Client;
use crate::http::Ask;
use crate::journal::Held;
use crate::reply::Target;

/// First and longest pause before a run is asked again whether it has ended.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

impl Client {
    /// Leaves a run with the node, and its states with it, if they live here. If nobody answers, the run is an unanswered
    /// request, and the states are still here.
    pub(crate) async fn lend(&self, held: &Arc<Held>, input: Bytes, deadline: Instant) -> Result<Run, Error> {
        self.leave_if_begun(held, deadline).await?;
        self.take_back(held, deadline).await?;
        let guard = held.admit(Target::Run, input.clone(), deadline).await?;
        let number = guard.number();
        match self.accepted(held, number, &input, deadline).await {
            Ok(run) => Ok(run),
            Err(Lost::Open(error)) => Err(Error::Unanswered {
                session: held.session().clone(),
                number,
                source: Box::new(error),
            }),
            Err(Lost::Refused(error) | Lost::Unsent(error)) => {
                held.update(move |record| record.unanswered.remove(&number))
                    .await?;
                Err(error)
            }
        }
    }

    /// Sends a run, with the states that live here or come meanwhile, until a node has accepted it.
    async fn accepted(
        &self,
        held: &Arc<Held>,
        number: u64,
        input: &Bytes,
        deadline: Instant,
    ) -> Result<Run, Lost> {
        let (key, target) = (Key::Number(number), Target::Run);
        for _ in 0..MAX_TURNS {
            // All: those that the run does not use may be the ones that say that the session was used of late.
            let declared = self.declared(held, &target, true, deadline).await;
            let declared = declared.map_err(Lost::Unsent)?;
            let claimed = self.claimed(held, declared.as_ref(), deadline).await;
            let claimed = claimed.map_err(Lost::Unsent)?;
            let envelopes = &claimed.envelopes;
            let ask = self
                .ask_for(held, &key, &target, input, declared.as_ref(), envelopes)
                .header(headers::PREFER, "respond-async");
            held.is_sent(number);
            match self.inner.http.send(&ask, deadline).await {
                Ok(answer) => {
                    let run: Run = self.json(&answer, "").map_err(Lost::Open)?;
                    let (id, is_lent) = (run.run, claimed.is_here());
                    let noted = held.update(move |record| {
                        record.unanswered.remove(&number);
                        if is_lent {
                            record.lent = Some(id);
                        }
                    });
                    noted.await.map_err(Lost::Open)?;
                    return Ok(run);
                }
                Err(failed) if failed.kind() == Some(Kind::MovingToClient) => {
                    let moves = claimed.moves;
                    drop(claimed);
                    held.is_refused(number, moves);
                    let come = self.come_alone(held, moves, failed, deadline).await;
                    come.map_err(Lost::of_coming)?;
                }
                Err(failed) if failed.is_open => return Err(Lost::Open(failed.error)),
                Err(failed) => return Err(Lost::Refused(failed.error)),
            }
        }
        Err(Lost::Open(self.always_moving()))
    }

    /// Waits for the run that has the states, if one does, and takes them back.
    pub(crate) async fn take_back(&self, held: &Held, deadline: Instant) -> Result<(), Error> {
        let mut pause = PAUSE.0;
        while let Some(id) = held.look(|record| record.lent) {
            let path = format!("{}/runs/{id}", self.path(held));
            let asked = self.ask(&Ask::new(Method::GET, path.as_str()), deadline).await;
            let run: Run = match asked {
                Err(Error::Problem { problem }) if problem.kind == Kind::NotFound => {
                    return Err(Error::RunForgotten {
                        session: held.session().clone(),
                        run: id,
                        url: self.url().to_owned(),
                    });
                }
                answer => self.json(&answer?, "")?,
            };
            if run.status == RunStatus::Accepted {
                let next = Instant::now() + pause;
                if next >= deadline {
                    return Err(Error::Lent {
                        session: held.session().clone(),
                        run: id,
                    });
                }
                sleep_until(next).await;
                pause = (pause * 2).min(PAUSE.1);
                continue;
            }
            let result = Ask::new(Method::GET, format!("{path}/result")).known_to_be(run.problem.clone());
            let envelopes = match self.inner.http.send(&result, deadline).await {
                Ok(answer) => answer.envelopes(),
                // The steps before the one that failed have changed states.
                Err(failed) => match &failed.answer {
                    Some(answer) if run.problem.is_some() && answer.problem() == run.problem => {
                        answer.envelopes()
                    }
                    _ => return Err(failed.error),
                },
            };
            returned(held, id, envelopes).await?;
        }
        Ok(())
    }
}

/// What a run has made of the states that it had is here again.
pub(crate) async fn returned(
    held: &Held,
    run: RunId,
    envelopes: Vec<(StateName, Bytes)>,
) -> Result<(), Error> {
    held.update(move |record| {
        // Whoever was here first has them, and may have used them since.
        if record.lent.take_if(|lent| *lent == run).is_some() {
            for (state, envelope) in envelopes {
                record.keep(state, envelope);
            }
        }
    })
    .await
}
