//! Nodes.

use fogline_protocol::api::{NodeInfo, Nodes};
use http::Method;

use crate::Error;
use crate::client::Client;
use crate::http::Ask;

impl Client {
    /// The nodes of the network, by name, as the node that is asked sees them.
    ///
    /// # Errors
    /// When the node is not reached, or refuses.
    pub async fn nodes(&self) -> Result<Vec<NodeInfo>, Error> {
        let nodes: Nodes = self.ask_json(&Ask::new(Method::GET, "/v1/nodes")).await?;
        Ok(nodes.nodes)
    }
}
