//! The connection itself ([commands](https://redis.io/docs/latest/commands/?group=connection)); refusals are those of
//! Redis' `acl.c` and `networking.c`.

use super::pub_sub::unknown_subcommand;
use crate::call::DATABASES;
use crate::client::Client;
use crate::fault::{Fault, said};
use crate::resp::{Reply, Request, number};
use crate::server::{Server, forget};

/// What a command about the server answers; `None` where it has answered by itself.
pub(super) type Done = Result<Option<Reply>, Fault>;

const WRONG_PASSWORD: Fault = said("WRONGPASS invalid username-password pair or user is disabled.");

pub(super) fn ping(server: &mut Server, id: u64, request: &Request) -> Done {
    let is_listening =
        server.clients.get(&id).is_some_and(|client| client.protocol < 3 && client.subscriptions() > 0);
    match &request[1..] {
        [] if is_listening => Ok(Some(Reply::list(["pong", ""]))),
        [message] if is_listening => Ok(Some(Reply::Array(vec![Reply::text("pong"), Reply::text(message)]))),
        [] => Ok(Some(Reply::Simple("PONG"))),
        [message] => Ok(Some(Reply::text(message))),
        _ => Err(Fault::arity("ping")),
    }
}

pub(super) fn echo(_: &mut Server, _: u64, request: &Request) -> Done {
    Ok(Some(Reply::text(&request[1])))
}

pub(super) fn quit(server: &mut Server, id: u64, _: &Request) -> Done {
    if let Some(client) = server.clients.get_mut(&id) {
        client.is_closing = true;
    }
    Ok(Some(Reply::OK))
}

pub(super) fn reset(server: &mut Server, id: u64, _: &Request) -> Done {
    let is_trusted = server.config.password.is_empty();
    let Some(client) = server.clients.get_mut(&id) else { return Ok(None) };
    let fresh = Client::new(client.peer, is_trusted, client.connected_at);
    let (reader, output) = (std::mem::take(&mut client.reader), std::mem::take(&mut client.output));
    let old = std::mem::replace(client, Client { reader, output, ..fresh });
    old.channels.iter().for_each(|channel| forget(&mut server.channels, channel, id));
    old.patterns.iter().for_each(|pattern| forget(&mut server.patterns, pattern, id));
    Ok(Some(Reply::Simple("RESET")))
}

pub(super) fn select(server: &mut Server, id: u64, request: &Request) -> Done {
    let db = number(&request[1]).ok_or(Fault::NOT_INTEGER)?;
    let db = usize::try_from(db).ok().filter(|db| *db < DATABASES);
    let db = db.ok_or(said("ERR DB index is out of range"))?;
    if let Some(client) = server.clients.get_mut(&id) {
        client.db = db;
    }
    Ok(Some(Reply::OK))
}

pub(super) fn auth(server: &mut Server, id: u64, request: &Request) -> Done {
    match &request[1..] {
        [_] if server.config.password.is_empty() => Err(said(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        )),
        [password] => log_in(server, id, b"default", password),
        [user, password] => log_in(server, id, user, password),
        _ => Err(Fault::SYNTAX),
    }?;
    Ok(Some(Reply::OK))
}

fn log_in(server: &mut Server, id: u64, user: &[u8], password: &[u8]) -> Result<(), Fault> {
    let expected = server.config.password.as_bytes();
    let is_right = user == b"default" && (expected.is_empty() || is_equal(password, expected));
    let client = server.clients.get_mut(&id).filter(|_| is_right).ok_or(WRONG_PASSWORD)?;
    client.is_trusted = true;
    Ok(())
}

/// Compares in a time that does not tell where the difference is.
fn is_equal(left: &[u8], right: &[u8]) -> bool {
    let difference = left.iter().zip(right).fold(0, |difference, (left, right)| difference | (left ^ right));
    left.len() == right.len() && difference == 0
}

