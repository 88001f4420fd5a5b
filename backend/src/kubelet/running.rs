//! The containers of a node that run now: what is needed to reach one from outside the kubelet's loop.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::launch::Running;

/// A container that runs.
#[derive(Clone)]
pub(super) struct RunningContainer {
    /// Which of the container's runs it is.
    pub(super) attempt: i32,
    /// The run itself.
    pub(super) running: Running,
}

/// Those that run, by pod uid and container.
#[derive(Default)]
pub(super) struct RunningContainers {
    containers: Mutex<BTreeMap<(String, String), RunningContainer>>,
}

impl RunningContainers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), RunningContainer>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A container started.
    pub(super) fn add(&self, uid: &str, container: &str, attempt: i32, running: Running) {
        self.lock().insert((uid.to_owned(), container.to_owned()), RunningContainer { attempt, running });
    }

    /// A run of a container ended; a later one stays.
    pub(super) fn remove(&self, uid: &str, container: &str, attempt: i32) {
        let key = (uid.to_owned(), container.to_owned());
        let mut containers = self.lock();
        if containers.get(&key).is_some_and(|running| running.attempt == attempt) {
            containers.remove(&key);
        }
    }

    /// The container, if it runs.
    pub(super) fn get(&self, uid: &str, container: &str) -> Option<RunningContainer> {
        self.lock().get(&(uid.to_owned(), container.to_owned())).cloned()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<RunningContainer> {
        self.lock().values().cloned().collect()
    }

    /// Whether any container of a pod runs.
    pub(super) fn any(&self, uid: &str) -> bool {
        let first = (uid.to_owned(), String::new());
        self.lock().range(first..).next().is_some_and(|((found, _), _)| found == uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubelet::Components;
    use crate::kubelet::testing::Node;

    #[tokio::test]
    async fn late_end_of_a_run_should_not_hide_the_next_one() {
        let node = Node::new(Components::default()).await;
        let running = node.endless();
        let containers = RunningContainers::default();
        containers.add("p", "c", 0, running.clone());
        containers.add("p", "c", 1, running);
        containers.remove("p", "c", 0);
        assert_eq!(containers.get("p", "c").map(|found| found.attempt), Some(1));
        containers.remove("p", "c", 1);
        assert!(containers.get("p", "c").is_none());
    }
}
