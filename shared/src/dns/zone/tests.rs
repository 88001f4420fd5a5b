//! The answers of CoreDNS's own tests, and those that the specification shows.

use serde_json::{Value, json};

use super::testing::*;
use super::*;
use crate::dns::message::{Answer, QueryType, ResponseCode};
use crate::dns::name::Name;

const START: &str =
    "cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1499347823 7200 1800 86400 30";

fn ask(zone: &Zone, name: &str, kind: QueryType) -> Answer {
    zone.answer(&Name::parse(name).unwrap(), kind)
}

fn lines(records: &[crate::dns::message::Record]) -> Vec<String> {
    let mut lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    lines.sort_unstable();
    lines
}

fn sorted(lines: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    lines.sort_unstable();
    lines
}

/// Asks and compares; where there are no records, the zone's start is expected.
fn check(name: &str, kind: QueryType, answers: &[&str], additional: &[&str]) {
    let answer = ask(&zone(), name, kind);
    assert_eq!(answer.code, ResponseCode::NoError, "{kind} {name}");
    assert!(answer.is_authoritative, "{kind} {name}");
    assert_eq!(lines(&answer.answers), sorted(answers), "{kind} {name}");
    assert_eq!(lines(&answer.additional), sorted(additional), "{kind} {name}");
    let authority: &[&str] = if answers.is_empty() { &[START] } else { &[] };
    assert_eq!(lines(&answer.authority), authority, "{kind} {name}");
}

fn check_no_such_name(name: &str, kind: QueryType) {
    let answer = ask(&zone(), name, kind);
    assert_eq!(answer.code, ResponseCode::NameError, "{kind} {name}");
    assert_eq!(
        (lines(&answer.answers), lines(&answer.authority)),
        (vec![], vec![START.to_owned()]),
        "{kind} {name}"
    );
}

#[test]
fn zone_should_answer_for_services_with_addresses() {
    let a = "svc1.testns.svc.cluster.local. 30 IN A 10.0.0.1";
    check("svc1.testns.svc.cluster.local.", QueryType::A, &[a], &[]);
    check(
        "SVC1.testns.svc.CLUSTER.local",
        QueryType::A,
        &["SVC1.testns.svc.CLUSTER.local. 30 IN A 10.0.0.1"],
        &[],
    );
    let empty = "svcempty.testns.svc.cluster.local. 30 IN A 10.0.0.2";
    check("svcempty.testns.svc.cluster.local.", QueryType::A, &[empty], &[]);
    let six = "svc6.testns.svc.cluster.local. 30 IN AAAA 1234:abcd::1";
    check("svc6.testns.svc.cluster.local.", QueryType::AAAA, &[six], &[]);
    let four = "svc-dual-stack.testns.svc.cluster.local. 30 IN A 10.0.0.3";
    check("svc-dual-stack.testns.svc.cluster.local.", QueryType::A, &[four], &[]);
    let portless = "portless.testns.svc.cluster.local. 30 IN A 10.0.0.9";
    check("portless.testns.svc.cluster.local.", QueryType::A, &[portless], &[]);
}

#[test]
fn zone_should_answer_for_ports_of_services() {
    let srv = |owner: &str, weight: u16| format!("{owner} 30 IN SRV 0 {weight} 80 ");
    let a = "svc1.testns.svc.cluster.local. 30 IN A 10.0.0.1";
    for owner in ["svc1.testns.svc.cluster.local.", "_http._tcp.svc1.testns.svc.cluster.local."] {
        let expected = srv(owner, 100) + "svc1.testns.svc.cluster.local.";
        check(owner, QueryType::SRV, &[&expected], &[a]);
    }
    let owner = "svc-dual-stack.testns.svc.cluster.local.";
    let addresses = [&format!("{owner} 30 IN A 10.0.0.3")[..], &format!("{owner} 30 IN AAAA 10::3")];
    check(owner, QueryType::SRV, &[&(srv(owner, 50) + owner)], &addresses);
    check("portless.testns.svc.cluster.local.", QueryType::SRV, &[], &[]);
    check_no_such_name("_https._tcp.svc1.testns.svc.cluster.local.", QueryType::SRV);
    check_no_such_name("_http._udp.svc1.testns.svc.cluster.local.", QueryType::SRV);
}

