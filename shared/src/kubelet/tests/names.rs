//! What a pod's worker says of the pod's resolver settings.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::kubelet::action::Action;
use crate::kubelet::pod_worker::PodWorker;

#[test]
fn pod_worker_should_say_which_resolver_settings_were_left_out() {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "containers": [{"name": "a", "image": "busybox"}],
            "dnsConfig": {"nameservers": ["1.1.1.1", "2.2.2.2", "3.3.3.3"]},
        },
    }))
    .unwrap();
    let now = Timestamp::from_second(0).unwrap();
    let actions = PodWorker::new(pod, "172.18.0.3", now).step(now).actions;
    assert!(actions.contains(&Action::CreateSandbox));
    let notes = actions.iter().filter_map(|action| match action {
        Action::Record(note) => Some((note.type_, note.reason.as_str(), note.message.as_str())),
        _ => None,
    });
    let message = "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line \
                   is: 10.96.0.10 1.1.1.1 2.2.2.2";
    assert_eq!(notes.collect::<Vec<_>>(), [("Warning", "DNSConfigForming", message)]);
}
