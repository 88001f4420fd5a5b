//! Services, slices and connections as tables: who dials what, and where that goes.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use serde_json::{Value, json};

use super::affinity::Affinity;
use super::iptables::iptables_save;
use super::route::{Packet, Route, route, still_leads};
use super::service_port::Protocol;
use super::table::ServiceTable;
use crate::given::Entropy;

/// Counts, so that endpoints come in turn.
#[derive(Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn next_u64(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

fn service(spec: Value) -> Service {
    let mut whole = json!({
        "metadata": { "namespace": "shop", "name": "db" },
        "spec": {
            "clusterIP": "10.96.0.7",
            "ports": [{ "name": "redis", "port": 6379, "protocol": "TCP" }],
        },
    });
    for (field, value) in spec.as_object().cloned().unwrap_or_default() {
        if field == "status" { whole["status"] = value } else { whole["spec"][field] = value }
    }
    serde_json::from_value(whole).unwrap()
}

/// A slice; an endpoint is written `ADDRESS NODE CONDITIONS`, with conditions of `r`, `s`, `t`.
fn slice(name: &str, endpoints: &[&str]) -> EndpointSlice {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|text| {
            let mut words = text.split(' ');
            let (address, node) = (words.next().unwrap(), words.next().unwrap());
            let conditions = words.next().unwrap_or("rs");
            let is = |letter| conditions.contains(letter);
            json!({
                "addresses": [address],
                "nodeName": node,
                "conditions": { "ready": is('r'), "serving": is('s'), "terminating": is('t') },
                "hints": words.next().map(|zone| json!({ "forZones": [{ "name": zone }] })),
            })
        })
        .collect();
    serde_json::from_value(json!({
        "metadata": {
            "namespace": "shop", "name": name, "labels": { "kubernetes.io/service-name": "db" },
        },
        "addressType": "IPv4",
        "ports": [{ "name": "redis", "port": 6380, "protocol": "TCP" }],
        "endpoints": endpoints,
    }))
    .unwrap()
}

fn table() -> ServiceTable {
    ServiceTable::new("node-1", "10.244.0.0/16".parse().unwrap())
}

/// A node's table and memory.
struct World {
    table: ServiceTable,
    affinity: Affinity,
    entropy: Counting,
    now: Cell<Timestamp>,
}

impl World {
    fn new(spec: Value, endpoints: &[&str]) -> World {
        let mut table = table();
        table.set_endpoint_slice(&slice("db-a", endpoints));
        table.set_service(&service(spec));
        let (affinity, entropy) = Default::default();
        World { table, affinity, entropy, now: Cell::new(Timestamp::UNIX_EPOCH) }
    }

    /// Where a connection goes; `from` is a pod's address, `node` or `outside`, and `to` may be a port of
    /// the node.
    fn goes(&mut self, from: &str, to: &str) -> String {
        let source = match from {
            "node" => "172.18.0.3",
            "outside" => "192.0.2.9",
            pod => pod,
        };
        let destination: SocketAddrV4 = to.parse().unwrap();
        let packet = Packet {
            protocol: Protocol::Tcp,
            source: source.parse().unwrap(),
            destination,
            from_node: from == "node",
            to_node: *destination.ip() == Ipv4Addr::new(172, 18, 0, 3),
        };
        match route(&self.table, &mut self.affinity, &packet, self.now.get(), &self.entropy) {
            Route::Forward { endpoint, masquerade: false } => endpoint.to_string(),
            Route::Forward { endpoint, masquerade: true } => format!("{endpoint} masqueraded"),
            other => format!("{other:?}"),
        }
    }
}

const SERVICE: &str = "10.96.0.7:6379";
const POD: &str = "10.244.1.9";

#[test]
fn connections_should_go_to_each_ready_endpoint_in_turn_and_to_no_other() {
    let endpoints = ["10.244.1.2 node-1", "10.244.2.3 node-2", "10.244.2.4 node-2 s", "10.244.2.5 node-2 st"];
    let mut world = World::new(json!({}), &endpoints);
    let found: Vec<String> = (0..3).map(|_| world.goes(POD, SERVICE)).collect();
    assert_eq!(found, ["10.244.1.2:6380", "10.244.2.3:6380", "10.244.1.2:6380"]);
    assert_eq!(world.goes(POD, "10.96.0.7:80"), "Untouched", "the Service has no such port");
    assert_eq!(world.goes(POD, "10.244.2.3:6380"), "Untouched", "this is no Service");
}

