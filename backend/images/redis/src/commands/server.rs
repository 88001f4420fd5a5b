//! The server itself ([commands](https://redis.io/docs/latest/commands/?group=server)); refusals are those of Redis'
//! `config.c` and `aof.c`.

use super::connection::Done;
use super::pub_sub::unknown_subcommand;
use super::{COMMANDS, Command, find};
use crate::config::{Config, Refusal};
use crate::fault::{Fault, said};
use crate::resp::{Reply, Request};
use crate::server::Server;

pub(super) fn time(server: &mut Server, _: u64, _: &Request) -> Done {
    let now = server.data.now;
    let (seconds, microseconds) = (now / 1000, now % 1000 * 1000);
    Ok(Some(Reply::list([seconds.to_string(), microseconds.to_string()])))
}

pub(super) fn shutdown(server: &mut Server, _: u64, request: &Request) -> Done {
    let known = [&b"NOSAVE"[..], b"SAVE", b"NOW", b"FORCE"];
    if request[1..].iter().any(|word| !known.contains(&word.to_ascii_uppercase().as_slice())) {
        return Err(Fault::SYNTAX);
    }
    server.is_ending = true;
    Ok(None)
}

pub(super) fn rewrite(server: &mut Server, _: u64, _: &Request) -> Done {
    if !server.config.append_only {
        return Err(said("ERR there is no append only file: appendonly is no"));
    }
    server.wants_rewrite = true;
    Ok(Some(Reply::Simple("Background append only file rewriting started")))
}

pub(super) fn config(server: &mut Server, _: u64, request: &Request) -> Done {
    match (request[1].to_ascii_uppercase().as_slice(), &request[2..]) {
        (b"GET", patterns @ [_, ..]) => {
            let found =
                patterns.iter().flat_map(|pattern| server.config.get(&String::from_utf8_lossy(pattern)));
            let mut pairs: Vec<(&str, String)> = found.collect();
            pairs.sort();
            pairs.dedup();
            let pair = |(name, value): (&str, String)| (Reply::text(name), Reply::text(value));
            Ok(Some(Reply::Map(pairs.into_iter().map(pair).collect())))
        }
        (b"SET", pairs) if !pairs.is_empty() && pairs.len().is_multiple_of(2) => set(server, pairs),
        (b"RESETSTAT", []) => {
            server.counts = Default::default();
            Ok(Some(Reply::OK))
        }
        (b"GET" | b"SET", _) => {
            let name = String::from_utf8_lossy(&request[1]).to_lowercase();
            Err(Fault::arity(&format!("config|{name}")))
        }
        _ => Err(unknown_subcommand(request)),
    }
}

/// Sets all or none.
fn set(server: &mut Server, pairs: &[Vec<u8>]) -> Done {
    let mut config = server.config.clone();
    for pair in pairs.chunks_exact(2) {
        let (name, value) = (String::from_utf8_lossy(&pair[0]), String::from_utf8_lossy(&pair[1]));
        config.change(&name, &value).map_err(|refusal| refused(&name, &refusal))?;
    }
    let begins_file = config.append_only && !server.config.append_only;
    server.wants_rewrite |= begins_file;
    if config.password.is_empty() {
        server.clients.values_mut().for_each(|client| client.is_trusted = true);
    }
    server.config = config;
    Ok(Some(Reply::OK))
}

fn refused(name: &str, refusal: &Refusal) -> Fault {
    let text = match refusal {
        Refusal::Unknown => format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"),
        Refusal::Fixed => {
            format!(
                "ERR CONFIG SET failed (possibly related to argument '{name}') - can't set immutable config"
            )
        }
        Refusal::Value => {
            format!(
                "ERR CONFIG SET failed (possibly related to argument '{name}') - argument couldn't be parsed"
            )
        }
    };
    Fault(text.into())
}

pub(super) fn command(_: &mut Server, _: u64, request: &Request) -> Done {
    let words = &request[1..];
    let Some((subcommand, names)) = words.split_first() else {
        return Ok(Some(Reply::Array(COMMANDS.iter().map(described).collect())));
    };
    let reply = match (subcommand.to_ascii_uppercase().as_slice(), names) {
        (b"COUNT", []) => Reply::count(COMMANDS.len()),
        (b"LIST", []) => Reply::list(COMMANDS.iter().map(|command| command.name)),
        (b"INFO", []) => Reply::Array(COMMANDS.iter().map(described).collect()),
        (b"INFO", names) => {
            Reply::Array(names.iter().map(|name| find(name).map_or(Reply::NilArray, described)).collect())
        }
        // What redis-cli asks for at its start, for hints: there are none.
        (b"DOCS", _) => Reply::Map(Vec::new()),
        _ => return Err(unknown_subcommand(request)),
    };
    Ok(Some(reply))
}

