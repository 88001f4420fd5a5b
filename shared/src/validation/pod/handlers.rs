//! Probes and lifecycle hooks, and the actions that they take.
//!
//! Follows kubernetes `pkg/apis/core/validation/validation.go` (`validateProbe`, `validateLifecycle`,
//! `validateHandler`).

use k8s_openapi::api::core::v1::{
    Container, ExecAction, HTTPGetAction, LifecycleHandler, Probe, SleepAction, TCPSocketAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::super::field::{ErrorList, Path};
use super::super::metadata::validate_nonnegative;
use super::super::names;

/// What a probe or a hook does; exactly one must be given.
#[derive(Default)]
struct Handler<'a> {
    exec: Option<&'a ExecAction>,
    http_get: Option<&'a HTTPGetAction>,
    tcp_socket: Option<&'a TCPSocketAction>,
    grpc_port: Option<i32>,
    sleep: Option<&'a SleepAction>,
}

impl<'a> Handler<'a> {
    fn of_probe(probe: &'a Probe) -> Handler<'a> {
        Handler {
            exec: probe.exec.as_ref(),
            http_get: probe.http_get.as_ref(),
            tcp_socket: probe.tcp_socket.as_ref(),
            grpc_port: probe.grpc.as_ref().map(|grpc| grpc.port),
            sleep: None,
        }
    }

    fn of_hook(hook: &'a LifecycleHandler) -> Handler<'a> {
        Handler {
            exec: hook.exec.as_ref(),
            http_get: hook.http_get.as_ref(),
            tcp_socket: hook.tcp_socket.as_ref(),
            grpc_port: None,
            sleep: hook.sleep.as_ref(),
        }
    }
}

/// Rules of a container's three probes; `path` leads to the container.
pub(super) fn validate_probes(errors: &mut ErrorList, container: &Container, path: &Path) {
    if let Some(probe) = &container.liveness_probe {
        let path = path.child("livenessProbe");
        validate_probe(errors, probe, &path);
        validate_success_threshold(errors, probe, &path);
    }
    if let Some(probe) = &container.readiness_probe {
        let path = path.child("readinessProbe");
        validate_probe(errors, probe, &path);
        if let Some(seconds) = probe.termination_grace_period_seconds {
            let message = "must not be set for readinessProbes";
            errors.invalid(&path.child("terminationGracePeriodSeconds"), seconds, message);
        }
    }
    if let Some(probe) = &container.startup_probe {
        let path = path.child("startupProbe");
        validate_probe(errors, probe, &path);
        validate_success_threshold(errors, probe, &path);
    }
}

fn validate_success_threshold(errors: &mut ErrorList, probe: &Probe, path: &Path) {
    let threshold = probe.success_threshold.unwrap_or_default();
    if threshold != 1 {
        errors.invalid(&path.child("successThreshold"), threshold, "must be 1");
    }
}

fn validate_probe(errors: &mut ErrorList, probe: &Probe, path: &Path) {
    validate_handler(errors, &Handler::of_probe(probe), None, path);
    let numbers = [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ];
    for (name, number) in numbers {
        validate_nonnegative(errors, number.unwrap_or_default().into(), &path.child(name));
    }
    if let Some(seconds) = probe.termination_grace_period_seconds.filter(|seconds| *seconds <= 0) {
        errors.invalid(&path.child("terminationGracePeriodSeconds"), seconds, "must be greater than 0");
    }
}

/// Rules of a container's hooks; a pause before the end must fit into `grace_period` seconds.
pub(super) fn validate_lifecycle(
    errors: &mut ErrorList,
    container: &Container,
    grace_period: Option<i64>,
    path: &Path,
) {
    let Some(lifecycle) = &container.lifecycle else { return };
    for (name, hook) in [("postStart", &lifecycle.post_start), ("preStop", &lifecycle.pre_stop)] {
        if let Some(hook) = hook {
            validate_handler(errors, &Handler::of_hook(hook), grace_period, &path.child(name));
        }
    }
}

fn validate_handler(errors: &mut ErrorList, handler: &Handler<'_>, grace_period: Option<i64>, path: &Path) {
    let given = [
        ("exec", handler.exec.is_some()),
        ("httpGet", handler.http_get.is_some()),
        ("tcpSocket", handler.tcp_socket.is_some()),
        ("grpc", handler.grpc_port.is_some()),
        ("sleep", handler.sleep.is_some()),
    ];
    let mut given = given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name);
    let Some(first) = given.next() else { return errors.required(path, "must specify a handler type") };
    validate_action(errors, handler, first, grace_period, &path.child(first));
    for name in given {
        errors.forbidden(&path.child(name), "may not specify more than 1 handler type");
    }
}

fn validate_action(
    errors: &mut ErrorList,
    handler: &Handler<'_>,
    name: &str,
    grace_period: Option<i64>,
    path: &Path,
) {
    match (name, handler) {
        ("exec", Handler { exec: Some(exec), .. }) => validate_exec(errors, exec, path),
        ("httpGet", Handler { http_get: Some(action), .. }) => validate_http_get(errors, action, path),
        ("tcpSocket", Handler { tcp_socket: Some(action), .. }) => {
            validate_port(errors, &action.port, &path.child("port"));
        }
        ("grpc", Handler { grpc_port: Some(port), .. }) => {
            validate_port(errors, &IntOrString::Int(*port), &path.child("port"));
        }
        ("sleep", Handler { sleep: Some(sleep), .. }) => {
            validate_sleep(errors, sleep.seconds, grace_period, path);
        }
        _ => {}
    }
}

fn validate_exec(errors: &mut ErrorList, action: &ExecAction, path: &Path) {
    if action.command.as_deref().unwrap_or_default().is_empty() {
        errors.required(&path.child("command"), "");
    }
}

fn validate_http_get(errors: &mut ErrorList, action: &HTTPGetAction, path: &Path) {
    if action.path.as_deref().unwrap_or_default().is_empty() {
        errors.required(&path.child("path"), "");
    }
    validate_port(errors, &action.port, &path.child("port"));
    let scheme = action.scheme.as_deref().unwrap_or_default();
    if !["HTTP", "HTTPS"].contains(&scheme) {
        errors.not_supported(&path.child("scheme"), scheme, &["HTTP", "HTTPS"]);
    }
    for header in action.http_headers.iter().flatten() {
        let messages = names::http_header_name(&header.name);
        errors.invalid_each(&path.child("httpHeaders"), header.name.as_str(), messages);
    }
}

/// Rules of a port given by number or by name.
pub(in super::super) fn validate_port(errors: &mut ErrorList, port: &IntOrString, path: &Path) {
    match port {
        IntOrString::Int(number) => errors.invalid_each(path, *number, names::port_number(*number)),
        IntOrString::String(name) => errors.invalid_each(path, name.as_str(), names::port_name(name)),
    }
}

fn validate_sleep(errors: &mut ErrorList, seconds: i64, grace_period: Option<i64>, path: &Path) {
    let Some(grace_period) = grace_period else { return };
    if !(0..=grace_period).contains(&seconds) {
        let message =
            format!("must be non-negative and less than terminationGracePeriodSeconds ({grace_period})");
        errors.invalid(path, seconds, message);
    }
}