#[test]
fn what_becomes_of_a_connection_should_be_as_policy_and_endpoints_say() {
    let local = json!({ "internalTrafficPolicy": "Local" });
    let node_port = json!({
        "type": "NodePort",
        "ports": [{ "name": "redis", "port": 6379, "nodePort": 30079 }],
    });
    let both = json!({
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "ports": [{ "name": "redis", "port": 6379, "nodePort": 30079 }],
        "status": { "loadBalancer": { "ingress": [{ "ip": "172.18.255.200" }] } },
    });
    let ranges = json!({
        "type": "LoadBalancer",
        "loadBalancerSourceRanges": ["192.0.3.0/24"],
        "status": { "loadBalancer": { "ingress": [{ "ip": "172.18.255.200" }] } },
    });
    let (here, there) = ("10.244.1.2 node-1", "10.244.2.3 node-2");
    let (at_node, balancer) = ("172.18.0.3:30079", "172.18.255.200:6379");
    let cases: &[(&Value, &[&str], &str, &str, &str)] = &[
        (&json!({}), &[], POD, SERVICE, "Reject"),
        (&json!({}), &["10.244.2.3 node-2 s"], POD, SERVICE, "Reject"),
        (&json!({}), &["10.244.2.3 node-2 st"], POD, SERVICE, "10.244.2.3:6380"),
        (&json!({}), &[there], "node", SERVICE, "10.244.2.3:6380 masqueraded"),
        (&json!({}), &[here], "10.244.1.2", SERVICE, "10.244.1.2:6380 masqueraded"),
        (&local, &[here, there], POD, SERVICE, "10.244.1.2:6380"),
        (&local, &[here], "node", SERVICE, "10.244.1.2:6380 masqueraded"),
        (&local, &[there], POD, SERVICE, "Drop"),
        (&local, &[], POD, SERVICE, "Reject"),
        (&local, &["10.244.1.2 node-1 st", there], POD, SERVICE, "10.244.1.2:6380"),
        (&node_port, &[there], "outside", at_node, "10.244.2.3:6380 masqueraded"),
        (&node_port, &[there], POD, at_node, "10.244.2.3:6380 masqueraded"),
        (&node_port, &[there], POD, "172.18.0.4:30079", "Untouched"),
        (&node_port, &[], "outside", at_node, "Reject"),
        (&both, &[there], "outside", at_node, "Drop"),
        (&both, &[there], POD, balancer, "10.244.2.3:6380"),
        (&both, &[there], "node", balancer, "10.244.2.3:6380 masqueraded"),
        (&both, &[here, there], "outside", balancer, "10.244.1.2:6380"),
        (&ranges, &[here], "outside", balancer, "Drop"),
        (&json!({ "clusterIP": "None" }), &[here], POD, SERVICE, "Untouched"),
        (&json!({ "type": "ExternalName" }), &[here], POD, SERVICE, "Untouched"),
    ];
    for (spec, endpoints, from, to, expected) in cases {
        let mut world = World::new((*spec).clone(), endpoints);
        assert_eq!(world.goes(from, to), *expected, "{spec} with {endpoints:?}: from {from} to {to}");
    }
}

#[test]
fn datagrams_should_go_on_to_an_endpoint_while_the_service_has_it() {
    let mut world = World::new(json!({}), &["10.244.1.2 node-1"]);
    let packet = |world: &World, to: &str| {
        let packet = Packet {
            protocol: Protocol::Tcp,
            source: POD.parse().unwrap(),
            destination: to.parse().unwrap(),
            from_node: false,
            to_node: false,
        };
        still_leads(&world.table, &packet, "10.244.1.2:6380".parse().unwrap())
    };
    assert!(packet(&world, SERVICE));
    assert!(!packet(&world, "10.96.0.7:80"), "that is no Service's port");
    world.table.set_endpoint_slice(&slice("db-a", &["10.244.1.2 node-1 s", "10.244.2.3 node-2"]));
    assert!(!packet(&world, SERVICE), "it is not ready any more");
    world.table.set_endpoint_slice(&slice("db-a", &["10.244.1.2 node-1"]));
    assert!(packet(&world, SERVICE));
    world.table.remove_service(&service(json!({})));
    assert!(!packet(&world, SERVICE), "the Service is gone");
}