/// A command as `COMMAND` tells of it.
fn described(command: &'static Command) -> Reply {
    let flags = [('w', "write"), ('r', "readonly"), ('m', "denyoom"), ('l', "no-auth")];
    let flags = flags.iter().filter(|(letter, _)| command.has(*letter)).map(|(_, flag)| Reply::Simple(flag));
    let (first, last, step) = command.keys;
    Reply::Array(vec![
        Reply::text(command.name),
        Reply::Integer(command.arity),
        Reply::Set(flags.collect()),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
    ])
}

pub(super) fn info(server: &mut Server, _: u64, request: &Request) -> Done {
    let wanted: Vec<String> =
        request[1..].iter().map(|section| String::from_utf8_lossy(section).to_lowercase()).collect();
    Ok(Some(Reply::Verbatim(describe(server, &wanted))))
}

/// What `INFO` says: all sections, or those that are wanted.
#[must_use]
pub fn describe(server: &Server, wanted: &[String]) -> String {
    let is_all = wanted.is_empty()
        || wanted.iter().any(|name| matches!(name.as_str(), "all" | "everything" | "default"));
    let sections: [(&str, String); 6] = [
        ("Server", about_server(server)),
        ("Clients", about_clients(server)),
        ("Memory", about_memory(server)),
        ("Persistence", about_persistence(server)),
        ("Stats", about_counts(server)),
        ("Keyspace", about_keys(server)),
    ];
    let replication = ("Replication", "role:master\r\nconnected_slaves:0\r\n".to_owned());
    let shown = sections
        .into_iter()
        .chain([replication])
        .filter(|(name, _)| is_all || wanted.contains(&name.to_lowercase()))
        .map(|(name, text)| format!("# {name}\r\n{text}"));
    shown.collect::<Vec<_>>().join("\r\n")
}

fn about_server(server: &Server) -> String {
    let uptime = (server.data.now - server.started_at).max(0) / 1000;
    format!(
        "redis_version:{}\r\nserver_name:kijabi\r\nkijabi_version:{}\r\nredis_mode:standalone\r\nos:WASI\r\n\
         arch_bits:32\r\ntcp_port:{}\r\nuptime_in_seconds:{uptime}\r\nuptime_in_days:{}\r\n",
        crate::REDIS_VERSION,
        env!("CARGO_PKG_VERSION"),
        server.config.port,
        uptime / 86_400
    )
}

fn about_clients(server: &Server) -> String {
    let blocked = server.clients.values().filter(|client| client.blocked.is_some()).count();
    format!(
        "connected_clients:{}\r\nmaxclients:{}\r\nblocked_clients:{blocked}\r\n",
        server.clients.len(),
        server.config.max_clients
    )
}

fn about_memory(server: &Server) -> String {
    let policy =
        server.config.get("maxmemory-policy").into_iter().map(|(_, value)| value).collect::<String>();
    format!(
        "used_memory:{}\r\nmaxmemory:{}\r\nmaxmemory_policy:{policy}\r\n",
        server.data.bytes(),
        server.config.max_memory_bytes
    )
}

fn about_persistence(server: &Server) -> String {
    let status = if server.write_error.is_some() { "err" } else { "ok" };
    format!(
        "loading:{}\r\naof_enabled:{}\r\naof_last_write_status:{status}\r\n",
        u8::from(server.data.is_loading),
        u8::from(server.config.append_only)
    )
}

fn about_counts(server: &Server) -> String {
    let counts = &server.counts;
    format!(
        "total_connections_received:{}\r\ntotal_commands_processed:{}\r\nrejected_connections:{}\r\n\
         expired_keys:{}\r\nevicted_keys:{}\r\npubsub_channels:{}\r\npubsub_patterns:{}\r\n",
        counts.connections,
        counts.commands,
        counts.rejected,
        server.data.expired,
        counts.evicted,
        server.channels.len(),
        server.patterns.len()
    )
}

fn about_keys(server: &Server) -> String {
    let databases = server.data.databases.iter().enumerate().filter(|(_, database)| !database.is_empty());
    databases
        .map(|(number, database)| {
            format!("db{number}:keys={},expires={},avg_ttl=0\r\n", database.len(), database.expiring())
        })
        .collect()
}

/// All directives, for `--help`.
#[must_use]
pub fn directives() -> String {
    Config::names().collect::<Vec<_>>().join(", ")
}
