//! Probes of a running container: which is due, and what its results come to.
//!
//! Follows `doProbe` in `pkg/kubelet/prober/worker.go` and `UpdatePodStatus` in `prober_manager.go`
//! beside it, of kubernetes/kubernetes.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Probe};

use super::backoff::after;

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Whether the container has started; until it has, the others are not asked.
    Startup,
    /// Whether it still works; else it is started anew.
    Liveness,
    /// Whether it can be given work.
    Readiness,
}

impl ProbeKind {
    const ALL: [ProbeKind; 3] = [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness];

    /// The word in events.
    pub fn word(self) -> &'static str {
        match self {
            ProbeKind::Startup => "Startup",
            ProbeKind::Liveness => "Liveness",
            ProbeKind::Readiness => "Readiness",
        }
    }

    /// The container's probe of this kind.
    pub fn of(self, container: &Container) -> Option<&Probe> {
        match self {
            ProbeKind::Startup => container.startup_probe.as_ref(),
            ProbeKind::Liveness => container.liveness_probe.as_ref(),
            ProbeKind::Readiness => container.readiness_probe.as_ref(),
        }
    }

    /// Whether a container that fails it is started anew.
    fn restarts(self) -> bool {
        self != ProbeKind::Readiness
    }
}

/// Why a probe did not succeed; printed as the end of the event's sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// The container does not hold what it asks; with its output.
    #[error("failed: {0}")]
    Failed(String),
    /// It could not be asked.
    #[error("errored and resulted in unknown state: {0}")]
    NotAsked(String),
}

/// Whether there is something to ask.
fn is_asked(probe: &Probe) -> bool {
    probe.http_get.is_some() || probe.tcp_socket.is_some() || probe.exec.is_some() || probe.grpc.is_some()
}

/// One probe of one run of a container.
#[derive(Clone, Debug)]
struct ProbeWork {
    kind: ProbeKind,
    period: SignedDuration,
    success_threshold: i32,
    failure_threshold: i32,
    /// What it comes to so far.
    holds: bool,
    /// Results of this kind in a row: which, and how many.
    run: (bool, i32),
    due: Timestamp,
    /// Whether an answer is awaited.
    asked: bool,
    /// Whether it failed for good: this run of the container is over.
    over: bool,
}

impl ProbeWork {
    fn new(kind: ProbeKind, probe: &Probe, since: Timestamp) -> ProbeWork {
        let seconds = |given: Option<i32>, default: i32| {
            SignedDuration::from_secs(given.filter(|seconds| *seconds > 0).unwrap_or(default).into())
        };
        let threshold =
            |given: Option<i32>, default: i32| given.filter(|times| *times > 0).unwrap_or(default);
        ProbeWork {
            kind,
            period: seconds(probe.period_seconds, 10),
            success_threshold: threshold(probe.success_threshold, 1),
            failure_threshold: threshold(probe.failure_threshold, 3),
            holds: kind == ProbeKind::Liveness,
            run: (false, 0),
            due: after(since, seconds(probe.initial_delay_seconds, 0)),
            asked: false,
            over: false,
        }
    }

    /// Takes in a result. Below its threshold it changes nothing.
    fn count(&mut self, success: bool) {
        self.run = if self.run.0 == success { (success, self.run.1 + 1) } else { (success, 1) };
        let threshold = if success { self.success_threshold } else { self.failure_threshold };
        if self.run.1 >= threshold {
            self.holds = success;
            self.over = !success && self.kind.restarts();
        }
    }
}

/// The probes of one run of a container.
#[derive(Clone, Debug, Default)]
pub struct Probes(Vec<ProbeWork>);

impl Probes {
    /// Those of a container that runs since then.
    pub fn new(container: &Container, since: Timestamp) -> Probes {
        let own = |kind: ProbeKind| {
            let probe = kind.of(container).filter(|probe| is_asked(probe))?;
            Some(ProbeWork::new(kind, probe, since))
        };
        Probes(ProbeKind::ALL.into_iter().filter_map(own).collect())
    }

    fn hold(&self, kind: ProbeKind) -> bool {
        self.0.iter().filter(|work| work.kind == kind).all(|work| work.holds)
    }

    /// Whether the container has started, as far as probes tell.
    pub fn started(&self) -> bool {
        self.hold(ProbeKind::Startup)
    }

    /// Whether it is ready, as far as probes tell.
    pub fn ready(&self) -> bool {
        self.started() && self.hold(ProbeKind::Readiness)
    }

