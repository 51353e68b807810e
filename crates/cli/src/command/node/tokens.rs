//! The token files that a node's configuration names.

use std::path::Path;

use fogline_core::model::{BadInput, TenantName};
use fogline_manifest::node::NodeConfig;
use fogline_node::{Operator, Tenants};

use crate::failure::Failure;

/// Who may ask a node, and who may operate it. In loopback development mode whoever asks is `local`.
pub(super) fn read(config: &NodeConfig, local: TenantName) -> Result<(Tenants, Operator), Failure> {
    let mut seen = Vec::new();
    let mut tenants = Vec::new();
    for tenant in &config.tenants {
        let token = token(format!("of {}", tenant.name), &tenant.token_file, &mut seen)?;
        tenants.push((tenant.name.clone(), token));
    }
    let operator = match &config.operator_token_file {
        Some(file) => Operator::with_token(&token("of operators".to_owned(), file, &mut seen)?),
        None if config.loopback_only => Operator::Anyone,
        None => Operator::Nobody,
    };
    let tenants = match config.loopback_only {
        true => Tenants::Open(local),
        false => Tenants::with_tokens(tenants),
    };
    Ok((tenants, operator))
}

/// The token in a file: nobody's among those that were `seen` before it.
fn token(whose: String, file: &Path, seen: &mut Vec<(String, String)>) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|source| Failure::System {
        doing: format!("reading the token {whose} from {}", file.display()),
        hint: "check the token files in the configuration".to_owned(),
        source,
    })?;
    let token = text.trim().to_owned();
    let refuse = |problem: String, hint: &str| {
        let path = file.display().to_string();
        Err(Failure::Input(BadInput::whole(path, problem, hint)))
    };
    if token.is_empty() {
        return refuse(
            format!("the token {whose} is empty"),
            "write a secret into it, as `openssl rand -hex 32` prints",
        );
    }
    if let Some((other, _)) = seen.iter().find(|(_, other)| *other == token) {
        return refuse(
            format!("the token {whose} is also the one {other}"),
            "write a secret of its own into each token file",
        );
    }
    seen.push((whose, token.clone()));
    Ok(token)
}
