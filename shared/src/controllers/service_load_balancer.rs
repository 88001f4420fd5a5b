//! `service-lb-controller`: Services of type `LoadBalancer` get an address from a pool, as a cloud would give
//! them one. kube-proxy makes every node answer there.
//!
//! Follows `controllers/service/controller.go` of kubernetes/cloud-provider; the pool is the one that the
//! documents of kind and MetalLB take from the nodes' own network.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{LoadBalancerIngress, LoadBalancerStatus, Service, ServiceStatus};

use crate::api::object::SharedObject;
use crate::api::status;
use crate::apiserver::Result;
use crate::apiserver::request::{Answer, Request};
use crate::given::Entropy;
use crate::informer::Change;
use crate::recorder::{Note, Recorder, regarding};
use crate::work_queue::WorkQueue;

use super::own_writes::{Key, key_of};
use super::{Asked, Controller, Step, Token};

/// Keeps a Service until its load balancer is gone.
const FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";
/// The first and the last address of the pool.
const POOL: (Ipv4Addr, Ipv4Addr) = (Ipv4Addr::new(172, 18, 255, 200), Ipv4Addr::new(172, 18, 255, 250));

/// How long a Service waits that can get no address, where none becomes free before.
const RETRY: SignedDuration = SignedDuration::from_mins(5);

/// Gives addresses and takes them back.
pub struct ServiceLoadBalancerController {
    services: BTreeMap<Key, Service>,
    /// Who has which address.
    given: BTreeMap<Key, Ipv4Addr>,
    queue: WorkQueue<Key>,
    asked: Asked<Option<Question>>,
    outbox: Vec<(Token, Request)>,
    recorder: Recorder,
}

/// What a request was for; events have none.
struct Question {
    key: Key,
    write: Write,
}

/// What is written of a Service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    /// The finalizer, before there is anything to clean up.
    Finalizer,
    /// The address.
    Address,
    /// That nothing is left to clean up.
    Release,
}

impl Default for ServiceLoadBalancerController {
    fn default() -> Self {
        ServiceLoadBalancerController {
            services: BTreeMap::new(),
            given: BTreeMap::new(),
            queue: WorkQueue::default(),
            asked: Asked::default(),
            outbox: Vec::new(),
            recorder: Recorder::new("service-lb-controller", ""),
        }
    }
}

/// Whether it is this controller's to give the Service an address.
fn wants(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    let type_ = spec.and_then(|spec| spec.type_.as_deref());
    let class = spec.and_then(|spec| spec.load_balancer_class.as_ref());
    type_ == Some("LoadBalancer") && class.is_none() && service.metadata.deletion_timestamp.is_none()
}

