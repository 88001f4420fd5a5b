//! New NetworkPolicies.

use k8s_openapi::api::networking::v1::NetworkPolicy;

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
