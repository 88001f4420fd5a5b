use super::*;
use crate::config::Config;

const NOW: i64 = 1_790_000_000_000;

fn server() -> Server {
    let mut config = Config::default();
    config.set("appendonly", "yes").unwrap();
    let mut server = Server::new(config, 7, NOW);
    server.connect(1, std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    server
}

/// The file after these commands.
fn written(lines: &[&str]) -> (Server, Vec<u8>) {
    let mut server = server();
    for line in lines {
        server.receive(1, format!("{line}\r\n").as_bytes());
    }
    let bytes = server.journal.take();
    (server, bytes)
}

const COMMANDS: &[&str] = &[
    "set a 1 EX 100",
    "incrbyfloat f 1.5",
    "expire a 50",
    "rpush l 1 2 3",
    "blpop l 0",
    "lmove l l LEFT RIGHT",
    "hset h x 1 y 2",
    "sadd s a b c d",
    "spop s 2",
    "zadd z 1 a 2.5 b",
    "multi",
    "set in transaction",
    "incr count",
    "exec",
    "getex a PERSIST",
    "setex b 10 x",
    "select 3",
    "set other 1",
    "move other 4",
    "get nothing",
    "del nothing",
];

#[test]
fn a_file_should_give_the_data_back() {
    let (server_before, bytes) = written(COMMANDS);
    let mut after = server();
    let loaded = load(&mut after, &bytes).unwrap();
    assert_eq!(loaded.good_bytes, bytes.len());
    assert_eq!(rewritten(&after.data), rewritten(&server_before.data));
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("BLPOP") && !text.contains("spop") && !text.contains("nothing"), "{text}");
    assert!(text.contains("PXAT") && text.contains("MULTI"), "{text}");
}

#[test]
fn a_rewritten_file_should_give_the_same_data() {
    let many: Vec<String> = (0..200).map(|number| format!("rpush long {number}")).collect();
    let lines: Vec<&str> = COMMANDS.iter().copied().chain(many.iter().map(String::as_str)).collect();
    let (before, _) = written(&lines);
    let short = rewritten(&before.data);
    let mut after = server();
    load(&mut after, &short).unwrap();
    assert_eq!(rewritten(&after.data), short);
    assert_eq!(after.data.databases[3].len(), before.data.databases[3].len());
}

#[test]
fn wherever_a_file_breaks_off_whole_commands_should_be_read() {
    let (_, bytes) = written(COMMANDS);
    let mut last = 0;
    for length in 0..bytes.len() {
        let mut cut = server();
        let loaded = load(&mut cut, &bytes[..length]).unwrap();
        assert!(loaded.good_bytes <= length && loaded.good_bytes >= last, "at {length}");
        last = loaded.good_bytes;
        let mut again = server();
        load(&mut again, &bytes[..loaded.good_bytes]).unwrap();
        assert_eq!(rewritten(&again.data), rewritten(&cut.data), "at {length}");
        let keys: Vec<bool> =
            [&b"in"[..], b"count"].iter().map(|key| cut.data.databases[0].get(key).is_some()).collect();
        assert_eq!(keys[0], keys[1], "a transaction counts as a whole");
    }
}

#[test]
fn a_key_that_expired_should_not_come_back() {
    let mut before = server();
    before.receive(1, b"set a 1 PX 100\r\nset b 1\r\n");
    before.turn(NOW + 100);
    before.receive(1, b"incr a\r\n");
    let bytes = before.journal.take();
    let mut after = server();
    after.turn(NOW + 1_000_000);
    load(&mut after, &bytes).unwrap();
    assert_eq!(rewritten(&after.data), rewritten(&before.data));
}

#[test]
fn a_broken_file_should_be_refused() {
    for text in [
        "nonsense\r\n",
        "*1\r\nx\r\n",
        "*2\r\n$3\r\nGET\r\n$1\r\na\r\n",
        "*2\r\n$6\r\nSELECT\r\n$2\r\n99\r\n",
    ] {
        assert!(load(&mut server(), text.as_bytes()).is_err(), "{text:?}");
    }
}
