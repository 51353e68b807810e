//! Renewing the own certificate, in good time.

use std::sync::Arc;
use std::time::Instant;

use super::ask::ONE_PEER;
use super::office::Office;
use super::wire::{Answer, Request};
use crate::peers::trust::{Member, dns_name};

/// Renews the node's certificate if it is due. It is tried again by whoever calls this now and then; until the time
/// of grace is over, nothing is lost.
pub(crate) async fn renew(office: &Office) {
    let member = &office.member;
    if !member.due() {
        return;
    }
    if member.authority().is_some() {
        let own = Arc::clone(member);
        report(
            member,
            tokio::task::spawn_blocking(move || own.certify_itself()).await,
        );
        return;
    }
    let Some((certificate, _)) = member.trust().own() else {
        return;
    };
    let request = Request::Renew {
        certificate: certificate.to_vec(),
        forwarded: false,
    };
    for (peer, address) in office.directory.to_ask() {
        let deadline = Instant::now() + ONE_PEER;
        match office
            .asker
            .ask(address, &dns_name(&peer), &request, deadline)
            .await
        {
            Ok(Answer::Issued(certificate)) => {
                let own = Arc::clone(member);
                let taken = tokio::task::spawn_blocking(move || own.take(certificate.into())).await;
                return report(member, taken);
            }
            Ok(Answer::Refused(refusal)) => tracing::info!(%peer, %refusal, "no new certificate"),
            Ok(Answer::Done | Answer::Secret(_)) => {
                tracing::warn!(%peer, "no new certificate, but no refusal either")
            }
            Err(reason) => tracing::info!(%peer, reason, "no new certificate"),
        }
    }
    if let Some((end, grace)) = member.end() {
        let left = grace.since(member.trust().now());
        tracing::warn!(
            end = end.0,
            ?left,
            "the certificate was not renewed; peers accept it for so long"
        );
    }
}

fn report<E: std::error::Error, J: std::error::Error>(member: &Member, done: Result<Result<(), E>, J>) {
    match done {
        Ok(Ok(())) => {
            let end = member.end().map(|(end, _)| end.0);
            tracing::info!(node = %member.node(), end, "certificate renewed");
        }
        Ok(Err(error)) => tracing::error!(%error, "the new certificate cannot be used"),
        Err(error) => tracing::error!(%error, "the new certificate cannot be used"),
    }
}