pub(super) fn hello(server: &mut Server, id: u64, request: &Request) -> Done {
    let mut words = request[1..].iter();
    let protocol = match words.next() {
        None => None,
        Some(word) => {
            let asked = number(word).ok_or(said("ERR Protocol version is not an integer or out of range"))?;
            let known = u8::try_from(asked).ok().filter(|asked| matches!(asked, 2 | 3));
            Some(known.ok_or(said("NOPROTO unsupported protocol version"))?)
        }
    };
    let mut name = None;
    while let Some(option) = words.next() {
        match option.to_ascii_uppercase().as_slice() {
            b"AUTH" => {
                let (Some(user), Some(password)) = (words.next(), words.next()) else {
                    return Err(hello_syntax(option));
                };
                log_in(server, id, user, password)?;
            }
            b"SETNAME" => name = Some(checked_name(words.next().ok_or_else(|| hello_syntax(option))?)?),
            _ => return Err(hello_syntax(option)),
        }
    }
    let Some(client) = server.clients.get_mut(&id) else { return Ok(None) };
    if !client.is_trusted {
        return Err(said(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
             the same time",
        ));
    }
    client.protocol = protocol.unwrap_or(client.protocol);
    client.name = name.unwrap_or_else(|| client.name.clone());
    Ok(Some(greeting(id, client.protocol)))
}

fn hello_syntax(option: &[u8]) -> Fault {
    Fault(format!("ERR Syntax error in HELLO option '{}'", String::from_utf8_lossy(option)).into())
}

fn greeting(id: u64, protocol: u8) -> Reply {
    let pairs = [
        ("server", Reply::text("redis")),
        ("version", Reply::text(crate::REDIS_VERSION)),
        ("proto", Reply::Integer(protocol.into())),
        ("id", Reply::Integer(i64::try_from(id).unwrap_or(i64::MAX))),
        ("mode", Reply::text("standalone")),
        ("role", Reply::text("master")),
        ("modules", Reply::Array(Vec::new())),
    ];
    Reply::Map(pairs.map(|(name, value)| (Reply::text(name), value)).to_vec())
}

fn checked_name(name: &[u8]) -> Result<Vec<u8>, Fault> {
    let is_plain = name.iter().all(u8::is_ascii_graphic);
    let refusal = said("ERR Client names cannot contain spaces, newlines or special characters.");
    if is_plain { Ok(name.to_vec()) } else { Err(refusal) }
}

pub(super) fn client(server: &mut Server, id: u64, request: &Request) -> Done {
    let now = server.data.now;
    let all = server.clients.iter().map(|(id, client)| shown(*id, client, now)).collect::<String>();
    let Some(client) = server.clients.get_mut(&id) else { return Ok(None) };
    let reply = match (request[1].to_ascii_uppercase().as_slice(), &request[2..]) {
        (b"ID", []) => Reply::Integer(i64::try_from(id).unwrap_or(i64::MAX)),
        (b"GETNAME", []) => Reply::optional(Some(&client.name).filter(|name| !name.is_empty())),
        (b"SETNAME", [name]) => {
            client.name = checked_name(name)?;
            Reply::OK
        }
        (b"SETINFO", [what, value]) => {
            let at = match what.to_ascii_uppercase().as_slice() {
                b"LIB-NAME" => 0,
                b"LIB-VER" => 1,
                _ => {
                    let what = String::from_utf8_lossy(what);
                    return Err(Fault(format!("ERR Unrecognized option '{what}'").into()));
                }
            };
            client.library[at].clone_from(value);
            Reply::OK
        }
        (b"INFO", []) => Reply::Verbatim(shown(id, client, now)),
        (b"LIST", []) => Reply::Verbatim(all),
        _ => return Err(unknown_subcommand(request)),
    };
    Ok(Some(reply))
}

/// A client's line of `CLIENT LIST`.
fn shown(id: u64, client: &Client, now: i64) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let seconds = |since: i64| (now - since).max(0) / 1000;
    let queued = client
        .transaction
        .as_ref()
        .map_or(-1, |transaction| i64::try_from(transaction.queue.len()).unwrap_or(i64::MAX));
    let flags = match (&client.blocked, client.subscriptions(), queued) {
        (Some(_), _, _) => "b",
        (None, 1.., _) => "P",
        (None, 0, 0..) => "x",
        _ => "N",
    };
    format!(
        "id={id} addr={} name={} age={} idle={} flags={flags} db={} sub={} psub={} multi={queued} cmd={} user=default \
         lib-name={} lib-ver={} resp={}\n",
        client.peer,
        text(&client.name),
        seconds(client.connected_at),
        seconds(client.heard_at),
        client.db,
        client.channels.len(),
        client.patterns.len(),
        client.command,
        text(&client.library[0]),
        text(&client.library[1]),
        client.protocol,
    )
}
