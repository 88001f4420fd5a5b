//! Transactions ([commands](https://redis.io/docs/latest/commands/?group=transactions)); refusals are those of Redis'
//! `multi.c`.

use super::connection::Done;
use crate::client::Transaction;
use crate::fault::said;
use crate::resp::{Reply, Request};
use crate::server::Server;

pub(super) fn multi(server: &mut Server, id: u64, _: &Request) -> Done {
    let Some(client) = server.clients.get_mut(&id) else { return Ok(None) };
    if client.transaction.is_some() {
        return Err(said("ERR MULTI calls can not be nested"));
    }
    client.transaction = Some(Transaction::default());
    Ok(Some(Reply::OK))
}

pub(super) fn exec(server: &mut Server, id: u64, _: &Request) -> Done {
    let Some(client) = server.clients.get_mut(&id) else { return Ok(None) };
    let transaction = client.transaction.take().ok_or(said("ERR EXEC without MULTI"))?;
    let saw_change = client.saw_change || watches_expired(&client.watched, &server.data);
    client.unwatch();
    if transaction.is_broken {
        return Err(said("EXECABORT Transaction discarded because of previous errors."));
    }
    if saw_change {
        return Ok(Some(Reply::NilArray));
    }
    Ok(Some(server.run_transaction(id, &transaction)))
}

/// Whether a watched key is over and nobody looked yet.
fn watches_expired(watched: &std::collections::BTreeSet<(usize, Vec<u8>)>, data: &crate::call::Data) -> bool {
    watched.iter().any(|(db, key)| {
        let expires_at = data.databases[*db].get(key).and_then(|entry| entry.expires_at);
        expires_at.is_some_and(|time| time <= data.now)
    })
}

pub(super) fn discard(server: &mut Server, id: u64, _: &Request) -> Done {
    let Some(client) = server.clients.get_mut(&id) else { return Ok(None) };
    client.transaction.take().ok_or(said("ERR DISCARD without MULTI"))?;
    client.unwatch();
    Ok(Some(Reply::OK))
}

pub(super) fn watch(server: &mut Server, id: u64, request: &Request) -> Done {
    let Some(client) = server.clients.get_mut(&id) else { return Ok(None) };
    if client.transaction.is_some() {
        return Err(said("ERR WATCH inside MULTI is not allowed"));
    }
    let db = client.db;
    for key in &request[1..] {
        server.data.expire_if_due(db, key);
    }
    client.watched.extend(request[1..].iter().map(|key| (db, key.clone())));
    Ok(Some(Reply::OK))
}

pub(super) fn unwatch(server: &mut Server, id: u64, _: &Request) -> Done {
    if let Some(client) = server.clients.get_mut(&id) {
        client.unwatch();
    }
    Ok(Some(Reply::OK))
}
