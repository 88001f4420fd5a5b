//! Ingresses as a table: which request goes where.

use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::table::{BackendPort, IngressTable, Routed, port_of};
use super::{CLASS, CONTROLLER};

fn read<K: DeserializeOwned>(value: serde_json::Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// An Ingress of the cluster's class, from its spec in YAML.
fn ingress(name: &str, spec: &str) -> Ingress {
    let text = format!("{{metadata: {{namespace: shop, name: {name}}}, spec: {spec}}}");
    let mut ingress: Ingress = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let class = &mut ingress.spec.as_mut().unwrap().ingress_class_name;
    class.get_or_insert_with(|| CLASS.to_owned());
    ingress
}

/// A rule of a host with paths, written `TYPE PATH SERVICE`.
fn rule(host: &str, paths: &[&str]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|text| {
            let words: Vec<&str> = text.split(' ').collect();
            let backend = format!("{{service: {{name: {}, port: {{number: 80}}}}}}", words[2]);
            format!("{{pathType: {}, path: '{}', backend: {backend}}}", words[0], words[1])
        })
        .collect();
    format!("{{host: '{host}', http: {{paths: [{}]}}}}", paths.join(", "))
}

fn table(ingresses: &[Ingress]) -> IngressTable {
    let mut table = IngressTable::default();
    for (name, controller) in [(CLASS, CONTROLLER), ("other", "a.example/b")] {
        let class = json!({ "metadata": { "name": name }, "spec": { "controller": controller } });
        table.set_class(&read::<IngressClass>(class));
    }
    ingresses.iter().for_each(|ingress| table.set_ingress(ingress));
    table
}

fn routed(table: &IngressTable, url: &str) -> String {
    let (host, path) = url.split_at(url.find('/').unwrap());
    match table.route(host, path) {
        Routed::To(backend) => backend.service.1.clone(),
        Routed::Nothing => "nothing".into(),
        Routed::Unknown => "unknown".into(),
    }
}

#[track_caller]
fn check(table: &IngressTable, rows: &[(&str, &str)]) {
    for (url, expected) in rows {
        assert_eq!(routed(table, url), *expected, "{url}");
    }
}

#[test]
fn paths_should_match_as_the_documents_table_says() {
    let rows: [(&[&str], &str, &str); 16] = [
        (&["Prefix / a"], "/anything/at/all", "a"),
        (&["Exact /foo a"], "/foo", "a"),
        (&["Exact /foo a"], "/bar", "nothing"),
        (&["Exact /foo a"], "/foo/", "nothing"),
        (&["Exact /foo/ a"], "/foo", "nothing"),
        (&["Prefix /foo a"], "/foo/", "a"),
        (&["Prefix /foo/ a"], "/foo", "a"),
        (&["Prefix /aaa/bb a"], "/aaa/bbb", "nothing"),
        (&["Prefix /aaa/bbb a"], "/aaa/bbb/ccc", "a"),
        (&["Prefix /aaa/bbb a"], "/aaa/bbbxyz", "nothing"),
        (&["Prefix / a", "Prefix /aaa b"], "/aaa/ccc", "b"),
        (&["Prefix / a", "Prefix /aaa b", "Prefix /aaa/bbb c"], "/aaa/bbb", "c"),
        (&["Prefix / a", "Prefix /aaa b"], "/ccc", "a"),
        (&["Prefix /aaa a"], "/ccc", "nothing"),
        (&["Prefix /foo a", "Exact /foo b"], "/foo", "b"),
        (&["ImplementationSpecific /foo a"], "/foo/bar", "a"),
    ];
    for (paths, path, expected) in rows {
        let table = table(&[ingress("i", &format!("{{rules: [{}]}}", rule("web.example", paths)))]);
        assert_eq!(routed(&table, &format!("web.example{path}")), expected, "{paths:?} {path}");
    }
}

