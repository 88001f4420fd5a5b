//! New Endpoints and EndpointSlices.

use k8s_openapi::api::core::v1::Endpoints;
use k8s_openapi::api::discovery::v1::EndpointSlice;

use super::*;

const NO_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

fn check_slices(table: &[(&str, &[&str])]) {
    for (rest, expected) in table {
        check::<EndpointSlice>(&format!("{{metadata: {{name: s, namespace: d}}, {rest}}}"), expected);
    }
}

#[test]
fn endpoint_slices_should_have_addresses_of_their_type() {
    check_slices(&[
        ("addressType: ''", &["addressType: Required value"]),
        (
            "addressType: IP",
            &["addressType: Unsupported value: \"IP\": supported values: \"FQDN\", \"IPv4\", \"IPv6\""],
        ),
        ("addressType: IPv4, endpoints: [{addresses: ['10.0.0.1', '10.0.0.2']}]", &[]),
        (
            "addressType: IPv4, endpoints: [{addresses: ['fd00::1']}, {addresses: []}]",
            &[
                "endpoints[0].addresses[0]: Invalid value: \"fd00::1\": must be a valid IPv4 address",
                "endpoints[1].addresses: Required value: must contain at least 1 address",
            ],
        ),
        (
            "addressType: IPv6, endpoints: [{addresses: ['10.0.0.1', '::1']}]",
            &[
                "endpoints[0].addresses[0]: Invalid value: \"10.0.0.1\": must be a valid IPv6 address",
                "endpoints[0].addresses[1]: Invalid value: \"::1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
            ],
        ),
        (
            "addressType: FQDN, endpoints: [{addresses: [db.example.com., db]}]",
            &[
                "endpoints[0].addresses[1]: Invalid value: \"db\": should be a domain with at least two segments separated by dots",
            ],
        ),
    ]);
}

#[test]
fn endpoint_slices_should_be_checked_in_all_their_parts() {
    let not_a_label = format!("endpoints[0].hostname: Invalid value: \"A\": {NO_LABEL}");
    check_slices(&[
        (
            "addressType: IPv4, ports: [{}, {name: ''}, {name: a, protocol: ICMP}]",
            &[
                "ports[1].name: Duplicate value: \"\"",
                "ports[2].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ],
        ),
        ("addressType: IPv4, endpoints: [{addresses: ['10.0.0.1'], hostname: A}]", &[&not_a_label]),
        (
            "addressType: IPv4, endpoints: [{addresses: ['10.0.0.1'], hints: {forZones: [{name: a}, {name: a}], forNodes: [{name: n}]}}]",
            &["endpoints[0].hints.forZones[1].name: Duplicate value: \"a\""],
        ),
    ]);
    let many: Vec<_> = (0..1001).map(|_| "{addresses: ['10.0.0.1']}").collect();
    let many = format!("addressType: IPv4, endpoints: [{}]", many.join(","));
    check_slices(&[(&many, &["endpoints: Too many: 1001: must have at most 1000 items"])]);
}

#[test]
fn endpoints_should_be_checked_as_upstream_checks_them() {
    let table: [(&str, &[&str]); 4] = [
        ("[{addresses: [{ip: 10.0.0.1, nodeName: n}], ports: [{port: 80}]}]", &[]),
        ("[{}]", &["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]),
        (
            "[{addresses: [{ip: 127.0.0.1}], notReadyAddresses: [{ip: x}]}]",
            &[
                "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
                "subsets[0].notReadyAddresses[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ],
        ),
        (
            "[{addresses: [{ip: 10.0.0.1}], ports: [{port: 0, name: a}, {port: 80, protocol: tcp}]}]",
            &[
                "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                "subsets[0].ports[1].name: Required value",
                "subsets[0].ports[1].protocol: Unsupported value: \"tcp\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ],
        ),
    ];
    for (subsets, expected) in table {
        check::<Endpoints>(&format!("{{metadata: {{name: e, namespace: d}}, subsets: {subsets}}}"), expected);
    }
}