#[test]
fn zone_should_answer_for_headless_services_with_their_ready_endpoints() {
    let owner = "hdls1.testns.svc.cluster.local.";
    let a = |owner: &str, last: u8| format!("{owner} 30 IN A 172.0.0.{last}");
    let all: Vec<String> = (2..=5).map(|last| a(owner, last)).collect();
    check(owner, QueryType::A, &all.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let named = "dup-name.hdls1.testns.svc.cluster.local.";
    check(named, QueryType::A, &[&a(named, 4), &a(named, 5)], &[]);
    let dashed = "172-0-0-2.hdls1.testns.svc.cluster.local.";
    check(dashed, QueryType::A, &[&a(dashed, 2)], &[]);
    let six = "5678-abcd--2.hdls1.testns.svc.cluster.local.";
    check(six, QueryType::AAAA, &[&format!("{six} 30 IN AAAA 5678:abcd::2")], &[]);
    let portless = "hdlsprtls.testns.svc.cluster.local.";
    check(portless, QueryType::A, &[&a(portless, 20)], &[]);
    let endpoint = "172-0-0-20.hdlsprtls.testns.svc.cluster.local.";
    check(endpoint, QueryType::A, &[&a(endpoint, 20)], &[]);
    let of_addressed = "172-0-1-2.svc1.testns.svc.cluster.local.";
    check(of_addressed, QueryType::A, &[&format!("{of_addressed} 30 IN A 172.0.1.2")], &[]);
    for name in ["not-ready", "172-0-0-66", "bogusendpoint", "172-0-0-4"] {
        check_no_such_name(&format!("{name}.hdls1.testns.svc.cluster.local."), QueryType::A);
    }
    check_no_such_name("hdlsempty.testns.svc.cluster.local.", QueryType::A);
}

#[test]
fn zone_should_answer_for_ports_of_headless_services() {
    let owner = "_http._tcp.hdls1.testns.svc.cluster.local.";
    let labels = ["172-0-0-2", "172-0-0-3", "5678-abcd--1", "5678-abcd--2", "dup-name"];
    let srv =
        labels.map(|label| format!("{owner} 30 IN SRV 0 16 80 {label}.hdls1.testns.svc.cluster.local."));
    let addresses = [
        ("172-0-0-2", "A 172.0.0.2"),
        ("172-0-0-3", "A 172.0.0.3"),
        ("5678-abcd--1", "AAAA 5678:abcd::1"),
        ("5678-abcd--2", "AAAA 5678:abcd::2"),
        ("dup-name", "A 172.0.0.4"),
        ("dup-name", "A 172.0.0.5"),
    ];
    let addresses =
        addresses.map(|(label, data)| format!("{label}.hdls1.testns.svc.cluster.local. 30 IN {data}"));
    check(
        owner,
        QueryType::SRV,
        &srv.each_ref().map(String::as_str),
        &addresses.each_ref().map(String::as_str),
    );
}

#[test]
fn zone_should_lead_on_from_external_names_within_the_cluster() {
    let owner = "external-to-service.testns.svc.cluster.local.";
    let cname = format!("{owner} 30 IN CNAME svc1.testns.svc.cluster.local.");
    let a = "svc1.testns.svc.cluster.local. 30 IN A 10.0.0.1";
    check(owner, QueryType::A, &[&cname, a], &[]);
    assert_eq!(ask(&zone(), owner, QueryType::A).answers[0].to_string(), cname, "the way comes first");
    check(owner, QueryType::CNAME, &[&cname], &[]);
    check(owner, QueryType::AAAA, &[], &[]);
    check(owner, QueryType::SRV, &[], &[]);
    let outside = "external.testns.svc.cluster.local. 30 IN CNAME ext.interwebs.test.";
    check("external.testns.svc.cluster.local.", QueryType::CNAME, &[outside], &[]);
    check("external.testns.svc.cluster.local.", QueryType::TXT, &[], &[]);
    check("external-to-nothing.testns.svc.cluster.local.", QueryType::A, &[], &[]);
    check("external-to-itself.testns.svc.cluster.local.", QueryType::A, &[], &[]);
    check_no_such_name("endpoint.external.testns.svc.cluster.local.", QueryType::CNAME);
    check_no_such_name("external-address.testns.svc.cluster.local.", QueryType::A);
}

#[test]
fn zone_should_refuse_names_outside_of_the_cluster_and_say_why() {
    for (name, answers) in [
        ("example.com.", 0),
        ("mycluster.local.", 0),
        ("8.8.8.8.in-addr.arpa.", 0),
        ("external.testns.svc.cluster.local.", 1),
    ] {
        let answer = ask(&zone(), name, QueryType::A);
        assert_eq!((answer.code, answer.answers.len()), (ResponseCode::Refused, answers), "{name}");
        assert!(answer.reason.unwrap().contains("is not a name of this cluster"), "{name}");
    }
}

#[test]
fn zone_should_tell_names_that_do_not_exist_from_those_without_records() {
    let exists = [
        ("svc1.testns.svc.cluster.local.", QueryType::AAAA),
        ("svc1.testns.svc.cluster.local.", QueryType::CNAME),
        ("svc1.testns.svc.cluster.local.", QueryType::TXT),
        ("svc1.testns.svc.cluster.local.", QueryType::SOA),
        ("svc1.testns.svc.cluster.local.", QueryType::NS),
        ("svc1.testns.svc.cluster.local.", QueryType::PTR),
        ("svc.cluster.local.", QueryType::A),
        ("pod.cluster.local.", QueryType::A),
        ("testns.svc.cluster.local.", QueryType::A),
        ("testns.svc.cluster.local.", QueryType::NS),
        ("testns.pod.cluster.local.", QueryType::A),
        ("svc.cluster.local.", QueryType::NS),
        ("cluster.local.", QueryType::A),
        ("dns-version.cluster.local.", QueryType::A),
        ("dns.cluster.local.", QueryType::A),
        ("10-0-0-1.testns.pod.cluster.local.", QueryType::AAAA),
    ];
    for (name, kind) in exists {
        check(name, kind, &[], &[]);
    }
    let missing = [
        ("svc0.testns.svc.cluster.local.", QueryType::A),
        ("svc0.testns.svc.cluster.local.", QueryType::AAAA),
        ("svc0.testns.svc.cluster.local.", QueryType::TXT),
        ("svc0.svc-nons.svc.cluster.local.", QueryType::A),
        ("svc-nons.svc.cluster.local.", QueryType::A),
        ("foo.cluster.local.", QueryType::NS),
        ("foo.svc.cluster.local.", QueryType::NS),
        ("bogusendpoint.svc0.testns.svc.cluster.local.", QueryType::A),
        ("a.b.c.svc1.testns.svc.cluster.local.", QueryType::A),
        ("kubernetes.default.svc.cluster.local.default.svc.cluster.local.", QueryType::A),
        ("*.testns.svc.cluster.local.", QueryType::A),
    ];
    for (name, kind) in missing {
        check_no_such_name(name, kind);
    }
}

#[test]
fn zone_should_answer_for_pods_by_the_address_in_their_names() {
    let a = |name: &str, address: &str| format!("{name} 30 IN {address}");
    let four = "10-240-0-1.testns.pod.cluster.local.";
    check(four, QueryType::A, &[&a(four, "A 10.240.0.1")], &[]);
    let six = "5678-abcd--2.testns.pod.cluster.local.";
    check(six, QueryType::AAAA, &[&a(six, "AAAA 5678:abcd::2")], &[]);
    for name in ["10-240-0-256.testns", "web.testns", "10-240-0-1.nons", "x.10-240-0-1.testns"] {
        check_no_such_name(&format!("{name}.pod.cluster.local."), QueryType::A);
    }
}

#[test]
fn zone_should_say_its_version_its_start_and_who_serves_it() {
    let version = "dns-version.cluster.local. 28800 IN TXT \"1.1.0\"";
    check("dns-version.cluster.local.", QueryType::TXT, &[version], &[]);
    check("cluster.local.", QueryType::SOA, &[START], &[]);
    let server = "cluster.local. 30 IN NS dns.testns.svc.cluster.local.";
    let address = "dns.testns.svc.cluster.local. 30 IN A 10.96.0.10";
    check("cluster.local.", QueryType::NS, &[server], &[address]);
    check("ns.dns.cluster.local.", QueryType::A, &["ns.dns.cluster.local. 30 IN A 10.96.0.10"], &[]);
    let alone = Zone::new(Ipv4Addr::new(10, 244, 0, 9));
    let answer = ask(&alone, "cluster.local", QueryType::NS);
    assert_eq!(lines(&answer.answers), ["cluster.local. 30 IN NS ns.dns.cluster.local."]);
    assert_eq!(lines(&answer.additional), ["ns.dns.cluster.local. 30 IN A 10.244.0.9"]);
}

#[test]
fn zone_should_know_addresses_of_services_and_endpoints() {
    let names = |address: &str| {
        let name = Name::reverse(address.parse().unwrap());
        let answer = zone().answer(&name, QueryType::PTR);
        let answers = answer.answers.iter().map(|record| record.data.clone());
        let names = answers.map(|data| match data {
            crate::dns::message::RecordData::Ptr(name) => name.to_string(),
            other => panic!("{other:?}"),
        });
        (answer.code, names.collect::<Vec<_>>())
    };
    for (address, expected) in [
        ("10.0.0.1", "svc1.testns.svc.cluster.local."),
        ("10::3", "svc-dual-stack.testns.svc.cluster.local."),
        ("172.0.0.2", "172-0-0-2.hdls1.testns.svc.cluster.local."),
        ("172.0.0.5", "dup-name.hdls1.testns.svc.cluster.local."),
        ("172.0.1.2", "172-0-1-2.svc1.testns.svc.cluster.local."),
        ("5678:abcd::1", "5678-abcd--1.hdls1.testns.svc.cluster.local."),
    ] {
        assert_eq!(names(address), (ResponseCode::NoError, vec![expected.to_owned()]), "{address}");
    }
    assert_eq!(names("10.0.0.99").0, ResponseCode::NameError);
    assert_eq!(names("172.0.0.66").0, ResponseCode::Refused, "no private address, and not ready");
    let text = ask(&zone(), "1.0.0.10.in-addr.arpa", QueryType::TXT);
    assert_eq!((text.code, text.answers.len()), (ResponseCode::NoError, 0));
    let start = ask(&zone(), "in-addr.arpa", QueryType::SOA);
    assert!(start.answers[0].to_string().starts_with("in-addr.arpa. 30 IN SOA ns.dns.in-addr.arpa. "));
}

#[test]
fn zone_should_follow_every_change_of_an_object() {
    let mut zone = zone();
    let count = |zone: &Zone, name: &str| ask(zone, name, QueryType::A).answers.len();
    let reverse = |zone: &Zone, address: &str| {
        zone.answer(&Name::reverse(address.parse().unwrap()), QueryType::PTR).answers.len()
    };
    let service = "svc1.testns.svc.cluster.local";
    zone.apply(Change::Modified, &with_addresses("svc1", &["10.0.0.50"]), 2);
    assert_eq!((reverse(&zone, "10.0.0.1"), reverse(&zone, "10.0.0.50")), (0, 1));
    zone.apply(Change::Deleted, &with_addresses("svc1", &["10.0.0.50"]), 3);
    assert_eq!((count(&zone, service), reverse(&zone, "10.0.0.50")), (0, 0));

    let headless = "hdls1.testns.svc.cluster.local";
    let one = slice("hdls1-a", "hdls1", json!([{"addresses": ["172.0.0.3"]}]), Value::Null);
    zone.apply(Change::Modified, &one, 4);
    assert_eq!((count(&zone, headless), reverse(&zone, "172.0.0.2")), (2, 0));
    let moved = slice("hdls1-a", "hdlsempty", json!([{"addresses": ["172.0.0.3"]}]), Value::Null);
    zone.apply(Change::Modified, &moved, 5);
    assert_eq!((count(&zone, headless), count(&zone, "hdlsempty.testns.svc.cluster.local")), (1, 1));
    zone.apply(Change::Deleted, &moved, 6);
    assert_eq!((count(&zone, "hdlsempty.testns.svc.cluster.local"), reverse(&zone, "172.0.0.3")), (0, 0));

    zone.apply(Change::Deleted, &namespace("testns"), 7);
    assert_eq!(ask(&zone, headless, QueryType::A).code, ResponseCode::NameError);
    assert!(ask(&zone, "cluster.local", QueryType::SOA).answers[0].to_string().contains(" 7 7200 "));
}

#[test]
fn names_beyond_the_cluster_should_be_known_where_they_may_be_reached() {
    let mut zone = zone();
    zone.set_beyond([("db.example.com".to_owned(), vec![Ipv4Addr::new(203, 0, 113, 5)])].into());
    let answer = ask(&zone, "db.example.com", QueryType::A);
    assert_eq!(answer.code, ResponseCode::NoError);
    assert_eq!(lines(&answer.answers), ["db.example.com. 30 IN A 203.0.113.5"]);
    assert!(ask(&zone, "db.example.com", QueryType::AAAA).answers.is_empty());
    assert_eq!(ask(&zone, "example.com", QueryType::A).code, ResponseCode::Refused);
}