#[test]
fn hosts_should_be_theirs_before_wildcards_and_wildcards_before_all() {
    let rules = [
        rule("web.example", &["Prefix / exact"]),
        rule("*.example", &["Prefix / wild"]),
        rule("", &["Prefix /all all"]),
    ];
    let table = table(&[
        ingress("i", &format!("{{rules: [{}]}}", rules.join(", "))),
        ingress("default", "{defaultBackend: {service: {name: rest, port: {number: 80}}}}"),
    ]);
    check(
        &table,
        &[
            ("web.example/", "exact"),
            ("WEB.example/", "exact"),
            ("api.example/", "wild"),
            ("a.b.example/", "rest"),
            ("example/", "rest"),
            ("elsewhere/all", "all"),
            ("elsewhere/", "rest"),
        ],
    );
    assert!(table.names("api.example") && !table.names("example") && table.takes_all());
}

#[test]
fn what_nobody_serves_should_be_told_apart() {
    let other = "{ingressClassName: other, rules: [{host: other.example}]}";
    let own = format!(
        "{{defaultBackend: {{service: {{name: own, port: {{number: 80}}}}}}, rules: [{}]}}",
        rule("web.example", &["Exact /a a"])
    );
    let table = table(&[ingress("i", &own), ingress("o", other)]);
    check(
        &table,
        &[("web.example/a", "a"), ("web.example/b", "own"), ("other.example/", "unknown"), ("x/", "unknown")],
    );
    assert!(!table.takes_all());
}

#[test]
fn the_older_ingress_should_keep_a_path_that_two_want() {
    let aged = |name: &str, service: &str, day: u8| {
        let paths = format!("Prefix / {service}");
        let mut ingress = ingress(name, &format!("{{rules: [{}]}}", rule("web.example", &[&paths])));
        ingress.metadata.creation_timestamp = Some(read(json!(format!("2026-01-0{day}T00:00:00Z"))));
        ingress
    };
    let (young, old) = (aged("a", "young", 2), aged("b", "old", 1));
    let mut table = table(&[young, old.clone()]);
    check(&table, &[("web.example/", "old")]);
    table.remove_ingress(&old);
    check(&table, &[("web.example/", "young")]);
}

#[test]
fn certificates_should_be_those_of_their_hosts() {
    let tls = "{tls: [{hosts: [web.example, '*.wild.example'], secretName: cert}, {hosts: [bare.example]}], rules: [{host: web.example}]}";
    let table = table(&[ingress("i", tls)]);
    let cert = ("shop".to_owned(), "cert".to_owned());
    for (host, expected) in [("web.example", true), ("a.wild.example", true), ("bare.example", false)] {
        assert_eq!(table.secret(host), expected.then_some(&cert), "{host}");
    }
}

#[test]
fn status_should_say_where_an_ingress_is_while_it_is_served() {
    let mut table = table(&[ingress("i", "{rules: [{host: a}]}")]);
    let told = table.to_tell().remove(0);
    let status = serde_json::to_value(told.status.clone()).unwrap();
    assert_eq!(status, json!({ "loadBalancer": { "ingress": [{ "hostname": "localhost" }] } }));
    table.set_ingress(&told);
    assert!(table.to_tell().is_empty());
    let mut moved = told;
    moved.spec.as_mut().unwrap().ingress_class_name = Some("other".into());
    table.set_ingress(&moved);
    assert_eq!(serde_json::to_value(&table.to_tell()[0].status).unwrap(), json!({ "loadBalancer": {} }));
    let mut annotated = ingress("j", "{rules: [{host: b}]}");
    annotated.spec.as_mut().unwrap().ingress_class_name = None;
    annotated.metadata.annotations =
        Some([("kubernetes.io/ingress.class".to_owned(), CLASS.to_owned())].into());
    table.set_ingress(&annotated);
    assert!(table.names("b"), "by the older annotation");
}

#[test]
fn ports_should_be_found_by_number_or_name() {
    let service: Service = read(json!({ "spec": { "ports": [
        { "name": "dns", "port": 53, "protocol": "UDP" },
        { "name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP" },
    ] } }));
    let name = |name: &str| BackendPort::Name(name.to_owned());
    for (port, expected) in [
        (BackendPort::Number(80), Some(80)),
        (BackendPort::Number(8080), None),
        (name("http"), Some(80)),
        (name("dns"), None),
    ] {
        assert_eq!(port_of(&service, &port), expected, "{port:?}");
    }
}
