//! What holds whatever happens: once all is at rest, the slices of a Service say together what its
//! pods are.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{from_json, node};
use super::*;
use crate::apiserver::Result;
use crate::controllers::test_pump::Pump;

/// What happens in a history; numbers choose among few names.
#[derive(Clone, Debug)]
enum Happening {
    Pod(u8, u8, bool),
    Status(u8, u8, bool),
    Relabel(u8, u8),
    End(u8),
    Remove(u8),
    Service(u8, u8, bool),
    RemoveService(u8),
    Zone(u8, u8),
    RemoveSlice(u8),
    /// The controller hears of one of its kinds, the others lag.
    Look(u8),
    /// The controller steps and sends.
    Step,
    /// One of the answers that are under way arrives.
    Answer(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{
        Answer, End, Look, Pod, Relabel, Remove, RemoveService, RemoveSlice, Service, Status, Step, Zone,
    };
    prop_oneof![
        (0..8u8, 0..3u8, any::<bool>()).prop_map(|(pod, label, ready)| Pod(pod, label, ready)),
        (0..8u8, 0..9u8, any::<bool>()).prop_map(|(pod, ip, ready)| Status(pod, ip, ready)),
        (0..8u8, 0..3u8).prop_map(|(pod, label)| Relabel(pod, label)),
        (0..8u8).prop_map(End),
        (0..8u8).prop_map(Remove),
        (0..2u8, 0..2u8, any::<bool>()).prop_map(|(name, label, publish)| Service(name, label, publish)),
        (0..2u8).prop_map(RemoveService),
        (0..2u8, 0..3u8).prop_map(|(node, zone)| Zone(node, zone)),
        any::<u8>().prop_map(RemoveSlice),
        (0..4u8).prop_map(Look),
        Just(Step),
        Just(Step),
        any::<u8>().prop_map(Answer),
        any::<u8>().prop_map(Answer),
    ]
}

type Answers = Vec<(Token, Result<Answer>)>;

struct World {
    pump: Pump<EndpointSliceController>,
    answers: Answers,
}

const NAMESPACE: &str = "default";

impl World {
    fn new() -> World {
        let pump = Pump::new(EndpointSliceController { max: 2, ..EndpointSliceController::default() });
        for name in ["node-0", "node-1"] {
            pump.create(node(name, "z"));
        }
        World { pump, answers: Vec::new() }
    }

    fn happen(&mut self, what: &Happening) {
        match *what {
            Happening::Pod(pod, label, ready) => self.pod(pod, label, ready),
            Happening::Status(pod, ip, ready) => self.status(pod, ip, ready),
            Happening::Relabel(pod, label) => {
                self.with_pod(pod, |pump, name| {
                    let labels = json!({ "metadata": { "labels": { "app": label.to_string() } } });
                    pump.merge::<Pod>(NAMESPACE, name, labels);
                });
            }
            Happening::End(pod) => self.with_pod(pod, |pump, name| pump.delete::<Pod>(NAMESPACE, name)),
            Happening::Remove(pod) => {
                self.with_pod(pod, |pump, name| pump.delete_now::<Pod>(NAMESPACE, name))
            }
            Happening::Service(name, label, publish) => self.service(name, label, publish),
            Happening::RemoveService(number) => {
                let name = format!("s{number}");
                if self.pump.exists::<Service>(NAMESPACE, &name) {
                    self.pump.delete::<Service>(NAMESPACE, &name);
                }
            }
            Happening::Zone(number, zone) => {
                let labels = json!({ "topology.kubernetes.io/zone": zone.to_string() });
                let labels = json!({ "metadata": { "labels": labels } });
                self.pump.merge::<Node>("", &format!("node-{number}"), labels);
            }
            Happening::RemoveSlice(number) => {
                let slices = self.pump.slices();
                if let Some(slice) = slices.get(usize::from(number) % slices.len().max(1)) {
                    self.pump.delete::<EndpointSlice>(NAMESPACE, slice.metadata.name.as_deref().unwrap());
                }
            }
            Happening::Look(index) => self.pump.look_at(usize::from(index)),
            Happening::Step => {
                let sent = self.pump.send();
                self.answers.extend(sent);
            }
            Happening::Answer(number) => self.answer(usize::from(number)),
        }
    }

    fn answer(&mut self, number: usize) {
        if !self.answers.is_empty() {
            let (token, answer) = self.answers.remove(number % self.answers.len());
            self.pump.answer(token, answer);
        }
    }

    fn with_pod(&self, pod: u8, act: impl Fn(&Pump<EndpointSliceController>, &str)) {
        let name = format!("p{pod}");
        if self.pump.exists::<Pod>(NAMESPACE, &name) {
            act(&self.pump, &name);
        }
    }

    fn pod(&self, pod: u8, label: u8, ready: bool) {
        let name = format!("p{pod}");
        if self.pump.exists::<Pod>(NAMESPACE, &name) {
            return;
        }
        self.pump.create(from_json::<Pod>(json!({
            "metadata": { "name": name, "namespace": NAMESPACE, "labels": { "app": label.to_string() } },
            "spec": {
                "nodeName": format!("node-{}", pod % 3), // One of three is never there.
                "containers": [{
                    "name": "main", "image": "nginx",
                    "ports": [{ "name": "web", "containerPort": 80 + i32::from(pod % 2) }],
                }],
            },
        })));
        self.status(pod, pod + 1, ready);
    }