    /// The probes that are to be asked now, and when the next one is.
    pub(super) fn ask(&mut self, now: Timestamp) -> (Vec<ProbeKind>, Option<Timestamp>) {
        let started = self.started();
        let (mut kinds, mut next) = (Vec::new(), None::<Timestamp>);
        let waiting = self.0.iter_mut().filter(|work| !work.asked && !work.over);
        for work in waiting.filter(|work| (work.kind == ProbeKind::Startup) != started) {
            if work.due <= now {
                work.asked = true;
                work.due = after(now, work.period);
                kinds.push(work.kind);
            } else {
                next = Some(next.map_or(work.due, |earlier| earlier.min(work.due)));
            }
        }
        (kinds, next)
    }

    /// Takes in a result. Returns whether the container is to be started anew because of it.
    pub(super) fn on_result(&mut self, kind: ProbeKind, outcome: &Result<(), ProbeError>) -> bool {
        let asked = self.0.iter_mut().find(|work| work.kind == kind && work.asked);
        asked.is_some_and(|work| {
            work.asked = false;
            if !matches!(outcome, Err(ProbeError::NotAsked(_))) {
                work.count(outcome.is_ok());
            }
            work.over
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn no() -> Result<(), ProbeError> {
        Err(ProbeError::Failed("no".into()))
    }

    fn probes(container: serde_json::Value) -> Probes {
        let mut own = json!({"name": "a"});
        own.as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
        Probes::new(&serde_json::from_value(own).unwrap(), at(0))
    }

    #[test]
    fn readiness_should_change_at_its_thresholds_only() {
        let probe = json!({"tcpSocket": {"port": 80}, "periodSeconds": 5, "successThreshold": 2, "failureThreshold": 2});
        let mut probes = probes(json!({"readinessProbe": probe}));
        let results =
            [(true, false), (true, true), (false, true), (true, true), (false, true), (false, false)];
        for (index, (success, ready)) in results.into_iter().enumerate() {
            let now = at(5 * index as i64);
            assert_eq!(probes.ask(now), (vec![ProbeKind::Readiness], None), "{index}");
            assert!(!probes.on_result(ProbeKind::Readiness, &if success { Ok(()) } else { no() }), "{index}");
            assert_eq!(probes.ready(), ready, "{index}");
            assert_eq!(probes.ask(now), (vec![], Some(at(5 * index as i64 + 5))), "{index}");
        }
    }

    #[test]
    fn others_should_wait_until_the_container_has_started() {
        let probe = json!({"httpGet": {"port": 80}, "periodSeconds": 1, "failureThreshold": 3});
        let mut probes =
            probes(json!({"startupProbe": probe, "readinessProbe": probe, "livenessProbe": probe}));
        assert_eq!(probes.ask(at(0)).0, [ProbeKind::Startup]);
        assert!(!probes.on_result(ProbeKind::Startup, &no()));
        assert!(!probes.started() && !probes.ready());
        assert_eq!(probes.ask(at(1)).0, [ProbeKind::Startup]);
        assert!(!probes.on_result(ProbeKind::Startup, &Ok(())));
        assert!(probes.started() && !probes.ready());
        assert_eq!(probes.ask(at(1)).0, [ProbeKind::Liveness, ProbeKind::Readiness]);
    }

    #[test]
    fn liveness_should_end_a_run_at_its_threshold_and_ask_no_more() {
        let probe = json!({"httpGet": {"port": 80}, "initialDelaySeconds": 3, "periodSeconds": 1, "failureThreshold": 2});
        let mut probes = probes(json!({"livenessProbe": probe}));
        assert_eq!(probes.ask(at(2)), (vec![], Some(at(3))));
        assert!(probes.ready());
        let over: Vec<bool> = (3..5)
            .map(|second| {
                assert_eq!(probes.ask(at(second)).0, [ProbeKind::Liveness]);
                probes.on_result(ProbeKind::Liveness, &no())
            })
            .collect();
        assert_eq!(over, [false, true]);
        assert_eq!(probes.ask(at(9)), (vec![], None));
    }

    #[test]
    fn probe_that_could_not_be_asked_should_not_count() {
        let probe = json!({"exec": {"command": ["no-such"]}, "periodSeconds": 1, "failureThreshold": 1});
        let mut probes = probes(json!({"livenessProbe": probe}));
        assert_eq!(probes.ask(at(0)).0, [ProbeKind::Liveness]);
        assert!(!probes.on_result(ProbeKind::Liveness, &Err(ProbeError::NotAsked("no such command".into()))));
        assert_eq!(probes.ask(at(1)).0, [ProbeKind::Liveness]);
        assert!(probes.on_result(ProbeKind::Liveness, &no()));
    }

    #[test]
    fn probe_that_asks_nothing_should_not_hold_a_container_up() {
        let probes = probes(json!({"readinessProbe": {}}));
        assert!(probes.ready());
    }
}
