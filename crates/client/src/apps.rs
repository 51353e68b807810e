//! Applications.

use std::sync::Arc;

use fogline_core::model::{AppName, NodeName};
use fogline_protocol::api::{App, Apps, Logs};
use fogline_protocol::headers;
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
        self.deploy_at("/v1/apps", package).await
    }

    /// As [`Self::deploy`], also of a version that cannot read what is stored: sessions with such states are refused
    /// then.
    ///
    /// # Errors
    /// As [`Self::deploy`].
    pub async fn force_deploy(&self, package: &Package) -> Result<App, Error> {
        self.deploy_at("/v1/apps?force=true", package).await
    }

    /// Deploys the version before the one that is deployed; with `force`, also one that cannot read what is stored.
    ///
    /// # Errors
    /// When there is no such application or version, it cannot read what is stored, or the node is not reached.
    pub async fn roll_back(&self, name: &AppName, force: bool) -> Result<App, Error> {
        let path = format!("/v1/apps/{name}/rollback?force={force}");
        // Sent again, it would roll back once more.
        let answer = self
            .inner
            .http
            .once(&Ask::new(Method::POST, path), self.deadline())
            .await?;
        let app: App = self.json(&answer, "")?;
        lock(&self.inner.apps).insert(app.name.clone(), Arc::new(app.clone()));
        Ok(app)
    }

    async fn deploy_at(&self, path: &str, package: &Package) -> Result<App, Error> {
        let mut parts = vec![Part::new(MANIFEST, package.manifest.clone())];
        parts.extend(
            package
                .files
                .iter()
                .map(|(path, bytes)| Part::new(path.clone(), bytes.clone())),
        );
        let app: App = self.ask_json(&Ask::new(Method::POST, path).parts(&parts)).await?;
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

    /// Deletes an application, and its sessions with it; gives the nodes that have not heard of it yet.
    ///
    /// # Errors
    /// When there is none of this name, or the node is not reached.
    pub async fn delete_app(&self, name: &AppName) -> Result<Vec<NodeName>, Error> {
        let ask = Ask::new(Method::DELETE, format!("/v1/apps/{name}"));
        let answer = self.ask(&ask, self.deadline()).await?;
        lock(&self.inner.apps).remove(name);
        let pending = answer.headers.get(&headers::PENDING);
        let pending = pending.and_then(|names| names.to_str().ok()).unwrap_or_default();
        let names = pending.split(',').map(str::trim).filter(|name| !name.is_empty());
        let names: Result<_, _> = names.map(str::parse).collect();
        names.map_err(|_| {
            self.inner
                .http
                .strange(format!("{} of \"{pending}\"", headers::PENDING))
        })
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
