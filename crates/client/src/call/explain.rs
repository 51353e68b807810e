//! Where an invocation would run.

use bytes::Bytes;
use fogline_core::model::{AppName, FunctionName, SessionId};
use fogline_protocol::api::Explanation;
use fogline_protocol::multipart::{INPUT, Part};
use http::Method;

use super::declared::Declared;
use crate::Error;
use crate::client::Client;
use crate::http::Ask;
use crate::reply::Target;

impl Client {
    /// Where the node would have a function executed with this input, and why. Nothing is executed. Without a session
    /// for a function that declares no state.
    ///
    /// # Errors
    /// When there is no such function or session, or no node is reached.
    pub async fn explain(
        &self,
        app: &AppName,
        session: Option<&SessionId>,
        function: &FunctionName,
        input: impl Into<Bytes>,
    ) -> Result<Explanation, Error> {
        let input = input.into();
        let Some(session) = session else {
            let path = format!("/v1/apps/{app}/functions/{function}/explain");
            return self.ask_json(&Ask::new(Method::POST, path).bytes(input)).await;
        };
        let deadline = self.deadline();
        let held = self.known_session(app, session, deadline).await?;
        let target = Target::Function(function.clone());
        let declared = Declared::of(&*self.known_app(app, deadline).await?, session, &target);
        let claimed = self.claimed(&held, declared.as_ref(), deadline).await?;
        let path = format!("{}/functions/{function}/explain", self.path(&held));
        let ask = self.named(Ask::new(Method::POST, path));
        let ask = if claimed.envelopes.is_empty() {
            ask.bytes(input)
        } else {
            let mut parts = vec![Part::new(INPUT, input)];
            parts.extend(claimed.envelopes.iter().cloned());
            ask.parts(&parts)
        };
        self.json(&self.ask(&ask, deadline).await?, "")
    }
}
