//! New pods.

use k8s_openapi::api::core::v1::Pod;

use super::*;

#[test]
fn the_books_pod_should_be_valid() {
    let manifest = "
apiVersion: v1
kind: Pod
metadata:
  name: myapp-pod
  namespace: default
  labels:
    app: myapp
    type: front-end
spec:
  containers:
  - name: nginx-container
    image: nginx
";
    check::<Pod>(manifest, &[]);
}

#[test]
fn a_pod_without_anything_should_be_told_all_that_is_missing() {
    check::<Pod>(
        "{}",
        &[
            "metadata.name: Required value: name or generateName is required",
            "metadata.namespace: Required value",
            "spec.containers: Required value",
        ],
    );
}

#[test]
fn containers_should_be_checked_as_upstream_checks_them() {
    let table: &[(&str, &[&str])] = &[
        ("image: null", &["spec.containers[0].image: Required value"]),
        (
            "image: ' i'",
            &[
                "spec.containers[0].image: Invalid value: \" i\": must not have leading or trailing whitespace",
            ],
        ),
        (
            "imagePullPolicy: Sometimes",
            &[
                "spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
            ],
        ),
        ("ports: [{containerPort: 0}]", &["spec.containers[0].ports[0].containerPort: Required value"]),
        (
            "ports: [{containerPort: 70000, protocol: ICMP}]",
            &[
                "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
                "spec.containers[0].ports[0].protocol: Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
            ],
        ),
        (
            "ports: [{name: x, containerPort: 1, hostPort: 8}, {name: x, containerPort: 2, hostPort: 8}]",
            &[
                "spec.containers[0].ports[1].name: Duplicate value: \"x\"",
                "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//8\"",
            ],
        ),
        (
            "env: [{name: 'a=b'}, {value: x}]",
            &[
                "spec.containers[0].env[0].name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable ASCII characters other than '='",
                "spec.containers[0].env[1].name: Required value",
            ],
        ),
        (
            "env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
            &[
                "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty",
            ],
        ),
        (
            "env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.phase}}}]",
            &[
                "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"status.phase\": supported values: \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
            ],
        ),
        (
            "env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.nope}}}]",
            &[
                "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.nope\": error converting fieldPath: field label not supported: spec.nope",
            ],
        ),
        ("env: [{name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app']\"}}}]", &[]),
        (
            "env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1k}}}]",
            &[
                "spec.containers[0].env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu resource",
            ],
        ),
        (
            "envFrom: [{prefix: P_}]",
            &[
                "spec.containers[0].envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`",
            ],
        ),
        (
            "resources: {requests: {cpu: '2', memory: x}, limits: {cpu: 1500m, disk: '1'}}",
            &[
                "spec.containers[0].resources.limits[disk]: Invalid value: \"disk\": must be a standard resource type or fully qualified",
                "spec.containers[0].resources.limits[disk]: Invalid value: \"disk\": must be a standard resource for containers",
                "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1500m",
                "spec.containers[0].resources.requests[disk]: Invalid value: \"disk\": must be a standard resource type or fully qualified",
                "spec.containers[0].resources.requests[disk]: Invalid value: \"disk\": must be a standard resource for containers",
                "spec.containers[0].resources.requests[memory]: Invalid value: \"x\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ],
        ),
        (
            "resources: {requests: {example.com/gpu: 500m}}",
            &[
                "spec.containers[0].resources.requests[example.com/gpu]: Invalid value: \"500m\": must be an integer",
                "spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources",
            ],
        ),
        (
            "volumeMounts: [{name: v, mountPath: /x}, {name: v, mountPath: ''}]",
            &[
                "spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
                "spec.containers[0].volumeMounts[1].name: Not found: \"v\"",
                "spec.containers[0].volumeMounts[1].mountPath: Required value",
            ],
        ),
        (
            "livenessProbe: {httpGet: {port: ''}, exec: {command: [a]}, periodSeconds: -1, successThreshold: 2}",
            &[
                "spec.containers[0].livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type",
                "spec.containers[0].livenessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
            ],
        ),
        (
            "readinessProbe: {}",
            &["spec.containers[0].readinessProbe: Required value: must specify a handler type"],
        ),
        (
            "lifecycle: {preStop: {sleep: {seconds: 31}}}",
            &[
                "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)",
            ],
        ),
        (
            "securityContext: {runAsUser: -1}",
            &[
                "spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            ],
        ),
        (
            "restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]",
            &[
                "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used",
            ],
        ),
    ];
    for (rest, expected) in table {
        // The last of two equal keys cannot be written in YAML, so a given image replaces the good one.
        let manifest = if rest.starts_with("image:") {
            container(rest).replace("image: i, ", "")
        } else {
            container(rest)
        };
        check::<Pod>(&manifest, expected);
    }
}

#[test]
fn pod_specs_should_be_checked_as_upstream_checks_them() {
    let table: &[(&str, &[&str])] = &[
        (
            "restartPolicy: Sometimes, dnsPolicy: Mine",
            &[
                "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"OnFailure\", \"Never\"",
                "spec.dnsPolicy: Unsupported value: \"Mine\": supported values: \"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"",
            ],
        ),
        (
            "dnsPolicy: None",
            &["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
        ),
        (
            "activeDeadlineSeconds: 0",
            &["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
        ),
        (
            "hostAliases: [{ip: nope, hostnames: [a.b]}]",
            &[
                "spec.hostAliases[0].ip: Invalid value: \"nope\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            ],
        ),
        ("initContainers: [{name: a, image: i}]", &["spec.initContainers[0].name: Duplicate value: \"a\""]),
        (
            "initContainers: [{name: b, image: i, livenessProbe: {exec: {command: [x]}}}]",
            &[
                "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
            ],
        ),
        (
            "initContainers: [{name: b, image: i, restartPolicy: Always, livenessProbe: {exec: {command: [x]}}}]",
            &[],
        ),
        (
            "ephemeralContainers: [{name: b, image: i}]",
            &["spec.ephemeralContainers: Forbidden: cannot be set on create"],
        ),
        ("volumes: [{name: v}, {name: v}]", &["spec.volumes[1].name: Duplicate value: \"v\""]),
        (
            "volumes: [{name: v, emptyDir: {}, hostPath: {path: /x}, configMap: {name: c}}]",
            &[
                "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
                "spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type",
            ],
        ),
        (
            "volumes: [{name: V_, hostPath: {path: /a/../b, type: Thing}}]",
            &[
                "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
                "spec.volumes[0].hostPath.type: Unsupported value: \"Thing\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
                "spec.volumes[0].name: Invalid value: \"V_\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            ],
        ),
        (
            "volumes: [{name: v, secret: {defaultMode: 512, items: [{key: k, path: /abs}]}}]",
            &[
                "spec.volumes[0].secret.secretName: Required value",
                "spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
                "spec.volumes[0].secret.items[0].path: Invalid value: \"/abs\": must be a relative path",
            ],
        ),
        (
            "volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t, expirationSeconds: 1}}]}}]",
            &[
                "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
                "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
            ],
        ),
        (
            "tolerations: [{value: x}, {key: k, operator: Exists, value: x, effect: NoWay}]",
            &[
                "spec.tolerations[0].operator: Invalid value: \"\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
                "spec.tolerations[1].operator: Invalid value: \"x\": value must be empty when `operator` is 'Exists'",
                "spec.tolerations[1].effect: Unsupported value: \"NoWay\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
            ],
        ),
        (
            "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: k, operator: In}, {key: k, operator: Near}]}]}, preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, preference: {}}]}}",
            &[
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].operator: Invalid value: \"Near\": not a valid selector operator",
                "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 0: must be in the range 1-100",
            ],
        ),
        (
            "topologySpreadConstraints: [{maxSkew: 0, topologyKey: z, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]",
            &[
                "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
                "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{z, DoNotSchedule}\"",
            ],
        ),
        (
            "nodeName: n, schedulingGates: [{name: g}]",
            &["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
        ),
        (
            "os: {name: plan9}",
            &["spec.os: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\""],
        ),
        (
            "nodeSelector: {'a b': c}",
            &[
                "spec.nodeSelector: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
            ],
        ),
    ];
    for (rest, expected) in table {
        check::<Pod>(&pod(rest), expected);
    }
}

#[test]
fn pods_should_be_warned_of_what_is_probably_not_meant() {
    let table: &[(&str, &str)] = &[
        (
            "nodeSelector: {beta.kubernetes.io/os: linux}",
            "spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead",
        ),
        (
            "terminationGracePeriodSeconds: -1",
            "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
        ),
        ("imagePullSecrets: [{name: s}, {name: s}]", "spec.imagePullSecrets[1].name: duplicate name \"s\""),
        (
            "initContainers: [{name: b, env: [{name: X, value: a}, {name: X, value: b}]}]",
            "spec.initContainers[0].env[1]: hides previous definition of \"X\", which may be dropped when using apply",
        ),
        (
            "initContainers: [{name: b, resources: {limits: {memory: 100m}}}]",
            "spec.initContainers[0].resources.limits[memory]: fractional byte value \"100m\" is invalid, must be an integer",
        ),
        (
            "initContainers: [{name: b, ports: [{containerPort: 1}, {containerPort: 1}]}]",
            "spec.initContainers[0].ports[1]: duplicate port definition with spec.initContainers[0].ports[0]",
        ),
    ];
    for (rest, expected) in table {
        assert_eq!(warnings(&read::<Pod>(&pod(rest))), [*expected]);
    }
    assert!(warnings(&read::<Pod>(&pod(""))).is_empty());
}
