//! Policies as tables: who may talk to whom. Among them are the recipes that everybody begins with
//! (<https://github.com/ahmetb/kubernetes-network-policy-recipes>).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::passage::{Passage, may_arrive, may_leave};
use super::table::PolicyTable;
use crate::defaults;
use crate::proxy::service_port::Protocol;

/// Name, namespace, labels, node and address of every pod.
const PODS: &[(&str, &str, &str, &str, [u8; 4])] = &[
    ("web", "shop", "web", "node-1", [10, 244, 1, 2]),
    ("api", "shop", "api", "node-2", [10, 244, 2, 2]),
    ("db", "shop", "db", "node-2", [10, 244, 2, 3]),
    ("probe", "ops", "web", "node-1", [10, 244, 1, 9]),
    ("dns", "kube-system", "dns", "node-1", [10, 244, 1, 53]),
];
/// Name and a label of every namespace.
const NAMESPACES: &[(&str, &str)] = &[("shop", "retail"), ("ops", "watch"), ("kube-system", "core")];

fn read<K: DeserializeOwned>(value: serde_json::Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn pod(name: &str) -> Pod {
    let (_, namespace, app, node, address) = PODS.iter().find(|(known, ..)| *known == name).unwrap();
    read(json!({
        "metadata": { "name": name, "namespace": namespace, "labels": { "app": app } },
        "spec": {
            "nodeName": node,
            "containers": [{ "name": "c", "ports": [
                { "name": "redis", "containerPort": 6379, "protocol": "TCP" },
                { "name": "dns", "containerPort": 53, "protocol": "UDP" },
            ] }],
        },
        "status": { "phase": "Running", "podIP": Ipv4Addr::from(*address) },
    }))
}

/// A policy from its namespace and its spec in YAML.
fn policy(name: &str, namespace: &str, spec: &str) -> NetworkPolicy {
    let text = format!("{{metadata: {{name: {name}, namespace: {namespace}}}, spec: {spec}}}");
    let mut policy: NetworkPolicy =
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    defaults::apply(&mut policy);
    policy
}

/// A table a node, each of which is told of everything.
struct World(BTreeMap<&'static str, PolicyTable>);

impl World {
    fn new() -> World {
        let mut world = World(["node-1", "node-2"].map(|node| (node, PolicyTable::new(node))).into());
        for (name, label) in NAMESPACES {
            let labels = json!({ "kubernetes.io/metadata.name": name, "kind": label });
            let namespace: Namespace = read(json!({ "metadata": { "name": name, "labels": labels } }));
            world.tell(|table| table.set_namespace(&namespace));
        }
        for (name, ..) in PODS {
            world.tell(|table| table.set_pod(&pod(name)));
        }
        world
    }

    fn with(policies: &[(&str, &str)]) -> World {
        let mut world = World::new();
        for (index, (namespace, spec)) in policies.iter().enumerate() {
            world.tell(|table| table.set_policy(&policy(&format!("p{index}"), namespace, spec)));
        }
        world
    }

    fn tell(&mut self, what: impl Fn(&mut PolicyTable)) {
        self.0.values_mut().for_each(what);
    }

    /// Whether a connection such as `web>db:6379`, `web>dns:53/udp` or `192.0.2.1>web:80` is made.
    fn allows(&self, connection: &str) -> bool {
        let (from, to) = connection.split_once('>').unwrap();
        let (to, port) = to.split_once(':').unwrap();
        let (port, protocol) = match port.split_once('/') {
            Some((port, _)) => (port, Protocol::Udp),
            None => (port, Protocol::Tcp),
        };
        let target = SocketAddrV4::new(place(to).address, port.parse().unwrap());
        let passage = |end: &Place| Passage {
            protocol,
            source: place(from).address,
            target,
            pod: end.pod.unwrap(),
            is_of_own_node: false,
        };
        let asks = |end: Place, ask: fn(&PolicyTable, &Passage<'_>) -> bool| {
            end.pod.is_none() || ask(&self.0[end.node], &passage(&end))
        };
        asks(place(from), may_leave) && asks(place(to), may_arrive)
    }

    #[track_caller]
    fn check(&self, allowed: &str, denied: &str, about: &str) {
        for (connections, expected) in [(allowed, true), (denied, false)] {
            for connection in connections.split_whitespace() {
                assert_eq!(self.allows(connection), expected, "{connection} with {about}");
            }
        }
    }
}

/// An end of a connection: a pod, or an address that nobody here has.
struct Place {
    address: Ipv4Addr,
    node: &'static str,
    pod: Option<(&'static str, &'static str)>,
}

fn place(name: &str) -> Place {
    match PODS.iter().find(|(known, ..)| *known == name) {
        Some((name, namespace, _, node, address)) => {
            Place { address: (*address).into(), node, pod: Some((namespace, name)) }
        }
        None => Place { address: name.parse().unwrap(), node: "", pod: None },
    }
}

/// Policies (namespace and spec each), what is allowed with them, and what is not.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);

#[track_caller]
fn check(table: &[Row]) {
    for (policies, allowed, denied) in table {
        World::with(policies).check(allowed, denied, &format!("{policies:?}"));
    }
}

#[test]
fn recipes_should_do_what_they_say() {
    check(&[
        // Nothing is said: everything is allowed.
        (&[], "web>db:6379 probe>db:6379 192.0.2.1>web:80 web>192.0.2.1:443", ""),
        // Deny all traffic to an application.
        (
            &[("shop", "{podSelector: {matchLabels: {app: db}}, ingress: []}")],
            "db>web:80 web>api:80 probe>web:80",
            "web>db:6379 probe>db:6379 192.0.2.1>db:6379",
        ),
        // Limit traffic to an application.
        (
            &[(
                "shop",
                "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}",
            )],
            "web>db:6379 web>db:22",
            "api>db:6379 probe>db:6379 192.0.2.1>db:6379",
        ),
        // Allow all traffic to an application, beside a default that denies.
        (
            &[
                ("shop", "{podSelector: {}}"),
                ("shop", "{podSelector: {matchLabels: {app: web}}, ingress: [{}]}"),
            ],
            "api>web:80 probe>web:80 192.0.2.1>web:80 web>probe:80",
            "web>db:6379 web>api:80",
        ),
        // Deny all that is not allowed otherwise, in a namespace.
        (&[("shop", "{podSelector: {}}")], "db>probe:80 probe>dns:53/udp", "web>db:6379 probe>web:80"),
        // Deny traffic from other namespaces.
        (
            &[("shop", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}")],
            "web>db:6379 api>web:80",
            "probe>db:6379 192.0.2.1>web:80",
        ),
        // Allow traffic from all namespaces, and nobody else.
        (
            &[(
                "shop",
                "{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {}}]}]}",
            )],
            "probe>web:80 db>web:80",
            "192.0.2.1>web:80",
        ),
        // Allow traffic from a namespace, and from some pods of it.
        (
            &[(
                "shop",
                "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kind: watch}}}]}]}",
            )],
            "probe>db:6379",
            "web>db:6379 dns>db:6379",
        ),
        (
            &[(
                "shop",
                "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kind: watch}}, podSelector: {matchLabels: {app: other}}}]}]}",
            )],
            "",
            "probe>db:6379 web>db:6379",
        ),
        // Two peers are one or the other, where one peer with two selectors is both.
        (
            &[(
                "shop",
                "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kind: watch}}}, {podSelector: {matchLabels: {app: api}}}]}]}",
            )],
            "probe>db:6379 api>db:6379",
            "web>db:6379",
        ),
    ]);
}

#[test]
fn what_goes_out_should_be_held_to_rules_of_its_own() {
    check(&[
        // Deny all that goes out; what comes in is nobody's business here.
        (
            &[("shop", "{podSelector: {}, policyTypes: [Egress]}")],
            "probe>web:80",
            "web>db:6379 web>dns:53/udp web>192.0.2.1:443",
        ),
        // Allow DNS alone.
        (
            &[(
                "shop",
                "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}, {port: 53}], to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]}]}",
            )],
            "web>dns:53/udp web>dns:53",
            "web>db:53/udp web>dns:80 web>192.0.2.1:53/udp",
        ),
        // Deny what leaves the cluster.
        (
            &[(
                "shop",
                "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}",
            )],
            "web>db:6379 web>probe:80",
            "web>192.0.2.1:443",
        ),
        // Both ends have a say.
        (
            &[
                ("shop", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{}]}"),
                ("shop", "{podSelector: {matchLabels: {app: db}}}"),
            ],
            "web>api:80",
            "web>db:6379",
        ),
        // A policy with rules for what goes out is about what comes in as well.
        (&[("shop", "{podSelector: {}, egress: [{}]}")], "web>probe:80", "probe>web:80 web>db:6379"),
    ]);
}

#[test]
fn ports_should_be_numbers_names_or_ranges_of_one_protocol() {
    let with = |ports: &str| format!("{{podSelector: {{}}, ingress: [{{ports: {ports}}}]}}");
    let table = [
        ("[{port: 6379}]", "web>db:6379 192.0.2.1>db:6379", "web>db:6380 web>db:6379/udp"),
        ("[{port: 6000, endPort: 6379}]", "web>db:6000 web>db:6379", "web>db:5999 web>db:6380"),
        (
            "[{port: redis}, {port: dns, protocol: UDP}]",
            "web>db:6379 web>db:53/udp",
            "web>db:53 web>db:6379/udp",
        ),
        ("[{protocol: UDP}]", "web>db:1/udp", "web>db:1"),
        ("[{port: nothing}]", "", "web>db:6379"),
        ("[{port: 80, protocol: SCTP}]", "", "web>db:80 web>db:80/udp"),
        ("[]", "web>db:1", ""),
    ];
    for (ports, allowed, denied) in table {
        World::with(&[("shop", &with(ports))]).check(allowed, denied, ports);
    }
    let egress = "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: redis}]}]}";
    check(&[(&[("shop", egress)], "web>db:6379 web>probe:6379", "web>192.0.2.1:6379 web>db:80")]);
}

#[test]
fn blocks_should_hold_addresses_but_for_their_exceptions() {
    let block = "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/25]}}]}], egress: [{to: [{ipBlock: {cidr: 10.244.0.0/16, except: [10.244.2.0/24]}}]}]}";
    check(&[(
        &[("shop", block)],
        "192.0.2.1>web:80 web>probe:80",
        "192.0.2.200>web:80 198.51.100.1>web:80 web>192.0.2.1:80 probe>web:80 web>db:80",
    )]);
    let six = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 'fd00::/8'}}]}]}";
    check(&[(&[("shop", six)], "", "192.0.2.1>web:80 probe>web:80")]);
}

