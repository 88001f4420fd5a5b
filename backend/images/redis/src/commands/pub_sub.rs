//! Channels ([publish and subscribe](https://redis.io/docs/latest/develop/interact/pubsub/)).

use super::connection::Done;
use crate::fault::Fault;
use crate::pattern;
use crate::resp::{Reply, Request};
use crate::server::{Server, forget};

pub(super) fn subscribe(server: &mut Server, id: u64, request: &Request) -> Done {
    for channel in &request[1..] {
        server.channels.entry(channel.clone()).or_default().insert(id);
        if let Some(client) = server.clients.get_mut(&id) {
            client.channels.insert(channel.clone());
        }
        confirm(server, id, "subscribe", Some(channel));
    }
    Ok(None)
}

pub(super) fn psubscribe(server: &mut Server, id: u64, request: &Request) -> Done {
    for pattern in &request[1..] {
        server.patterns.entry(pattern.clone()).or_default().insert(id);
        if let Some(client) = server.clients.get_mut(&id) {
            client.patterns.insert(pattern.clone());
        }
        confirm(server, id, "psubscribe", Some(pattern));
    }
    Ok(None)
}

pub(super) fn unsubscribe(server: &mut Server, id: u64, request: &Request) -> Done {
    let Some(client) = server.clients.get_mut(&id) else { return Ok(None) };
    let channels = named_or_all(request, &client.channels);
    for channel in &channels {
        if let Some(client) = server.clients.get_mut(&id) {
            client.channels.remove(channel);
        }
        forget(&mut server.channels, channel, id);
        confirm(server, id, "unsubscribe", Some(channel));
    }
    if channels.is_empty() {
        confirm(server, id, "unsubscribe", None);
    }
    Ok(None)
}

pub(super) fn punsubscribe(server: &mut Server, id: u64, request: &Request) -> Done {
    let Some(client) = server.clients.get_mut(&id) else { return Ok(None) };
    let patterns = named_or_all(request, &client.patterns);
    for pattern in &patterns {
        if let Some(client) = server.clients.get_mut(&id) {
            client.patterns.remove(pattern);
        }
        forget(&mut server.patterns, pattern, id);
        confirm(server, id, "punsubscribe", Some(pattern));
    }
    if patterns.is_empty() {
        confirm(server, id, "punsubscribe", None);
    }
    Ok(None)
}

fn named_or_all(request: &Request, all: &std::collections::BTreeSet<Vec<u8>>) -> Vec<Vec<u8>> {
    match &request[1..] {
        [] => all.iter().cloned().collect(),
        named => named.to_vec(),
    }
}

fn confirm(server: &mut Server, id: u64, what: &str, channel: Option<&Vec<u8>>) {
    let Some(client) = server.clients.get_mut(&id) else { return };
    let count = Reply::count(client.subscriptions());
    client.answer(&Reply::Push(vec![Reply::text(what), Reply::optional(channel), count]));
}

pub(super) fn publish(server: &mut Server, _: u64, request: &Request) -> Done {
    let (channel, message) = (&request[1], &request[2]);
    let mut sent = 0;
    let words = [Reply::text("message"), Reply::text(channel), Reply::text(message)];
    for id in server.channels.get(channel).cloned().unwrap_or_default() {
        server.answer(id, &Reply::Push(words.to_vec()));
        sent += 1;
    }
    let matching: Vec<_> = server
        .patterns
        .iter()
        .filter(|(pattern, _)| pattern::matches(pattern, channel))
        .map(|(pattern, ids)| (pattern.clone(), ids.clone()))
        .collect();
    for (pattern, ids) in matching {
        let words =
            [Reply::text("pmessage"), Reply::text(&pattern), Reply::text(channel), Reply::text(message)];
        for id in ids {
            server.answer(id, &Reply::Push(words.to_vec()));
            sent += 1;
        }
    }
    Ok(Some(Reply::Integer(sent)))
}

pub(super) fn pubsub(server: &mut Server, _: u64, request: &Request) -> Done {
    let reply = match (request[1].to_ascii_uppercase().as_slice(), &request[2..]) {
        (b"CHANNELS", []) => Reply::list(server.channels.keys()),
        (b"CHANNELS", [pattern]) => {
            Reply::list(server.channels.keys().filter(|channel| pattern::matches(pattern, channel)))
        }
        (b"NUMSUB", channels) => {
            let count = |channel: &Vec<u8>| {
                let count = server.channels.get(channel).map_or(0, std::collections::BTreeSet::len);
                [Reply::text(channel), Reply::count(count)]
            };
            Reply::Array(channels.iter().flat_map(count).collect())
        }
        (b"NUMPAT", []) => Reply::count(server.patterns.len()),
        _ => return Err(unknown_subcommand(request)),
    };
    Ok(Some(reply))
}

/// A word behind a command's name that is none of its subcommands, or one with arguments it does not take.
pub(super) fn unknown_subcommand(request: &Request) -> Fault {
    let shown = |word: &Vec<u8>| String::from_utf8_lossy(&word[..word.len().min(128)]).into_owned();
    let name = shown(&request[0]).to_uppercase();
    Fault(format!("ERR unknown subcommand '{}'. Try {name} HELP.", shown(&request[1])).into())
}
