use super::*;
use crate::cli::formatted;
use crate::fault::said;

const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 50000);
const START: i64 = 1_790_000_000_000;

/// A server with clients 1, 2 and 3.
struct World {
    server: Server,
    now: i64,
}

impl World {
    fn new(options: &[(&str, &str)]) -> Self {
        let mut config = Config::default();
        options.iter().for_each(|(name, value)| config.set(name, value).unwrap());
        let mut server = Server::new(config, 7, START);
        (1..=3).for_each(|id| server.connect(id, PEER));
        Self { server, now: START }
    }

    /// What a client gets for a line, in bytes.
    fn send(&mut self, id: u64, line: &str) -> String {
        self.server.receive(id, format!("{line}\r\n").as_bytes());
        self.got(id)
    }

    /// What a client got since the last time.
    fn got(&mut self, id: u64) -> String {
        let bytes = std::mem::take(&mut self.server.clients.get_mut(&id).unwrap().output);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What a client gets for a line, as `redis-cli` shows it.
    fn shown(&mut self, id: u64, line: &str) -> String {
        let bytes = self.send(id, line);
        formatted(&crate::cli::read_reply(&mut bytes.as_bytes()).unwrap(), 0)
    }

    fn pass(&mut self, milliseconds: i64) {
        self.now += milliseconds;
        self.server.turn(self.now);
    }
}

/// The file holds lines of a client and the answers of Redis 7.0 to them, which `redis-server` gave when it was asked.
#[test]
fn a_conversation_should_go_as_with_redis() {
    let mut world = World::new(&[]);
    let mut wrong = Vec::new();
    for part in include_str!("conversation.txt").split("> ").skip(1) {
        let (line, expected) = part.split_once('\n').unwrap();
        let answer = world.shown(1, line);
        if answer != expected.trim_end() {
            wrong.push(format!("> {line}\n{answer}\ninstead of\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn keys_should_expire_when_somebody_looks_and_when_nobody_does() {
    let mut world = World::new(&[]);
    world.send(1, "set a 1 PX 100");
    world.send(1, "set b 1 PX 200");
    assert_eq!(world.server.next_turn(), Some(START + 100));
    world.server.data.now = START + 100;
    assert_eq!(world.shown(1, "get a"), "(nil)");
    assert_eq!(world.shown(1, "pttl b"), "(integer) 100");
    world.pass(200);
    assert_eq!(world.shown(1, "dbsize"), "(integer) 0");
    assert_eq!(world.server.next_turn(), None);
}

#[test]
fn those_who_wait_for_a_list_should_be_served_in_turn() {
    let mut world = World::new(&[]);
    assert_eq!(world.send(1, "blpop q 0"), "");
    assert_eq!(world.send(2, "brpop other q 0"), "");
    assert_eq!(world.send(3, "rpush q a b c"), ":3\r\n");
    assert_eq!(world.got(1), "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
    assert_eq!(world.got(2), "*2\r\n$1\r\nq\r\n$1\r\nc\r\n");
    assert_eq!(world.shown(3, "lrange q 0 -1"), "1) \"b\"");
}

#[test]
fn waiting_should_end_in_time_and_keep_nobody_else_from_working() {
    let mut world = World::new(&[]);
    assert_eq!(world.send(1, "blpop q 1.5\r\nping"), "");
    assert_eq!(world.send(2, "brpoplpush q r 1"), "");
    assert_eq!(world.send(3, "ping"), "+PONG\r\n");
    world.pass(1000);
    assert_eq!((world.got(1).as_str(), world.got(2).as_str()), ("", "$-1\r\n"));
    assert_eq!(world.server.next_turn(), Some(START + 1500));
    world.pass(500);
    assert_eq!(world.got(1), "*-1\r\n+PONG\r\n", "what was sent meanwhile follows");
}

#[test]
fn a_chain_of_those_who_wait_should_move_on() {
    let mut world = World::new(&[]);
    world.send(1, "blmove a b LEFT RIGHT 0");
    world.send(2, "blpop b 0");
    world.send(3, "rpush a x");
    assert_eq!(world.got(1), "$1\r\nx\r\n");
    assert_eq!(world.got(2), "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
}

#[test]
fn in_a_transaction_nothing_should_wait() {
    let mut world = World::new(&[]);
    world.send(1, "multi");
    world.send(1, "blpop q 0");
    assert_eq!(world.send(1, "exec"), "*1\r\n*-1\r\n");
}

#[test]
fn a_watched_key_that_another_changes_should_stop_the_transaction() {
    let mut world = World::new(&[]);
    let cases = [("set k 1", "*-1\r\n"), ("set other 1", "*1\r\n+PONG\r\n"), ("flushall", "*-1\r\n")];
    for (line, expected) in cases {
        world.send(2, "set k 0");
        world.send(1, "watch k");
        world.send(2, line);
        world.send(1, "multi");
        world.send(1, "ping");
        assert_eq!(world.send(1, "exec"), expected, "{line}");
    }
    world.send(2, "set k 0 PX 10");
    world.send(1, "watch k");
    world.server.data.now += 20;
    world.send(1, "multi");
    assert_eq!(world.send(1, "exec"), "*-1\r\n", "it expired");
}

#[test]
fn messages_should_reach_those_who_listen() {
    let mut world = World::new(&[]);
    assert_eq!(world.send(1, "subscribe news"), "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    assert_eq!(world.send(2, "psubscribe n*"), "*3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:1\r\n");
    assert_eq!(world.send(3, "publish news hi"), ":2\r\n");
    assert_eq!(world.got(1), "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
    assert_eq!(world.got(2), "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
    let refused = world.send(1, "get a");
    assert!(refused.starts_with("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"), "{refused}");
    assert_eq!(world.send(1, "ping"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    world.send(1, "unsubscribe");
    world.server.disconnect(2);
    assert_eq!(world.send(3, "publish news hi"), ":0\r\n");
    assert_eq!(world.send(1, "ping"), "+PONG\r\n");
}

#[test]
fn newer_clients_should_get_messages_beside_their_answers() {
    let mut world = World::new(&[]);
    let greeting = world.send(1, "hello 3");
    assert!(greeting.starts_with("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n"), "{greeting}");
    assert!(world.send(1, "subscribe news").starts_with(">3\r\n"));
    assert_eq!(world.send(1, "get a"), "_\r\n");
    world.send(1, "hset h a 1");
    assert_eq!(world.send(1, "hgetall h"), "%1\r\n$1\r\na\r\n$1\r\n1\r\n");
}

#[test]
fn a_password_should_be_said_first() {
    let mut world = World::new(&[("requirepass", "secret")]);
    let cases = [
        ("get a", "-NOAUTH Authentication required.\r\n"),
        ("auth wrong", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
        ("auth other secret", "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
        ("auth secret", "+OK\r\n"),
        ("get a", "$-1\r\n"),
    ];
    for (line, expected) in cases {
        assert_eq!(world.send(1, line), expected, "{line}");
    }
    assert!(world.send(2, "hello 2").starts_with("-NOAUTH HELLO must be called"));
    assert!(world.send(2, "hello 2 AUTH default secret SETNAME me").starts_with("*14\r\n"));
    assert_eq!(world.shown(2, "client getname"), "\"me\"");
    assert_eq!(World::new(&[]).send(1, "auth default any"), "+OK\r\n");
}

#[test]
fn what_breaks_the_protocol_should_end_the_connection() {
    let mut world = World::new(&[]);
    assert_eq!(world.send(1, "*1\r\nx"), "-ERR Protocol error: expected '$', got 'x'\r\n");
    assert!(world.server.clients[&1].is_closing && !world.server.wants_input(1));
}

#[test]
fn a_client_that_takes_no_answers_should_not_fill_the_memory() {
    let mut world = World::new(&[]);
    world.send(1, &format!("set big {}", "x".repeat(60_000)));
    world.server.receive(1, "get big\r\n".repeat(1000).as_bytes());
    let unsent = world.server.clients[&1].output.len();
    assert!((UNSENT_BYTES..UNSENT_BYTES + 100_000).contains(&unsent), "{unsent}");
    assert!(!world.server.wants_input(1));
    assert_eq!(world.send(2, "ping"), "+PONG\r\n");
    let mut total = world.got(1).len();
    for _ in 0..200 {
        world.pass(1);
        total += world.got(1).len();
    }
    assert!(total > 60_000_000, "all is answered in the end: {total}");
}

#[test]
fn a_listener_that_takes_no_messages_should_be_let_go() {
    let mut world = World::new(&[]);
    world.send(1, "subscribe c");
    let line = format!("publish c {}", "x".repeat(60_000));
    for _ in 0..600 {
        world.send(2, &line);
    }
    world.pass(1);
    assert!(world.server.clients[&1].is_closing);
    assert_eq!(world.send(2, "ping"), "+PONG\r\n");
}

#[test]
fn memory_should_stay_within_its_limit_as_the_policy_says() {
    let fill = |world: &mut World| {
        (0..300).map(|key| world.send(1, &format!("set k{key} {}", "x".repeat(1000)))).collect::<Vec<_>>()
    };
    let mut full = World::new(&[("maxmemory", "100kb")]);
    let refused = said("OOM command not allowed when used memory > 'maxmemory'.").0;
    assert!(fill(&mut full).last().unwrap().contains(&*refused));
    assert_eq!(full.shown(1, "del k1"), "(integer) 1");
    for policy in ["allkeys-lru", "allkeys-random"] {
        let mut world = World::new(&[("maxmemory", "100kb"), ("maxmemory-policy", policy)]);
        world.send(1, "set used 1");
        for key in 0..300 {
            world.send(1, "get used");
            assert_eq!(world.send(1, &format!("set k{key} {}", "x".repeat(1000))), "+OK\r\n");
        }
        assert!(world.server.data.bytes() < 110 << 10, "{policy}: {}", world.server.data.bytes());
        assert!(world.server.counts.evicted > 200);
        if policy == "allkeys-lru" {
            assert_eq!(world.shown(1, "get used"), "\"1\"");
        }
    }
    let mut volatile = World::new(&[("maxmemory", "100kb"), ("maxmemory-policy", "volatile-ttl")]);
    volatile.send(1, "set soon 1 EX 10");
    assert!(fill(&mut volatile).last().unwrap().contains(&*refused));
    assert_eq!(volatile.shown(1, "exists soon"), "(integer) 0");
}

#[test]
fn a_silent_client_should_be_let_go_if_that_is_configured() {
    let mut world = World::new(&[("timeout", "10")]);
    world.send(1, "blpop q 0");
    world.send(2, "subscribe c");
    assert_eq!(world.server.next_turn(), Some(START + 10_000));
    world.pass(10_000);
    let closing: Vec<bool> = world.server.clients.values().map(|client| client.is_closing).collect();
    assert_eq!(closing, [false, false, true]);
}

#[test]
fn clients_beyond_the_most_should_be_told_so() {
    let mut world = World::new(&[("maxclients", "3")]);
    world.server.connect(4, PEER);
    assert_eq!(world.got(4), "-ERR max number of clients reached\r\n");
    assert!(world.server.clients[&4].is_closing);
}

#[test]
fn info_should_tell_what_is_true_now() {
    let mut world = World::new(&[]);
    world.send(1, "set a 1 EX 100");
    world.send(2, "blpop q 0");
    let text = world.send(1, "info");
    for line in ["connected_clients:3", "blocked_clients:1", "db0:keys=1,expires=1,avg_ttl=0", "role:master"]
    {
        assert!(text.contains(&format!("{line}\r\n")), "{line}: {text}");
    }
    let section = world.send(1, "info keyspace");
    assert!(section.contains("# Keyspace") && !section.contains("# Server"), "{section}");
}