#[test]
fn a_pod_should_always_be_reached_by_its_own_node_and_by_itself() {
    let world = World::with(&[("shop", "{podSelector: {}, policyTypes: [Ingress, Egress]}")]);
    world.check("db>db:6379", "", "a pod and itself");
    let target = SocketAddrV4::new(Ipv4Addr::new(10, 244, 1, 2), 80);
    let probe = |is_of_own_node| Passage {
        protocol: Protocol::Tcp,
        source: Ipv4Addr::new(10, 244, 1, 1),
        target,
        pod: ("shop", "web"),
        is_of_own_node,
    };
    assert!(may_arrive(&world.0["node-1"], &probe(true)));
    assert!(may_leave(&world.0["node-1"], &probe(true)));
    assert!(!may_arrive(&world.0["node-1"], &probe(false)), "another node is a stranger");
}

#[test]
fn changes_should_count_at_once() {
    let db = "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {matchLabels: {kind: watch}}}]}]}";
    let mut world = World::with(&[("shop", db)]);
    world.check("probe>db:6379", "web>db:6379", "the policy");
    let mut shop = NAMESPACES.iter().map(|(name, _)| {
        let labels = json!({ "kind": "watch" });
        read::<Namespace>(json!({ "metadata": { "name": name, "labels": labels } }))
    });
    let shop = shop.next().unwrap();
    world.tell(|table| table.set_namespace(&shop));
    world.check("web>db:6379 api>db:6379", "dns>db:6379", "the namespace's new label");
    world.tell(|table| table.remove_namespace(&shop));
    world.check("probe>db:6379", "web>db:6379", "the namespace gone");
    let mut renamed = pod("db");
    renamed.metadata.labels = Some([("app".to_owned(), "cache".to_owned())].into());
    world.tell(|table| table.set_pod(&renamed));
    world.check("web>db:6379", "", "the pod's new label");
    world.tell(|table| table.set_policy(&policy("p0", "shop", "{podSelector: {matchLabels: {app: api}}}")));
    world.check("web>db:6379", "web>api:80", "the policy about others");
    world.tell(|table| table.remove_policy(&policy("p0", "shop", "{}")));
    world.check("web>api:80", "", "the policy gone");
}

#[test]
fn an_address_should_be_the_pods_that_has_it_now() {
    let from_web = "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}";
    let mut world = World::with(&[("shop", from_web)]);
    let mut ended = pod("web");
    ended.status.as_mut().unwrap().phase = Some("Succeeded".into());
    world.tell(|table| table.set_pod(&ended));
    world.check("", "web>db:6379", "a pod that ended");
    let mut heir = pod("api");
    heir.status.as_mut().unwrap().pod_ip = Some("10.244.1.2".into());
    heir.metadata.labels = Some([("app".to_owned(), "web".to_owned())].into());
    world.tell(|table| table.set_pod(&heir));
    world.tell(|table| table.remove_pod(&ended));
    world.check("web>db:6379", "api>db:6379", "its address with another pod");
    let mut of_node = pod("api");
    of_node.spec.as_mut().unwrap().host_network = Some(true);
    world.tell(|table| table.set_pod(&of_node));
    world.check("", "web>db:6379 api>db:6379", "a pod on its node's network");
}