#[test]
fn client_should_stay_with_its_endpoint_until_it_was_away_for_too_long_or_that_is_gone() {
    let spec = json!({
        "sessionAffinity": "ClientIP",
        "sessionAffinityConfig": { "clientIP": { "timeoutSeconds": 60 } },
    });
    let (one, two) = ("10.244.1.2 node-1", "10.244.2.3 node-2");
    let mut world = World::new(spec, &[one, two]);
    let wait = |world: &World, seconds| world.now.set(world.now.get() + SignedDuration::from_secs(seconds));
    assert_eq!(world.goes(POD, SERVICE), "10.244.1.2:6380");
    assert_eq!(world.goes("10.244.1.10", SERVICE), "10.244.2.3:6380", "another client has its own lot");
    for _ in 0..3 {
        wait(&world, 60);
        assert_eq!(world.goes(POD, SERVICE), "10.244.1.2:6380");
    }
    world.entropy.next_u64();
    wait(&world, 61);
    assert_eq!(world.goes(POD, SERVICE), "10.244.2.3:6380", "the time was over");
    world.table.set_endpoint_slice(&slice("db-a", &[one]));
    assert_eq!(world.goes(POD, SERVICE), "10.244.1.2:6380", "its endpoint is gone");
}

#[test]
fn hints_should_count_where_all_endpoints_have_them_and_one_is_for_here() {
    let (near, far) = ("10.244.1.2 node-1 rs zone-a", "10.244.2.3 node-2 rs zone-b");
    let cases: [(&[&str], &str, &[&str]); 3] = [
        (&[near, far], "zone-a", &["10.244.1.2:6380", "10.244.1.2:6380"]),
        (&[near, far], "zone-c", &["10.244.1.2:6380", "10.244.2.3:6380"]),
        (&[near, "10.244.2.3 node-2"], "zone-a", &["10.244.1.2:6380", "10.244.2.3:6380"]),
    ];
    for (endpoints, zone, expected) in cases {
        let mut world = World::new(json!({}), endpoints);
        let node = json!({
            "metadata": { "name": "node-1", "labels": { "topology.kubernetes.io/zone": zone } },
        });
        world.table.set_node(&serde_json::from_value(node).unwrap());
        let found = [world.goes(POD, SERVICE), world.goes(POD, SERVICE)];
        assert_eq!(found, expected, "{endpoints:?} in {zone}");
    }
}

#[test]
fn table_should_be_the_same_whatever_came_before() {
    let mut world = World::new(json!({}), &["10.244.1.2 node-1"]);
    world.table.set_endpoint_slice(&slice("db-b", &["10.244.2.3 node-2", "10.244.1.2 node-1"]));
    world.table.set_service(&service(json!({ "clusterIP": "10.96.0.8" })));
    assert_eq!(world.goes(POD, SERVICE), "Untouched", "the address is another one now");
    let found = [world.goes(POD, "10.96.0.8:6379"), world.goes(POD, "10.96.0.8:6379")];
    assert_eq!(found, ["10.244.1.2:6380", "10.244.2.3:6380"], "in two slices is not twice");
    let ports =
        |name| json!({ "type": "NodePort", "ports": [{ "name": name, "port": 1, "nodePort": 30079 }] });
    let other = |mut service: Service, name: &str| {
        service.metadata.name = Some(name.to_owned());
        service
    };
    let (old, new) = (other(service(ports("a")), "old"), other(service(ports("b")), "a-new"));
    world.table.set_service(&old);
    world.table.set_service(&new);
    world.table.remove_service(&old);
    assert_eq!(world.goes(POD, "172.18.0.3:30079"), "Reject", "the port is another Service's now");
    world.table.remove_service(&new);
    world.table.remove_endpoint_slice(&slice("db-a", &[]));
    world.table.remove_endpoint_slice(&slice("db-b", &[]));
    assert_eq!(world.goes(POD, "10.96.0.8:6379"), "Reject");
    world.table.remove_service(&service(json!({})));
    assert_eq!(world.goes(POD, "10.96.0.8:6379"), "Untouched");
    assert_eq!(iptables_save(&world.table), iptables_save(&table()), "nothing is left of it");
}

