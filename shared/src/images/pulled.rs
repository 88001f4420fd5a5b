//! Who may use an image that a node fetched: the credentials with which it was fetched are remembered, so that a
//! pod without them does not get from the node what the registry would not give it.
//!
//! Follows `MustAttemptImagePull` and `pulledRecordMergeNewCreds` in
//! `pkg/kubelet/images/pullmanager/image_pull_manager.go` of kubernetes/kubernetes, and its types in
//! `pkg/kubelet/apis/config/types.go`. The policy is `NeverVerifyPreloadedImages`, the default of
//! `imagePullCredentialsVerificationPolicy`: what came with the node is for everybody. Image and record are one write
//! here, so intents of pulls are not needed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// As many Secrets of an image are remembered without a pull, `writeRecordWhileMatchingLimit`.
const MAX_LEARNT: usize = 100;

/// What is remembered of an image that a node fetched: `ImagePulledRecord`. Without an entry nobody is known to
/// have been given it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PulledRecord {
    /// By the name of the image without tag and digest: another repository may ask for other credentials.
    #[serde(default)]
    pub credential_mapping: BTreeMap<String, PullCredentials>,
}

/// Who fetched an image: `ImagePullCredentials`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullCredentials {
    /// It was fetched without credentials.
    #[serde(default)]
    pub node_pods_accessible: bool,
    /// The Secrets it was fetched with, in the order of their places.
    #[serde(default)]
    pub kubernetes_secrets: Vec<PullSecret>,
}

/// A Secret of which credentials were taken: `ImagePullSecret`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullSecret {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// SHA-256 of the credentials, in hexadecimal digits.
    pub credential_hash: String,
}

/// Whether a pod may use an image that is on the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may; a Secret that is worth remembering comes with it.
    Granted(Option<PullSecret>),
    /// It has to ask the registry.
    Unknown,
}

impl PullSecret {
    /// Whether it is the same object, whatever it holds.
    fn is_at(&self, other: &PullSecret) -> bool {
        (&self.namespace, &self.name, &self.uid) == (&other.namespace, &other.name, &other.uid)
    }
}

impl PulledRecord {
    /// Whether every pod of the node may use it under this name.
    #[must_use]
    pub fn is_open(&self, repository: &str) -> bool {
        self.credential_mapping.get(repository).is_some_and(|known| known.node_pods_accessible)
    }

    /// Whether a pod with these Secrets for the image may use it under this name: one of them holds what it was
    /// fetched with, or is the Secret it was fetched with and was changed since.
    #[must_use]
    pub fn access(&self, repository: &str, secrets: &[PullSecret]) -> Access {
        let Some(known) = self.credential_mapping.get(repository) else { return Access::Unknown };
        if known.node_pods_accessible {
            return Access::Granted(None);
        }
        let has_room = known.kubernetes_secrets.len() < MAX_LEARNT;
        for own in secrets {
            for other in &known.kubernetes_secrets {
                let is_same = own.credential_hash == other.credential_hash;
                let is_at = own.is_at(other);
                if is_same {
                    return Access::Granted((!is_at && has_room).then(|| own.clone()));
                }
                if is_at && has_room {
                    return Access::Granted(Some(own.clone()));
                }
            }
        }
        Access::Unknown
    }

    /// Remembers that it was fetched with this Secret, or by everybody.
    pub fn add(&mut self, repository: &str, secret: Option<PullSecret>) {
        let known = self.credential_mapping.entry(repository.to_owned()).or_default();
        match secret {
            _ if known.node_pods_accessible => {}
            None => *known = PullCredentials { node_pods_accessible: true, ..PullCredentials::default() },
            Some(secret) => {
                known.kubernetes_secrets.retain(|other| !other.is_at(&secret));
                known.kubernetes_secrets.push(secret);
                known.kubernetes_secrets.sort();
            }
        }
    }

