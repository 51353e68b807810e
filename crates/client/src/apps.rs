//! Applications.

use std::sync::Arc;

use fogline_core::model::AppName;
use fogline_protocol::api::{App, Apps, Logs};
use fogline_protocol::multipart::{MANIFEST, Part};
use http::Method;

use crate::client::{Client, lock};
use crate::http::Ask;
use crate::{Error, Package};

impl Client {
    /// Deploys an application, in the place of an earlier version.
    ///
    /// # Errors
    /// When the node finds that it cannot be deployed, or is not reached.
    pub async fn deploy(&self, package: &Package) -> Result<App, Error> {
        let mut parts = vec![Part::new(MANIFEST, package.manifest.clone())];
        parts.extend(
            package
                .files
                .iter()
                .map(|(path, bytes)| Part::new(path.clone(), bytes.clone())),
        );
        let app: App = self
            .ask_json(&Ask::new(Method::POST, "/v1/apps").parts(&parts))
            .await?;
        lock(&self.inner.apps).insert(app.name.clone(), Arc::new(app.clone()));
        Ok(app)
    }

    /// All applications of the tenant.
    ///
    /// # Errors
    /// When the node is not reached, or refuses.
    pub async fn list_apps(&self) -> Result<Vec<App>, Error> {
        let apps: Apps = self.ask_json(&Ask::new(Method::GET, "/v1/apps")).await?;
        Ok(apps.apps)
    }

    /// An application.
    ///
    /// # Errors
    /// When there is none of this name, or the node is not reached.
    pub async fn app(&self, name: &AppName) -> Result<App, Error> {
        let app = self.learn_app(name, self.deadline()).await?;
        Ok(App::clone(&app))
    }

    /// Deletes an application, and its sessions with it.
    ///
    /// # Errors
    /// When there is none of this name, or the node is not reached.
    pub async fn delete_app(&self, name: &AppName) -> Result<(), Error> {
        self.ask(
            &Ask::new(Method::DELETE, format!("/v1/apps/{name}")),
            self.deadline(),
        )
        .await?;
        lock(&self.inner.apps).remove(name);
        Ok(())
    }

    /// What functions wrote on the node, from line `after` on: 0, or what an earlier answer calls `next`.
    ///
    /// # Errors
    /// When there is no such application, or the node is not reached.
    pub async fn logs(&self, app: &AppName, after: u64) -> Result<Logs, Error> {
        self.ask_json(&Ask::new(
            Method::GET,
            format!("/v1/apps/{app}/logs?after={after}"),
        ))
        .await
    }
}