#[test]
fn rules_should_read_as_iptables_save_prints_them() {
    let endpoints = ["10.244.1.2 node-1", "10.244.2.3 node-2"];
    let spec = json!({
        "type": "NodePort",
        "ports": [{ "name": "redis", "port": 6379, "nodePort": 30079 }],
    });
    let text = iptables_save(&World::new(spec, &endpoints).table);
    let nat = text.split("*nat\n").nth(1).unwrap();
    let rules: Vec<&str> = nat.lines().filter(|line| line.contains("shop/db:redis")).collect();
    let portal = rules.iter().find(|rule| rule.starts_with("-A KUBE-SERVICES -d ")).unwrap();
    let svc = portal.rsplit(' ').next().unwrap();
    let ext = svc.replace("SVC", "EXT");
    let hash = |address: &str| {
        let end = format!("shop/db:redis -> {address}\"");
        let rule = rules.iter().find(|rule| rule.contains(&end)).unwrap();
        rule.rsplit(' ').next().unwrap().to_owned()
    };
    let (one, two) = (hash("10.244.1.2:6380"), hash("10.244.2.3:6380"));
    let mut expected = vec![
        format!(
            "-A KUBE-NODEPORTS -p tcp -m comment --comment \"shop/db:redis\" -m tcp --dport 30079 -j {ext}"
        ),
        format!(
            "-A KUBE-SERVICES -d 10.96.0.7/32 -p tcp -m comment --comment \"shop/db:redis cluster IP\" -m tcp --dport 6379 -j {svc}"
        ),
        format!(
            "-A {ext} -m comment --comment \"masquerade traffic for shop/db:redis external destinations\" -j KUBE-MARK-MASQ"
        ),
        format!(
            "-A {svc} ! -s 10.244.0.0/16 -d 10.96.0.7/32 -p tcp -m comment --comment \"shop/db:redis cluster IP\" -m tcp --dport 6379 -j KUBE-MARK-MASQ"
        ),
        format!(
            "-A {svc} -m comment --comment \"shop/db:redis -> 10.244.1.2:6380\" -m statistic --mode random --probability 0.50000000000 -j {one}"
        ),
        format!("-A {svc} -m comment --comment \"shop/db:redis -> 10.244.2.3:6380\" -j {two}"),
    ];
    for (chain, ip) in [(&one, "10.244.1.2"), (&two, "10.244.2.3")] {
        expected
            .push(format!("-A {chain} -s {ip}/32 -m comment --comment \"shop/db:redis\" -j KUBE-MARK-MASQ"));
        expected.push(format!(
            "-A {chain} -p tcp -m comment --comment \"shop/db:redis\" -m tcp -j DNAT --to-destination {ip}:6380"
        ));
    }
    let mut found = rules.clone();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    let order: Vec<&str> = nat.lines().filter(|line| line.starts_with("-A KUBE-SERVICES")).collect();
    assert!(order.last().unwrap().contains("this must be the last rule"), "{order:?}");
    let chains: Vec<&str> = nat.lines().filter(|line| line.starts_with(':')).collect();
    for chain in [svc, &ext, &one, &two] {
        assert!(chains.contains(&format!(":{chain} - [0:0]").as_str()), "{chain} is not declared");
    }
}

#[test]
fn refused_services_should_be_told_in_the_filter_table() {
    let text = iptables_save(&World::new(json!({}), &[]).table);
    let expected = "-A KUBE-SERVICES -d 10.96.0.7/32 -p tcp -m comment --comment \"shop/db:redis has no endpoints\" -m tcp --dport 6379 -j REJECT --reject-with icmp-port-unreachable";
    assert!(text.lines().any(|line| line == expected), "{text}");
    assert!(text.split("*nat\n").nth(1).is_some_and(|nat| !nat.contains("shop/db")), "{text}");
}
