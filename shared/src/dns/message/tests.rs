//! Messages there and back, too long ones, and those of strangers.

use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn query(text: &str, kind: QueryType, udp_bytes: Option<u16>) -> Query {
    Query { id: 7, name: name(text), kind, is_internet: true, recursion_desired: true, udp_bytes }
}

fn record(owner: &str, data: RecordData) -> Record {
    Record { name: name(owner), ttl_seconds: 30, data }
}

/// `count` addresses of a headless Service.
fn addresses(count: u8) -> Vec<Record> {
    (0..count).map(|last| record("db.svc", RecordData::A(Ipv4Addr::new(10, 244, 1, last)))).collect()
}

#[test]
fn query_should_be_read_as_it_was_written() {
    let bytes = write_query(7, &name("Web.Default.svc.cluster.local"), QueryType::SRV);
    let read = read_query(&bytes).unwrap();
    assert_eq!(read, query("web.default.svc.cluster.local", QueryType::SRV, Some(1232)));
    assert_eq!(read.name.to_string(), "Web.Default.svc.cluster.local.");
}

#[test]
fn answer_should_be_read_as_it_was_written() {
    let srv = RecordData::Srv { priority: 0, weight: 50, port: 80, target: name("a.db.svc") };
    let soa = Soa {
        server: name("ns.dns.cluster.local"),
        mailbox: name("hostmaster.cluster.local"),
        serial: 1_499_347_823,
        minimum_seconds: 30,
    };
    let answer = Answer {
        code: ResponseCode::Refused,
        is_authoritative: true,
        is_truncated: false,
        answers: vec![
            record("db.svc", srv),
            record("db.svc", RecordData::Cname(name("web.svc"))),
            record("db.svc", RecordData::Txt("1.1.0".into())),
            record("1.0.96.10.in-addr.arpa", RecordData::Ptr(name("db.svc"))),
        ],
        authority: vec![record("svc", RecordData::Soa(soa)), record("svc", RecordData::Ns(name("ns.svc")))],
        additional: vec![
            record("a.db.svc", RecordData::A(Ipv4Addr::new(10, 244, 1, 2))),
            record("a.db.svc", RecordData::Aaaa("fd00::2".parse().unwrap())),
        ],
        reason: Some("nobody is asked".into()),
    };
    let query = query("db.svc", QueryType::SRV, Some(1232));
    let bytes = write_answer(&query, &answer, Transport::Udp);
    assert_eq!(read_answer(&bytes, 7, &query.name, query.kind), Some(answer));
    assert_eq!(read_answer(&bytes, 8, &query.name, query.kind), None, "another number");
    assert_eq!(read_answer(&bytes, 7, &name("web.svc"), query.kind), None, "another name");
    assert_eq!(read_answer(&bytes, 7, &query.name, QueryType::A), None, "another type");
}

#[test]
fn answer_should_be_shortened_to_what_the_client_takes() {
    let answer = Answer { answers: addresses(200), additional: addresses(3), ..Answer::default() };
    for (udp_bytes, transport, most, is_truncated) in [
        (None, Transport::Udp, 512, true),
        (Some(100), Transport::Udp, 512, true),
        (Some(4096), Transport::Udp, 1232, true),
        (None, Transport::Tcp, 65535, false),
    ] {
        let query = query("db.svc", QueryType::A, udp_bytes);
        let bytes = write_answer(&query, &answer, transport);
        let read = read_answer(&bytes, 7, &query.name, query.kind).unwrap();
        assert!(bytes.len() <= most, "{} bytes for {udp_bytes:?} {transport}", bytes.len());
        assert_eq!(read.is_truncated, is_truncated, "{udp_bytes:?} {transport}");
        assert!(read.answers.len() >= 25, "{} records for {udp_bytes:?}", read.answers.len());
        assert_eq!(read.additional.is_empty(), is_truncated, "what was not asked for goes first");
    }
}

#[test]
fn names_should_be_written_once() {
    let answer = Answer { answers: addresses(1), ..Answer::default() };
    let query = query("db.svc", QueryType::A, None);
    let bytes = write_answer(&query, &answer, Transport::Udp);
    assert_eq!(bytes.windows(3).filter(|window| window == b"\x02db").count(), 1);
}

#[test]
fn query_that_no_server_takes_should_be_refused_or_ignored() {
    let good = write_query(7, &name("web.svc"), QueryType::A);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let kind_at = good.len() - 11 - 4 + 1;
    let cases: [(&str, Vec<u8>, Option<u8>); 9] = [
        ("nothing", Vec::new(), None),
        ("half a header", good[..7].to_vec(), None),
        ("an answer", with(2, 0x81), None),
        ("an update", with(2, 0x29), Some(4)),
        ("two questions", with(5, 2), Some(1)),
        ("many answers", with(7, 2), Some(1)),
        ("more additional records than follow", with(11, 2), Some(1)),
        ("a name that never ends", good[..14].to_vec(), Some(1)),
        ("a type that nobody knows", with(kind_at - 1, 0x77), Some(4)),
    ];
    for (what, bytes, expected) in cases {
        let code = match read_query(&bytes).unwrap_err() {
            Unreadable::Ignore => None,
            Unreadable::Reply(reply) => {
                assert_eq!(&reply[..2], &good[..2], "{what}");
                Some(reply[3] & 15)
            }
        };
        assert_eq!(code, expected, "{what}");
    }
}

#[test]
fn pointer_that_leads_nowhere_should_be_an_error() {
    let header = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for pointer in [[0xc0, 12], [0xc0, 14], [0xff, 0xff]] {
        let bytes = [&header[..], &pointer, &[0, 1, 0, 1]].concat();
        assert!(matches!(read_query(&bytes), Err(Unreadable::Reply(_))), "{pointer:?}");
    }
}

proptest! {
    #[test]
    fn bytes_of_strangers_should_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = read_query(&bytes);
        let _ = read_answer(&bytes, u16::from_be_bytes([0, 7]), &name("a"), QueryType::A);
    }

    #[test]
    fn changed_messages_should_do_no_harm(changes in prop::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let answer = Answer { answers: addresses(3), reason: Some("why".into()), ..Answer::default() };
        let query = query("db.svc", QueryType::A, Some(512));
        let mut bytes = write_answer(&query, &answer, Transport::Tcp);
        let mut asked = write_query(7, &name("db.svc"), QueryType::A);
        for (at, byte) in changes {
            let (at, length) = (usize::from(at), bytes.len());
            bytes[at % length] = byte;
            let length = asked.len();
            asked[at % length] = byte;
        }
        let _ = read_answer(&bytes, 7, &query.name, query.kind);
        if let Ok(query) = read_query(&asked) {
            let _ = write_answer(&query, &answer, Transport::Udp);
        }
    }
}
