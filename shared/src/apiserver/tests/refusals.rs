//! Who may do what, and what the audit tells of it.

use super::*;
use crate::apiserver::audit;

#[test]
fn refusal_should_name_user_verb_and_place() {
    let api = api();
    let jane = || User::new("jane", &[]);
    let cases = [
        (
            request("pods/default", Operation::List(ListOptions::default())),
            "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"",
        ),
        (
            request("nodes//node-1/status", Operation::Get),
            "nodes \"node-1\" is forbidden: User \"jane\" cannot get resource \"nodes/status\" in API group \"\" at the \
             cluster scope",
        ),
        (
            request("namespaces//team", Operation::Get),
            "namespaces \"team\" is forbidden: User \"jane\" cannot get resource \"namespaces\" in API group \"\" in the \
             namespace \"team\"",
        ),
        (
            request("leases/a/b", Operation::Delete(DeleteOptions::default())),
            "leases.coordination.k8s.io \"b\" is forbidden: User \"jane\" cannot delete resource \"leases\" in API group \
             \"coordination.k8s.io\" in the namespace \"a\"",
        ),
    ];
    for (request, sentence) in cases {
        let status = api.send_as(jane(), request).err().unwrap();
        assert_eq!(refusal(&status), (403, sentence.to_owned()));
    }
}

#[test]
fn kubelet_should_touch_nothing_but_its_own() {
    let api = api();
    api.create("pods/default", &pod_on("mine", "node-1")).unwrap();
    api.create("pods/default", &pod_on("other", "node-2")).unwrap();
    let node = |name: &str| json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name } });
    let create =
        |path: &str, body: Value| request(path, Operation::Create(text(&body), WriteOptions::default()));
    let delete = |path: &str| request(path, Operation::Delete(DeleteOptions::default()));
    let cases = [
        (create("nodes", node("node-1")), None),
        (create("nodes", node("node-2")), Some("node \"node-1\" is not allowed to modify node \"node-2\"")),
        (delete("pods/default/mine"), None),
        (
            delete("pods/default/other"),
            Some("node \"node-1\" can only delete pods with spec.nodeName set to itself"),
        ),
        (
            create("pods/default", pod_on("new", "node-1")),
            Some(
                "pod does not have \"kubernetes.io/config.mirror\" annotation, node \"node-1\" can only create mirror pods",
            ),
        ),
    ];
    for (request, why) in cases {
        let message = api.send_as(User::node("node-1"), request).err().map(|status| refusal(&status).1);
        match why {
            None => assert_eq!(message, None),
            Some(why) => assert!(message.as_deref().unwrap_or_default().ends_with(why), "{message:?}"),
        }
    }
}

#[test]
fn audit_should_tell_who_asked_what_and_when() {
    let api = api();
    api.create("pods/default", &with(pod(""), "/metadata/generateName", "web-".into())).unwrap();
    api.get("namespaces//nowhere").unwrap_err();
    let events = api.server.audit.events();
    let [.., made, missed] = events.as_slice() else { panic!("too few events") };
    assert_eq!((made.verb.as_str(), made.user.username.as_str()), ("create", "kubernetes-admin"));
    assert_eq!(made.request_uri, "/api/v1/namespaces/default/pods");
    let about = made.object_ref.as_ref().unwrap();
    assert!(about.name.starts_with("web-") && !about.uid.is_empty());
    assert_eq!(
        (about.resource.as_str(), about.resource_version.as_str()),
        ("pods", api.revision().to_string().as_str())
    );
    assert_eq!((made.response_status.code, made.stage.as_str()), (201, "ResponseComplete"));
    assert_eq!(made.request_received_timestamp.0.as_second(), SteppedClock::START);
    assert_eq!(
        (missed.response_status.code, missed.response_status.reason.as_deref()),
        (404, Some("NotFound"))
    );
    assert_eq!(missed.object_ref.as_ref().unwrap().namespace, "nowhere");
}

#[test]
fn audit_should_tell_of_a_request_that_nobody_waited_for() {
    let api = api();
    let admin = Caller::component(User::new("kubernetes-admin", &[MASTERS]), "test");
    drop(api.server.handle(&admin, request("pods/default/never-asked", Operation::Get)));
    let entry = audit::Entry::of_request(&api.server, &admin, &request("pods/default/web", Operation::Get));
    drop(entry);
    let last = api.server.audit.events().pop().unwrap();
    assert_eq!(last.object_ref.as_ref().unwrap().name, "web");
    assert_eq!((last.response_status.code, last.response_status.reason.as_deref()), (504, Some("Timeout")));
}