    /// An address, none where it is 0.
    fn status(&self, pod: u8, ip: u8, ready: bool) {
        let address = format!("10.244.{pod}.{ip}");
        let ready = json!({ "type": "Ready", "status": if ready { "True" } else { "False" } });
        let mut status = json!({ "phase": "Running", "conditions": [ready] });
        if ip > 0 {
            status["podIP"] = address.as_str().into();
            status["podIPs"] = json!([{ "$patch": "replace" }, { "ip": address }]);
        }
        self.with_pod(pod, |pump, name| pump.patch_status::<Pod>(NAMESPACE, name, status.clone()));
    }

    fn service(&self, name: u8, label: u8, publish: bool) {
        let name = format!("s{name}");
        let spec = json!({
            "selector": { "app": label.to_string() },
            "publishNotReadyAddresses": publish,
            "trafficDistribution": if publish { Value::Null } else { "PreferClose".into() },
            "ports": [{ "port": 80, "targetPort": "web" }],
        });
        match self.pump.exists::<Service>(NAMESPACE, &name) {
            true => self.pump.merge::<Service>(NAMESPACE, &name, json!({ "spec": spec })),
            false => {
                let metadata = json!({ "name": name, "namespace": NAMESPACE });
                self.pump.create(from_json::<Service>(json!({ "metadata": metadata, "spec": spec })));
            }
        }
    }

    /// All that is under way arrives, and all that waits comes to its turn.
    fn settle(&mut self) {
        while !self.answers.is_empty() {
            self.answer(0);
        }
        for _ in 0..20 {
            self.pump.run();
            self.pump.advance(1000);
        }
        assert_eq!(self.pump.run(), 0, "it does not come to rest");
    }

    fn check(&self) {
        let services = self.pump.list::<Service>(NAMESPACE);
        let uids: BTreeSet<_> = services.iter().filter_map(|service| service.metadata.uid.clone()).collect();
        for slice in self.pump.slices() {
            let owner = &slice.metadata.owner_references.as_ref().unwrap()[0].uid;
            assert!(uids.contains(owner), "{:?} is nobody's", slice.metadata.name);
            assert!(slice::endpoints(&slice).len() <= 2);
        }
        for service in
            services.iter().filter(|service| service.metadata.name.as_deref() != Some("kubernetes"))
        {
            self.check_service(service);
        }
    }

    fn check_service(&self, service: &Service) {
        let slices = self.pump.slices().into_iter().filter(|slice| slice::is_owned_by(slice, service));
        let slices: Vec<_> = slices.collect();
        assert!(!slices.is_empty(), "{:?} has no slice", service.metadata.name);
        let said: Vec<Value> = slices
            .iter()
            .flat_map(|slice| {
                let port = slice::ports(slice).first().and_then(|port| port.port);
                slice::endpoints(slice).iter().map(move |endpoint| json!([port, endpoint]))
            })
            .collect();
        let expected = self.expected(service);
        let once: BTreeSet<String> = said.iter().map(Value::to_string).collect();
        assert_eq!(once.len(), said.len(), "an endpoint is there twice");
        assert_eq!(once, expected);
    }

    /// Every endpoint, made of the pods by the plainest means.
    fn expected(&self, service: &Service) -> BTreeSet<String> {
        let spec = service.spec.as_ref().unwrap();
        let publish = spec.publish_not_ready_addresses == Some(true);
        let wanted = &spec.selector.as_ref().unwrap()["app"];
        let pods = self.pump.list::<Pod>(NAMESPACE);
        let pods = pods.iter().filter(|pod| pod.metadata.labels.as_ref().unwrap()["app"] == *wanted);
        let endpoints = pods.filter_map(|pod| {
            let spec = pod.spec.as_ref()?;
            let status = pod.status.as_ref()?;
            let ip = status.pod_ip.as_ref()?;
            let node = self.pump.get::<Node>("", spec.node_name.as_ref()?);
            if node.is_none() && !publish {
                return None;
            }
            let zone = node.map(|node| node.metadata.labels.unwrap()["topology.kubernetes.io/zone"].clone());
            let serving = status.conditions.as_ref()?.iter().any(|condition| condition.status == "True");
            let terminating = pod.metadata.deletion_timestamp.is_some();
            let ready = publish || (serving && !terminating);
            let mut endpoint = json!({
                "addresses": [ip],
                "conditions": { "ready": ready, "serving": serving, "terminating": terminating },
                "nodeName": spec.node_name,
                "targetRef": {
                    "kind": "Pod", "namespace": NAMESPACE, "name": pod.metadata.name, "uid": pod.metadata.uid,
                },
            });
            if let Some(zone) = zone {
                if ready && !publish {
                    endpoint["hints"] = json!({ "forZones": [{ "name": zone }] });
                }
                endpoint["zone"] = zone.into();
            }
            let port = spec.containers[0].ports.as_ref()?[0].container_port;
            Some(json!([port, from_json::<Endpoint>(endpoint)]).to_string())
        });
        endpoints.collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn settled_slices_should_say_what_their_pods_are(history in prop::collection::vec(happening(), 1..80)) {
        let mut world = World::new();
        for what in &history {
            world.happen(what);
        }
        world.settle();
        world.check();
    }
}
