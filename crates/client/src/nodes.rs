//! Nodes.

use fogline_protocol::api::{Nodes, Quota};
use http::Method;

use crate::Error;
use crate::client::Client;
use crate::http::Ask;

impl Client {
    /// The nodes of the network, by name, as the node that is asked sees them.
    ///
    /// # Errors
    /// When the node is not reached, or refuses.
    pub async fn nodes(&self) -> Result<Nodes, Error> {
        self.ask_json(&Ask::new(Method::GET, "/v1/nodes")).await
    }

    /// What the tenant may use of the node, and uses.
    ///
    /// # Errors
    /// When the node is not reached, or refuses.
    pub async fn quota(&self) -> Result<Quota, Error> {
        self.ask_json(&Ask::new(Method::GET, "/v1/quota")).await
    }

    /// What the node counts, in the OpenMetrics format.
    ///
    /// # Errors
    /// When the node is not reached.
    pub async fn metrics(&self) -> Result<String, Error> {
        let answer = self
            .ask(&Ask::new(Method::GET, "/metrics"), self.deadline())
            .await?;
        let text = answer
            .part("")
            .map(|text| String::from_utf8_lossy(text).into_owned());
        Ok(text.unwrap_or_default())
    }
}