fn has_finalizer(service: &Service) -> bool {
    service.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// The address that the Service has already.
fn address(service: &Service) -> Option<Ipv4Addr> {
    let balancer = service.status.as_ref()?.load_balancer.as_ref()?;
    balancer.ingress.as_ref()?.first()?.ip.as_deref()?.parse().ok()
}

impl ServiceLoadBalancerController {
    fn sync(&mut self, key: &Key, now: Timestamp) {
        let Some(service) = self.services.get(key).cloned() else {
            self.take_back(key);
            return self.queue.done(key);
        };
        match (wants(&service), has_finalizer(&service)) {
            (false, false) => {
                self.take_back(key);
                self.queue.done(key);
            }
            (false, true) => self.release(key, service, now),
            (true, false) => self.prepare(key, service, now),
            (true, true) => self.ensure(key, service, now),
        }
    }

    /// An address is free again: whoever waits for one may have it.
    fn take_back(&mut self, key: &Key) {
        if self.given.remove(key).is_some() {
            let waiting = self.services.iter().filter(|(other, service)| {
                wants(service) && *other != key && !self.given.contains_key(*other)
            });
            waiting
                .map(|(other, _)| other.clone())
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|other| self.queue.add(other));
        }
    }

    fn release(&mut self, key: &Key, mut service: Service, now: Timestamp) {
        self.note(&service, "Normal", "DeletingLoadBalancer", "Deleting load balancer".into(), now);
        service.metadata.finalizers.iter_mut().for_each(|all| all.retain(|own| own != FINALIZER));
        self.ask(key, Write::Release, Request::update(service));
    }

    fn prepare(&mut self, key: &Key, mut service: Service, now: Timestamp) {
        self.note(&service, "Normal", "EnsuringLoadBalancer", "Ensuring load balancer".into(), now);
        service.metadata.finalizers.get_or_insert_default().push(FINALIZER.to_owned());
        self.ask(key, Write::Finalizer, Request::update(service));
    }

    fn ensure(&mut self, key: &Key, mut service: Service, now: Timestamp) {
        let wished = service.spec.as_ref().and_then(|spec| spec.load_balancer_ip.clone());
        let wished = wished.as_deref().filter(|wish| !wish.is_empty());
        let given = self.given.get(key).copied();
        let chosen = match given.filter(|given| wished.is_none_or(|wish| wish == given.to_string())) {
            Some(address) => Ok(address),
            None => self.choose(wished),
        };
        match chosen {
            Ok(chosen) => {
                if given.is_some_and(|given| given != chosen) {
                    self.take_back(key);
                }
                self.given.insert(key.clone(), chosen);
                if address(&service) == Some(chosen) {
                    return self.queue.done(key);
                }
                let ingress = LoadBalancerIngress {
                    ip: Some(chosen.to_string()),
                    ip_mode: Some("VIP".into()),
                    ..LoadBalancerIngress::default()
                };
                let balancer = LoadBalancerStatus { ingress: Some(vec![ingress]) };
                let status = service.status.get_or_insert_with(ServiceStatus::default);
                status.load_balancer = Some(balancer);
                let request = Request::update(service).and_then(|request| request.subresource("status"));
                self.ask(key, Write::Address, request);
            }
            Err(why) => {
                let message = format!("Error syncing load balancer: failed to ensure load balancer: {why}");
                self.note(&service, "Warning", "SyncLoadBalancerFailed", message, now);
                self.queue.done(key);
                self.queue.add_at(key.clone(), now.saturating_add(RETRY).unwrap_or(Timestamp::MAX));
            }
        }
    }

    /// A free address: the one that is wished for, or the first.
    fn choose(&self, wished: Option<&str>) -> std::result::Result<Ipv4Addr, String> {
        let is_free = |address: &Ipv4Addr| !self.given.values().any(|given| given == address);
        let pool = u32::from(POOL.0)..=u32::from(POOL.1);
        match wished {
            Some(text) => {
                let address: Ipv4Addr = text.parse().map_err(|_| format!("{text:?} is no IPv4 address"))?;
                if !pool.contains(&u32::from(address)) {
                    return Err(format!("{address} is not in the pool {}-{}", POOL.0, POOL.1));
                }
                if is_free(&address) { Ok(address) } else { Err(format!("{address} is in use")) }
            }
            None => pool
                .map(Ipv4Addr::from)
                .find(is_free)
                .ok_or_else(|| format!("no address of the pool {}-{} is free", POOL.0, POOL.1)),
        }
    }

    fn ask(&mut self, key: &Key, write: Write, request: Result<Request>) {
        match request {
            Ok(request) => {
                let question = Question { key: key.clone(), write };
                self.outbox.push((self.asked.about(Some(question)), request));
            }
            Err(_) => self.queue.done(key),
        }
    }

    fn note(
        &mut self,
        service: &Service,
        type_: &'static str,
        reason: &str,
        message: String,
        now: Timestamp,
    ) {
        let metadata = &service.metadata;
        let place = |text: &Option<String>| text.clone().unwrap_or_default();
        let (namespace, name) = (place(&metadata.namespace), place(&metadata.name));
        let regarding = regarding("Service", &namespace, &name, metadata.uid.clone());
        let note = Note { regarding, type_, reason: reason.into(), message };
        if let Ok(request) = self.recorder.record(&note, now) {
            self.outbox.push((self.asked.about(None), request));
        }
    }
}

