//! The commands, a family a file. What is not in this table is refused as an unknown command.

mod connection;
mod hashes;
mod keys;
mod lists;
mod pub_sub;
mod server;
mod sets;
mod sorted_ranges;
mod sorted_sets;
mod strings;
mod transactions;

use crate::call::Call;
use crate::fault::Answer;
use crate::resp::Request;
use crate::server::Server;

pub use server::{describe, directives};

/// What runs a command.
#[derive(Clone, Copy)]
pub enum Run {
    /// It is about keys only.
    Keys(fn(&mut Call<'_>) -> Answer),
    /// It is about the server or its clients. `None` where it has answered by itself.
    Server(fn(&mut Server, u64, &Request) -> Result<Option<crate::resp::Reply>, crate::fault::Fault>),
}

/// A command.
pub struct Command {
    /// Its name in lower case.
    pub name: &'static str,
    /// How many words it has with its name; at least so many if negative.
    pub arity: i64,
    /// `w` writes, `r` reads, `m` needs memory, `s` may be used while subscribed, `l` may be used by strangers,
    /// `q` is never queued in a transaction.
    pub flags: &'static str,
    /// Where its keys are: the first, the last (from the end if negative), and the step.
    pub keys: (i64, i64, i64),
    /// What runs it.
    pub run: Run,
}

impl Command {
    /// Whether it has this flag.
    #[must_use]
    pub fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// Whether so many words are right for it.
    #[must_use]
    pub fn takes(&self, words: usize) -> bool {
        let words = i64::try_from(words).unwrap_or(i64::MAX);
        if self.arity >= 0 { words == self.arity } else { words >= -self.arity }
    }
}

macro_rules! commands {
    ($($name:literal $arity:literal $flags:literal $first:literal $last:literal $step:literal $kind:ident $run:path;)*) => {
        /// All commands, sorted by name.
        pub static COMMANDS: &[Command] = &[$(Command {
            name: $name,
            arity: $arity,
            flags: $flags,
            keys: ($first, $last, $step),
            run: Run::$kind($run),
        }),*];
    };
}

commands! {
    "append" 3 "wm" 1 1 1 Keys strings::append;
    "auth" -2 "sl" 0 0 0 Server connection::auth;
    "bgrewriteaof" 1 "" 0 0 0 Server server::rewrite;
    "blmove" 6 "wm" 1 2 1 Keys lists::blmove;
    "blpop" -3 "w" 1 -2 1 Keys lists::blpop;
    "brpop" -3 "w" 1 -2 1 Keys lists::brpop;
    "brpoplpush" 4 "wm" 1 2 1 Keys lists::brpoplpush;
    "client" -2 "" 0 0 0 Server connection::client;
    "command" -1 "" 0 0 0 Server server::command;
    "config" -2 "" 0 0 0 Server server::config;
    "copy" -3 "wm" 1 2 1 Keys keys::copy;
    "dbsize" 1 "r" 0 0 0 Keys keys::dbsize;
    "decr" 2 "wm" 1 1 1 Keys strings::decr;
    "decrby" 3 "wm" 1 1 1 Keys strings::decrby;
    "del" -2 "w" 1 -1 1 Keys keys::del;
    "discard" 1 "q" 0 0 0 Server transactions::discard;
    "echo" 2 "" 0 0 0 Server connection::echo;
    "exec" 1 "q" 0 0 0 Server transactions::exec;
    "exists" -2 "r" 1 -1 1 Keys keys::exists;
    "expire" -3 "w" 1 1 1 Keys keys::expire;
    "expireat" -3 "w" 1 1 1 Keys keys::expireat;
    "expiretime" 2 "r" 1 1 1 Keys keys::expiretime;
    "flushall" -1 "w" 0 0 0 Keys keys::flushall;
    "flushdb" -1 "w" 0 0 0 Keys keys::flushdb;
    "get" 2 "r" 1 1 1 Keys strings::get;
    "getdel" 2 "w" 1 1 1 Keys strings::getdel;
    "getex" -2 "w" 1 1 1 Keys strings::getex;
    "getrange" 4 "r" 1 1 1 Keys strings::getrange;
    "getset" 3 "wm" 1 1 1 Keys strings::getset;
    "hdel" -3 "w" 1 1 1 Keys hashes::hdel;
    "hello" -1 "sl" 0 0 0 Server connection::hello;
    "hexists" 3 "r" 1 1 1 Keys hashes::hexists;
    "hget" 3 "r" 1 1 1 Keys hashes::hget;
    "hgetall" 2 "r" 1 1 1 Keys hashes::hgetall;
    "hincrby" 4 "wm" 1 1 1 Keys hashes::hincrby;
    "hincrbyfloat" 4 "wm" 1 1 1 Keys hashes::hincrbyfloat;
    "hkeys" 2 "r" 1 1 1 Keys hashes::hkeys;
    "hlen" 2 "r" 1 1 1 Keys hashes::hlen;
    "hmget" -3 "r" 1 1 1 Keys hashes::hmget;
    "hmset" -4 "wm" 1 1 1 Keys hashes::hmset;
    "hscan" -3 "r" 1 1 1 Keys hashes::hscan;
    "hset" -4 "wm" 1 1 1 Keys hashes::hset;
    "hsetnx" 4 "wm" 1 1 1 Keys hashes::hsetnx;
    "hstrlen" 3 "r" 1 1 1 Keys hashes::hstrlen;
    "hvals" 2 "r" 1 1 1 Keys hashes::hvals;
    "incr" 2 "wm" 1 1 1 Keys strings::incr;
    "incrby" 3 "wm" 1 1 1 Keys strings::incrby;
    "incrbyfloat" 3 "wm" 1 1 1 Keys strings::incrbyfloat;
    "info" -1 "" 0 0 0 Server server::info;
    "keys" 2 "r" 0 0 0 Keys keys::keys;
    "lindex" 3 "r" 1 1 1 Keys lists::lindex;
    "linsert" 5 "wm" 1 1 1 Keys lists::linsert;
    "llen" 2 "r" 1 1 1 Keys lists::llen;
    "lmove" 5 "wm" 1 2 1 Keys lists::lmove;
    "lpop" -2 "w" 1 1 1 Keys lists::lpop;
    "lpos" -3 "r" 1 1 1 Keys lists::lpos;
    "lpush" -3 "wm" 1 1 1 Keys lists::lpush;
    "lpushx" -3 "wm" 1 1 1 Keys lists::lpushx;
    "lrange" 4 "r" 1 1 1 Keys lists::lrange;
    "lrem" 4 "w" 1 1 1 Keys lists::lrem;
    "lset" 4 "wm" 1 1 1 Keys lists::lset;
    "ltrim" 4 "w" 1 1 1 Keys lists::ltrim;
    "mget" -2 "r" 1 -1 1 Keys strings::mget;
    "move" 3 "w" 1 1 1 Keys keys::move_to;
    "mset" -3 "wm" 1 -1 2 Keys strings::mset;
    "msetnx" -3 "wm" 1 -1 2 Keys strings::msetnx;
    "multi" 1 "q" 0 0 0 Server transactions::multi;
    "persist" 2 "w" 1 1 1 Keys keys::persist;
    "pexpire" -3 "w" 1 1 1 Keys keys::pexpire;
    "pexpireat" -3 "w" 1 1 1 Keys keys::pexpireat;
    "pexpiretime" 2 "r" 1 1 1 Keys keys::pexpiretime;
    "ping" -1 "s" 0 0 0 Server connection::ping;
    "psetex" 4 "wm" 1 1 1 Keys strings::psetex;
    "psubscribe" -2 "s" 0 0 0 Server pub_sub::psubscribe;
    "pttl" 2 "r" 1 1 1 Keys keys::pttl;
    "publish" 3 "" 0 0 0 Server pub_sub::publish;
    "pubsub" -2 "" 0 0 0 Server pub_sub::pubsub;
    "punsubscribe" -1 "s" 0 0 0 Server pub_sub::punsubscribe;
    "quit" -1 "slq" 0 0 0 Server connection::quit;
    "randomkey" 1 "r" 0 0 0 Keys keys::randomkey;
    "rename" 3 "w" 1 2 1 Keys keys::rename;
    "renamenx" 3 "w" 1 2 1 Keys keys::renamenx;
    "reset" 1 "slq" 0 0 0 Server connection::reset;
    "rpop" -2 "w" 1 1 1 Keys lists::rpop;
    "rpoplpush" 3 "wm" 1 2 1 Keys lists::rpoplpush;
    "rpush" -3 "wm" 1 1 1 Keys lists::rpush;
    "rpushx" -3 "wm" 1 1 1 Keys lists::rpushx;
    "sadd" -3 "wm" 1 1 1 Keys sets::sadd;
    "scan" -2 "r" 0 0 0 Keys keys::scan;
    "scard" 2 "r" 1 1 1 Keys sets::scard;
    "sdiff" -2 "r" 1 -1 1 Keys sets::sdiff;
    "sdiffstore" -3 "wm" 1 -1 1 Keys sets::sdiffstore;
    "select" 2 "" 0 0 0 Server connection::select;
    "set" -3 "wm" 1 1 1 Keys strings::set;
    "setex" 4 "wm" 1 1 1 Keys strings::setex;
    "setnx" 3 "wm" 1 1 1 Keys strings::setnx;
    "setrange" 4 "wm" 1 1 1 Keys strings::setrange;
    "shutdown" -1 "" 0 0 0 Server server::shutdown;
    "sinter" -2 "r" 1 -1 1 Keys sets::sinter;
    "sinterstore" -3 "wm" 1 -1 1 Keys sets::sinterstore;
    "sismember" 3 "r" 1 1 1 Keys sets::sismember;
    "smembers" 2 "r" 1 1 1 Keys sets::smembers;
    "smismember" -3 "r" 1 1 1 Keys sets::smismember;
    "smove" 4 "w" 1 2 1 Keys sets::smove;
    "spop" -2 "w" 1 1 1 Keys sets::spop;
    "srandmember" -2 "r" 1 1 1 Keys sets::srandmember;
    "srem" -3 "w" 1 1 1 Keys sets::srem;
    "sscan" -3 "r" 1 1 1 Keys sets::sscan;
    "strlen" 2 "r" 1 1 1 Keys strings::strlen;
    "subscribe" -2 "s" 0 0 0 Server pub_sub::subscribe;
    "substr" 4 "r" 1 1 1 Keys strings::getrange;
    "sunion" -2 "r" 1 -1 1 Keys sets::sunion;
    "sunionstore" -3 "wm" 1 -1 1 Keys sets::sunionstore;
    "time" 1 "" 0 0 0 Server server::time;
    "touch" -2 "r" 1 -1 1 Keys keys::exists;
    "ttl" 2 "r" 1 1 1 Keys keys::ttl;
    "type" 2 "r" 1 1 1 Keys keys::type_of;
    "unlink" -2 "w" 1 -1 1 Keys keys::del;
    "unsubscribe" -1 "s" 0 0 0 Server pub_sub::unsubscribe;
    "unwatch" 1 "" 0 0 0 Server transactions::unwatch;
    "watch" -2 "q" 1 -1 1 Server transactions::watch;
    "zadd" -4 "wm" 1 1 1 Keys sorted_sets::zadd;
    "zcard" 2 "r" 1 1 1 Keys sorted_sets::zcard;
    "zcount" 4 "r" 1 1 1 Keys sorted_ranges::zcount;
    "zincrby" 4 "wm" 1 1 1 Keys sorted_sets::zincrby;
    "zmscore" -3 "r" 1 1 1 Keys sorted_sets::zmscore;
    "zpopmax" -2 "w" 1 1 1 Keys sorted_sets::zpopmax;
    "zpopmin" -2 "w" 1 1 1 Keys sorted_sets::zpopmin;
    "zrange" -4 "r" 1 1 1 Keys sorted_ranges::zrange;
    "zrangebyscore" -4 "r" 1 1 1 Keys sorted_ranges::zrangebyscore;
    "zrank" -3 "r" 1 1 1 Keys sorted_sets::zrank;
    "zrem" -3 "w" 1 1 1 Keys sorted_sets::zrem;
    "zremrangebyrank" 4 "w" 1 1 1 Keys sorted_ranges::zremrangebyrank;
    "zremrangebyscore" 4 "w" 1 1 1 Keys sorted_ranges::zremrangebyscore;
    "zrevrange" -4 "r" 1 1 1 Keys sorted_ranges::zrevrange;
    "zrevrangebyscore" -4 "r" 1 1 1 Keys sorted_ranges::zrevrangebyscore;
    "zrevrank" -3 "r" 1 1 1 Keys sorted_sets::zrevrank;
    "zscan" -3 "r" 1 1 1 Keys sorted_sets::zscan;
    "zscore" 3 "r" 1 1 1 Keys sorted_sets::zscore;
}

/// The command of this name, in capitals or not.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Command> {
    let name = name.to_ascii_lowercase();
    let at = COMMANDS.binary_search_by(|command| command.name.as_bytes().cmp(&name)).ok()?;
    COMMANDS.get(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_should_be_found_by_its_name() {
        for command in COMMANDS {
            let found = find(command.name.to_ascii_uppercase().as_bytes());
            assert_eq!(found.map(|found| found.name), Some(command.name));
        }
        assert!(find(b"eval").is_none());
    }
}
