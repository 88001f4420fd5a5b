use super::*;

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn image(text: &str) -> &'static Builtin {
    resolve(&reference(text)).unwrap()
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn well_known_names_should_resolve_to_built_in_images_at_any_tag() {
    let cases = [
        ("nginx", Some("nginx")),
        ("nginx:1.14.2", Some("nginx")),
        ("docker.io/library/nginx:alpine", Some("nginx")),
        ("httpd:2.4", Some("httpd")),
        ("busybox:1.28", Some("busybox")),
        ("stress", Some("stress")),
        ("polinux/stress", Some("stress")),
        ("redis:7-alpine", Some("redis")),
        ("alpine:3.20", Some("alpine")),
        ("curl", Some("curl")),
        ("curlimages/curl:8.11.0", Some("curl")),
        ("traefik/whoami", Some("whoami")),
        ("whoami", None),
        ("ngnix", None),
        ("quay.io/library/nginx", None),
        ("someone/nginx", None),
    ];
    for (text, expected) in cases {
        assert_eq!(resolve(&reference(text)).map(|image| image.name), expected, "{text}");
    }
}

#[test]
fn a_digest_should_mean_only_the_image_that_has_it() {
    let own = format!("nginx@{}", image("nginx").digest());
    assert!(resolve(&reference(&own)).is_some());
    let other = format!("nginx@sha256:{}", "0".repeat(64));
    assert!(resolve(&reference(&other)).is_none());
}

#[test]
fn images_should_differ_in_their_digests() {
    let digests: std::collections::BTreeSet<String> = CATALOG.iter().map(Builtin::digest).collect();
    assert_eq!(digests.len(), CATALOG.len());
}

#[test]
fn command_and_args_of_a_pod_should_replace_those_of_the_image() {
    let cases = [
        ("busybox", "", "", "sh"),
        ("busybox", "", "sleep 3600", "sleep 3600"),
        ("busybox", "echo", "", "echo"),
        ("busybox", "echo", "a b", "echo a b"),
        ("nginx", "", "", "nginx -g daemon off;"),
        ("stress", "stress", "--vm 1", "stress --vm 1"),
        ("nginx", "", "-t", "nginx -t"),
        ("redis", "", "--appendonly yes", "redis-server --appendonly yes"),
        ("redis", "", "/etc/redis.conf", "redis-server /etc/redis.conf"),
        ("redis", "", "redis-cli ping", "redis-cli ping"),
        ("alpine", "", "", "/bin/sh"),
        ("curlimages/curl", "", "-sS http://web", "curl -sS http://web"),
        ("curlimages/curl", "", "curl http://web", "curl http://web"),
        ("curlimages/curl", "", "http://web", "curl http://web"),
        ("curlimages/curl", "", "sh", "sh"),
        ("traefik/whoami", "", "--port 8080", "whoami --port 8080"),
        ("redis", "redis-server", "/redis-master/redis.conf", "redis-server /redis-master/redis.conf"),
    ];
    for (name, command, args, expected) in cases {
        let line = image(name).image().unwrap().command_line(&words(command), &words(args));
        assert_eq!(line.join(" "), expected, "{name} {command} {args}");
    }
}

#[test]
fn a_command_should_be_found_by_name_and_by_path() {
    let cases = [
        ("busybox", "sh", Some("busybox")),
        ("busybox", "/bin/sh", Some("busybox")),
        ("busybox", "/usr/bin/env", Some("busybox")),
        ("nginx", "nginx", Some("nginx")),
        ("nginx", "/usr/sbin/nginx", Some("nginx")),
        ("nginx", "sh", Some("curl")),
        ("nginx", "curl", Some("curl")),
        ("curlimages/curl", "/usr/bin/curl", Some("curl")),
        ("busybox", "curl", None),
        ("stress", "stress", Some("stress")),
        ("redis", "/usr/local/bin/redis-cli", Some("redis")),
        ("redis", "sh", Some("busybox")),
        ("traefik/whoami", "whoami", Some("whoami")),
        ("busybox", "whoami", Some("busybox")),
        ("busybox", "nginx", None),
        ("busybox", "/opt/sh", None),
    ];
    for (name, command, expected) in cases {
        let image = image(name).image().unwrap();
        let found = image.executable(command).map(|executable| executable.program.digest());
        let expected = expected.map(|program| assets::program(program).unwrap().digest);
        assert_eq!(found, expected, "{name} {command}");
    }
}

#[test]
fn a_command_that_is_not_there_should_be_refused_as_runc_does() {
    let error = image("busybox").image().unwrap().launch(words("python3 -V")).unwrap_err();
    assert!(error.ends_with("exec: \"python3\": executable file not found in $PATH: unknown"), "{error}");
}

#[test]
fn an_unknown_image_should_be_explained_to_a_beginner() {
    let advice = |text: &str| advice(&reference(text));
    assert_eq!(advice("ngnix"), "did you mean \"nginx\"?");
    assert!(advice("python").contains("built in are nginx, httpd, busybox, alpine, curl"));
    assert!(
        advice(&format!("nginx@sha256:{}", "0".repeat(64))).starts_with("a digest names one exact image")
    );
    for name in ["postgres:16", "mysql", "bitnami/mongodb", "mariadb:11"] {
        let text = advice(name);
        assert!(text.contains("is not built in: it is a Linux program") && text.contains("redis"), "{text}");
    }
}
