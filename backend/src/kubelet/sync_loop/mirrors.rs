//! The loop's part in static pods: which ones the manifests describe, which mirrors the API has of them,
//! and bringing the two together.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use shared::informer::Change;
use shared::kubelet::mirror;

use super::SyncLoop;
use crate::kubelet::image::Source;
use crate::kubelet::{logs, static_pods};

impl SyncLoop {
    /// The manifests describe these pods now.
    pub(super) fn on_static_pods(&mut self, pods: Vec<Pod>) {
        let wanted: BTreeMap<String, Pod> = pods.into_iter().map(|pod| (logs::node_uid(&pod), pod)).collect();
        let stale: Vec<String> =
            self.statics.keys().filter(|uid| !wanted.contains_key(*uid)).cloned().collect();
        self.statics = wanted;
        for uid in stale {
            self.forget(&uid);
        }
        self.manifests_read = true;
        self.mirror_all();
        self.clear_leftovers();
    }

    /// The API has a mirror, or another one, or no longer.
    pub(super) fn on_mirror(&mut self, change: Change, found: &Pod) {
        let metadata = &found.metadata;
        let key = (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
        match change {
            Change::Deleted => self.mirrors.remove(&key),
            Change::Added | Change::Modified => self.mirrors.insert(key, found.clone()),
        };
        self.mirror_all();
    }

    /// Brings static pods and their mirrors together: a pod starts when its mirror is there to report
    /// to and the one that it replaces is gone, a mirror whose pod is gone or other is deleted.
    pub(super) fn mirror_all(&mut self) {
        // Before both sides are read, every mirror would look like one too many.
        if !self.synced || !self.manifests_read {
            return;
        }
        let matched = self.statics.values().filter_map(|pod| self.matched(pod));
        let ready: Vec<(Pod, String)> = matched.filter(|(pod, _)| !self.has_predecessor(pod)).collect();
        for (pod, api_uid) in ready {
            let uid = logs::node_uid(&pod);
            match self.pods.get_mut(&uid) {
                Some(known) => known.on_mirror(&api_uid),
                None => self.upsert(pod, Source::File, &uid, &api_uid),
            }
        }
        let lacking = self.statics.values().filter(|pod| self.mirror_of(pod).is_none()).cloned().collect();
        let statics = &self.statics;
        let superfluous = self
            .mirrors
            .values()
            .filter(|found| !statics.values().any(|pod| mirror::is_mirror_of(found, pod)));
        static_pods::reconcile(&self.kubelet, lacking, superfluous.cloned().collect());
    }

    /// Whether another pod of that name still ends here (`allowStaticPodStart` in
    /// `pkg/kubelet/pod_workers.go`).
    fn has_predecessor(&self, pod: &Pod) -> bool {
        let (uid, name) = (logs::node_uid(pod), (&pod.metadata.namespace, &pod.metadata.name));
        self.pods.iter().any(|(other, known)| {
            let metadata = &known.worker.pod().metadata;
            *other != uid && (&metadata.namespace, &metadata.name) == name && !known.worker.is_finished()
        })
    }

    fn mirror_of(&self, pod: &Pod) -> Option<&Pod> {
        let metadata = &pod.metadata;
        let key = (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
        self.mirrors.get(&key).filter(|found| mirror::is_mirror_of(found, pod))
    }

    /// A static pod with the status that its mirror has kept, and the mirror's uid.
    fn matched(&self, pod: &Pod) -> Option<(Pod, String)> {
        let found = self.mirror_of(pod)?;
        let pod = Pod { status: found.status.clone(), ..pod.clone() };
        Some((pod, found.metadata.uid.clone().unwrap_or_default()))
    }
}