impl Controller for ServiceLoadBalancerController {
    fn name(&self) -> &'static str {
        "service-lb-controller"
    }

    fn watches(&self) -> &'static [(&'static str, &'static str)] {
        &[("v1", "Service")]
    }

    fn on_delta(&mut self, change: Change, object: &SharedObject) {
        let Some(service) = object.downcast_ref::<Service>() else { return };
        let key = key_of(object);
        if change == Change::Deleted {
            self.services.remove(&key);
        } else {
            if let Some(address) = address(service).filter(|_| wants(service)) {
                self.given.entry(key.clone()).or_insert(address);
            }
            self.services.insert(key.clone(), service.clone());
        }
        self.queue.add(key);
    }

    fn step(&mut self, now: Timestamp, _: &dyn Entropy) -> Step {
        while let Some(key) = self.queue.take(now) {
            self.sync(&key, now);
        }
        Step { requests: std::mem::take(&mut self.outbox), wake_at: self.queue.next_due() }
    }

    fn on_response(&mut self, token: Token, response: Result<Answer>, now: Timestamp) {
        let Some(Some(Question { key, write })) = self.asked.answered(token) else { return };
        match response {
            Ok(_) => {
                let told = match write {
                    Write::Address => Some(("EnsuredLoadBalancer", "Ensured load balancer")),
                    Write::Release => Some(("DeletedLoadBalancer", "Deleted load balancer")),
                    Write::Finalizer => None,
                };
                if write == Write::Release {
                    self.take_back(&key);
                }
                if let (Some((reason, message)), Some(service)) = (told, self.services.get(&key).cloned()) {
                    self.note(&service, "Normal", reason, message.into(), now);
                }
                self.queue.done(&key);
            }
            Err(error) if status::is(&error, "NotFound") => self.queue.done(&key),
            Err(_) => self.queue.retry(key, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Event;
    use serde_json::{Value, json};

    use super::*;
    use crate::controllers::test_pump::Pump;

    fn service(name: &str, spec: Value) -> Service {
        let mut whole = json!({
            "metadata": { "namespace": "default", "name": name },
            "spec": { "type": "LoadBalancer", "ports": [{ "port": 80 }] },
        });
        for (field, value) in spec.as_object().cloned().unwrap_or_default() {
            whole["spec"][field] = value;
        }
        serde_json::from_value(whole).unwrap()
    }

    fn address_of(pump: &Pump<ServiceLoadBalancerController>, name: &str) -> Option<String> {
        address(&pump.get::<Service>("default", name).unwrap()).map(|address| address.to_string())
    }

    #[test]
    fn each_load_balancer_should_get_an_address_of_its_own_and_give_it_back() {
        let mut pump = Pump::new(ServiceLoadBalancerController::default());
        pump.create(service("one", json!({})));
        pump.create(service("wished", json!({ "loadBalancerIP": "172.18.255.201" })));
        pump.create(service("other", json!({ "loadBalancerClass": "example.com/metal" })));
        pump.create(service("inner", json!({ "type": "ClusterIP" })));
        pump.run();
        pump.create(service("two", json!({})));
        pump.run();
        let found = ["one", "wished", "two", "other", "inner"].map(|name| address_of(&pump, name));
        let given = |address: &str| Some(address.to_owned());
        let expected =
            [given("172.18.255.200"), given("172.18.255.201"), given("172.18.255.202"), None, None];
        assert_eq!(found, expected);
        pump.delete::<Service>("default", "one");
        pump.run();
        assert!(pump.get::<Service>("default", "one").is_none(), "its finalizer was removed");
        pump.create(service("three", json!({})));
        pump.run();
        assert_eq!(address_of(&pump, "three").as_deref(), Some("172.18.255.200"));
    }

    #[test]
    fn service_that_is_no_load_balancer_any_more_should_lose_its_address() {
        let mut pump = Pump::new(ServiceLoadBalancerController::default());
        pump.create(service("one", json!({})));
        pump.run();
        pump.merge::<Service>("default", "one", json!({ "spec": { "type": "ClusterIP" } }));
        pump.run();
        assert_eq!(address_of(&pump, "one"), None);
        assert!(!has_finalizer(&pump.get::<Service>("default", "one").unwrap()));
    }

    #[test]
    fn wish_that_cannot_be_granted_should_be_told() {
        let mut pump = Pump::new(ServiceLoadBalancerController::default());
        pump.create(service("one", json!({ "loadBalancerIP": "192.0.2.1" })));
        pump.run();
        assert_eq!(address_of(&pump, "one"), None);
        let events = pump.list::<Event>("default");
        let expected = "Error syncing load balancer: failed to ensure load balancer: 192.0.2.1 is not in the pool 172.18.255.200-172.18.255.250";
        assert!(events.iter().any(|event| event.message.as_deref() == Some(expected)), "{events:?}");
    }

    #[test]
    fn address_that_becomes_free_should_go_to_whoever_waits_for_it() {
        let mut pump = Pump::new(ServiceLoadBalancerController::default());
        pump.create(service("one", json!({})));
        pump.run();
        pump.create(service("two", json!({ "loadBalancerIP": "172.18.255.200" })));
        pump.run();
        assert_eq!(address_of(&pump, "two"), None);
        pump.merge::<Service>("default", "one", json!({ "spec": { "loadBalancerIP": "172.18.255.210" } }));
        pump.run();
        assert_eq!(address_of(&pump, "one").as_deref(), Some("172.18.255.210"));
        assert_eq!(address_of(&pump, "two").as_deref(), Some("172.18.255.200"));
        pump.delete::<Service>("default", "one");
        pump.run();
        pump.create(service("three", json!({ "loadBalancerIP": "172.18.255.210" })));
        pump.run();
        assert_eq!(address_of(&pump, "three").as_deref(), Some("172.18.255.210"));
    }

    #[test]
    fn another_controller_should_leave_addresses_as_they_are() {
        let mut pump = Pump::new(ServiceLoadBalancerController::default());
        ["a", "b"].iter().for_each(|name| pump.create(service(name, json!({}))));
        pump.run();
        pump.delete::<Service>("default", "a");
        pump.run();
        let mut pump = pump.with(ServiceLoadBalancerController::default());
        assert_eq!(pump.run(), 0);
        assert_eq!(address_of(&pump, "b").as_deref(), Some("172.18.255.201"));
    }
}
