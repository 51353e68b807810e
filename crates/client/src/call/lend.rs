//! Accepted runs of sessions whose states live here: while a run is under way, the states are its to change.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fogline_core::model::{RunId, StateName};
use fogline_protocol::api::{Run, RunStatus};
use fogline_protocol::headers;
use fogline_protocol::problem::Kind;
use http::Method;
use tokio::time::{Instant, sleep_until};

use super::exchange::Key;
use crate::Error;
use crate::client::Client;
use crate::http::Ask;
use crate::journal::{Held, Record};
use crate::reply::Target;

/// First and longest pause before a run is asked again whether it has ended.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

impl Client {
    /// Sends the states with a run that is executed later. If nobody answers, the run is an unanswered request, and
    /// the states are still here.
    pub(crate) async fn lend(&self, held: &Arc<Held>, input: Bytes, deadline: Instant) -> Result<Run, Error> {
        self.leave_if_begun(held, deadline).await?;
        self.take_back(held, deadline).await?;
        let guard = held.admit(Target::Run, input.clone(), deadline).await?;
        let number = guard.number();
        let end = move |record: &mut Record| record.unanswered.remove(&number);
        let ready = async {
            // All: those that the run does not use may be the ones that say that the session was used of late.
            let declared = self.declared(held, &Target::Run, true, deadline).await?;
            let claimed = self.claimed(held, declared.as_ref(), deadline).await?;
            Ok((declared, claimed))
        };
        let (declared, claimed) = match ready.await {
            Ok(ready) => ready,
            Err(error) => {
                held.update(end).await?;
                return Err(error);
            }
        };
        let key = Key::Number(number);
        let ask = self
            .ask_for(
                held,
                &key,
                &Target::Run,
                &input,
                declared.as_ref(),
                &claimed.envelopes,
            )
            .header(headers::PREFER, "respond-async");
        match self.inner.http.send(&ask, deadline).await {
            Ok(answer) => {
                let run: Run = self.json(&answer, "")?;
                let lent = claimed.is_here().then_some(run.run);
                held.update(move |record| {
                    end(record);
                    record.lent = lent;
                })
                .await?;
                Ok(run)
            }
            Err(failed) if failed.is_open => Err(Error::Unanswered {
                session: held.session().clone(),
                number,
                source: Box::new(failed.error),
            }),
            Err(failed) => {
                held.update(end).await?;
                Err(failed.error)
            }
        }
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
            let result = Ask::new(Method::GET, format!("{path}/result"));
            let envelopes = match self.inner.http.send(&result, deadline).await {
                Ok(answer) => answer.envelopes(),
                // The steps before the one that failed have changed states.
                Err(failed) => match &failed.answer {
                    Some(answer) if run.status == RunStatus::Failed => answer.envelopes(),
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
