//! New NetworkPolicies, Ingresses and IngressClasses.

use k8s_openapi::api::networking::v1::{Ingress, IngressClass, NetworkPolicy};

use super::*;

fn check_policies(table: &[(&str, &[&str])]) {
    for (spec, expected) in table {
        check::<NetworkPolicy>(&format!("{{metadata: {{name: p, namespace: d}}, spec: {spec}}}"), expected);
    }
}

#[test]
fn network_policies_should_have_ports_in_order() {
    check_policies(&[
        ("{}", &[]),
        ("{ingress: [{ports: [{port: 80, endPort: 90}, {port: http}, {protocol: SCTP}]}]}", &[]),
        (
            "{ingress: [{ports: [{port: 0, protocol: ICMP}]}], egress: [{ports: [{port: 80, endPort: 79}]}]}",
            &[
                "spec.ingress[0].ports[0].protocol: Unsupported value: \"ICMP\": supported values: \"TCP\", \"UDP\", \"SCTP\"",
                "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "spec.egress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to `port`",
            ],
        ),
        (
            "{ingress: [{ports: [{port: http, endPort: 90}, {endPort: 90}, {port: '80'}]}]}",
            &[
                "spec.ingress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric",
                "spec.ingress[0].ports[1].endPort: Invalid value: 90: may not be specified when `port` is not specified",
                "spec.ingress[0].ports[2].port: Invalid value: \"80\": must contain at least one letter (a-z)",
            ],
        ),
    ]);
}

#[test]
fn network_policies_should_name_peers_one_way_or_the_other() {
    check_policies(&[
        (
            "{ingress: [{from: [{podSelector: {}, namespaceSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}]}",
            &[],
        ),
        (
            "{egress: [{to: [{}, {podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
            &[
                "spec.egress[0].to[0]: Required value: must specify a peer",
                "spec.egress[0].to[1]: Forbidden: may not specify both ipBlock and another peer",
            ],
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: ''}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8, 11.0.0.0/16, x]}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.cidr: Required value",
                "spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr`",
                "spec.ingress[0].from[1].ipBlock.except[1]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`",
                "spec.ingress[0].from[1].ipBlock.except[2]: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
            ],
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In}]}, policyTypes: [Both]}",
            &[
                "spec.podSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                "spec.policyTypes[0]: Unsupported value: \"Both\": supported values: \"Ingress\", \"Egress\"",
            ],
        ),
    ]);
}

#[test]
fn ingresses_should_lead_somewhere() {
    let service = "{service: {name: web, port: {number: 80}}}";
    let path = |path: &str| {
        format!("{{rules: [{{host: a.example, http: {{paths: [{{{path}, backend: {service}}}]}}}}]}}")
    };
    let rows: [(String, &[&str]); 9] = [
        (path("path: /, pathType: Prefix"), &[]),
        (path("pathType: ImplementationSpecific"), &[]),
        ("{}".into(), &["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]),
        (
            path("path: a//b/.., pathType: Exact"),
            &[
                "spec.rules[0].http.paths[0].path: Invalid value: \"a//b/..\": must be an absolute path",
                "spec.rules[0].http.paths[0].path: Invalid value: \"a//b/..\": must not contain '//'",
                "spec.rules[0].http.paths[0].path: Invalid value: \"a//b/..\": cannot end with '/..'",
            ],
        ),
        (
            path("path: /, pathType: Regex"),
            &[
                "spec.rules[0].http.paths[0].pathType: Unsupported value: \"Regex\": supported values: \"Exact\", \"ImplementationSpecific\", \"Prefix\"",
            ],
        ),
        (
            "{defaultBackend: {service: {name: web}}}".into(),
            &["spec.defaultBackend: Required value: port name or number is required"],
        ),
        (
            "{defaultBackend: {service: {name: web, port: {name: a, number: 1}}}}".into(),
            &["spec.defaultBackend: Invalid value: \"\": cannot set both port name & port number"],
        ),
        (
            "{defaultBackend: {}}".into(),
            &["spec.defaultBackend: Invalid value: \"\": resource or service backend is required"],
        ),
        (
            "{rules: [{host: 10.0.0.1}, {host: '*.example'}, {host: 'a.*.example'}]}".into(),
            &[
                "spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address",
                "spec.rules[2].host: Invalid value: \"a.*.example\": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ],
        ),
    ];
    for (spec, expected) in rows {
        check::<Ingress>(&format!("{{metadata: {{name: i, namespace: d}}, spec: {spec}}}"), expected);
    }
}

#[test]
fn ingress_classes_should_name_a_controller() {
    let rows: [(&str, &[&str]); 5] = [
        ("{controller: a.example/b}", &[]),
        ("{}", &["spec.controller: Required value"]),
        (
            "{controller: nginx}",
            &[
                "spec.controller: Invalid value: \"nginx\": must be a domain-prefixed path (such as \"acme.io/foo\")",
            ],
        ),
        (
            "{controller: a.example/b, parameters: {kind: K, name: a/b, scope: Namespace}}",
            &[
                "spec.parameters.name: Invalid value: \"a/b\": may not contain '/'",
                "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
            ],
        ),
        (
            "{controller: a.example/b, parameters: {kind: K, name: n, namespace: d}}",
            &["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
        ),
    ];
    for (spec, expected) in rows {
        check::<IngressClass>(&format!("{{metadata: {{name: c}}, spec: {spec}}}"), expected);
    }
}