    /// Adds what another record of the same image remembers.
    pub fn merge(&mut self, other: PulledRecord) {
        for (repository, credentials) in other.credential_mapping {
            if credentials.node_pods_accessible {
                self.add(&repository, None);
            }
            for secret in credentials.kubernetes_secrets {
                self.add(&repository, Some(secret));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `namespace/name/uid=hash`.
    fn secret(text: &str) -> PullSecret {
        let (place, hash) = text.split_once('=').unwrap();
        let parts: Vec<&str> = place.split('/').collect();
        PullSecret {
            namespace: parts[0].into(),
            name: parts[1].into(),
            uid: parts[2].into(),
            credential_hash: hash.into(),
        }
    }

    fn record(repository: &str, secrets: &[&str]) -> PulledRecord {
        let mut record = PulledRecord::default();
        secrets.iter().for_each(|text| record.add(repository, Some(secret(text))));
        record
    }

    #[test]
    fn a_pod_should_use_an_image_with_the_credentials_it_was_fetched_with() {
        let granted = |learnt: Option<&str>| Access::Granted(learnt.map(secret));
        // Who fetched it as r.io/app, under which name it is wanted, the pod's Secrets, and whether it may.
        type Case<'a> = (&'a [&'a str], &'a str, &'a [&'a str], Access);
        let cases: [Case<'_>; 9] = [
            (&["a/s/1=x"], "r.io/app", &["a/s/1=x"], granted(None)),
            (&["a/s/1=x"], "r.io/app", &["b/t/2=y", "b/t/3=x"], granted(Some("b/t/3=x"))),
            (&["a/s/1=x"], "r.io/app", &["a/s/1=y"], granted(Some("a/s/1=y"))),
            (&["a/s/1=x"], "r.io/app", &["a/s/2=y"], Access::Unknown),
            (&["a/s/1=x"], "r.io/app", &[], Access::Unknown),
            (&["a/s/1=x"], "r.io/other", &["a/s/1=x"], Access::Unknown),
            (&["a/s/1=x", "a/t/2=y"], "r.io/app", &["c/u/3=y"], granted(Some("c/u/3=y"))),
            (&[], "r.io/app", &["a/s/1=x"], Access::Unknown),
            (&[], "r.io/app", &[], Access::Unknown),
        ];
        for (fetched, repository, own, expected) in cases {
            let own: Vec<PullSecret> = own.iter().map(|text| secret(text)).collect();
            let found = record("r.io/app", fetched).access(repository, &own);
            assert_eq!(found, expected, "{fetched:?} {repository} {own:?}");
        }
    }

    #[test]
    fn what_needed_no_credentials_should_be_open_to_all() {
        let mut open = record("r.io/app", &["a/s/1=x"]);
        open.add("r.io/app", None);
        assert!(open.is_open("r.io/app") && !open.is_open("r.io/other"));
        assert_eq!(open.access("r.io/app", &[]), Access::Granted(None));
        open.add("r.io/app", Some(secret("a/s/1=x")));
        assert_eq!(open.credential_mapping["r.io/app"].kubernetes_secrets, []);
    }

    #[test]
    fn a_secret_should_be_remembered_once_by_what_it_holds_last() {
        let mut own = record("r.io/app", &["b/s/1=x", "a/s/1=x", "b/s/1=y"]);
        own.merge(record("r.io/app", &["a/s/1=z"]));
        let secrets = own.credential_mapping["r.io/app"].kubernetes_secrets.clone();
        assert_eq!(secrets, [secret("a/s/1=z"), secret("b/s/1=y")]);
    }

    #[test]
    fn what_is_learnt_without_a_pull_should_be_bounded() {
        let many: Vec<String> = (0..100).map(|number| format!("a/s/{number}=x")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let full = record("r.io/app", &many);
        assert_eq!(full.access("r.io/app", &[secret("b/s/1=x")]), Access::Granted(None));
        assert_eq!(full.access("r.io/app", &[secret("a/s/1=y")]), Access::Unknown);
    }
}
