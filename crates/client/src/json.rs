//! Inputs and outputs that are JSON of serde's types, as those of functions of the SDK's `json_function!`.

use fogline_core::model::{AppName, FunctionName, SessionId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::{Error, Reply};

impl Client {
    /// As [`Client::invoke`], with a value for an input, and for its output.
    ///
    /// # Errors
    /// As [`Client::invoke`]; [`Error::Input`], and nothing was sent; [`Error::Output`], and it was executed.
    pub async fn invoke_json<T: Serialize + Sync + ?Sized, U: DeserializeOwned>(
        &self,
        app: &AppName,
        session: &SessionId,
        function: &FunctionName,
        input: &T,
    ) -> Result<U, Error> {
        let input = serde_json::to_vec(input).map_err(Error::Input)?;
        self.invoke(app, session, function, input).await?.json()
    }

    /// As [`Client::run`], with a value for the workflow's input, and for its result.
    ///
    /// # Errors
    /// As [`Client::invoke_json`].
    pub async fn run_json<T: Serialize + Sync + ?Sized, U: DeserializeOwned>(
        &self,
        app: &AppName,
        session: &SessionId,
        input: &T,
    ) -> Result<U, Error> {
        let input = serde_json::to_vec(input).map_err(Error::Input)?;
        self.run(app, session, input).await?.json()
    }
}

impl Reply {
    /// The output as a value, where it is JSON.
    ///
    /// # Errors
    /// [`Error::Output`] when it is no JSON of that type.
    pub fn json<U: DeserializeOwned>(&self) -> Result<U, Error> {
        serde_json::from_slice(&self.output).map_err(Error::Output)
    }
}
