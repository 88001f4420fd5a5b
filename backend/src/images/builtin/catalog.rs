//! The table of the built-in images. Entrypoints and commands are those of the images whose names they answer to.

use super::{Builtin, Executable};

/// All built-in images.
pub static CATALOG: &[Builtin] = &[NGINX, HTTPD, BUSYBOX, ALPINE, CURL, STRESS, REDIS, WHOAMI];

const NGINX: Builtin = Builtin {
    name: "nginx",
    repositories: &["docker.io/library/nginx"],
    description: "a web server of Kijabi's own that stands in for nginx",
    // The image's /docker-entrypoint.sh runs its arguments; without it they run all the same.
    entrypoint: &[],
    cmd: &["nginx", "-g", "daemon off;"],
    option_command: Some("nginx"),
    env: &[("PATH", PATH), ("NGINX_VERSION", env!("CARGO_PKG_VERSION"))],
    working_dir: "/",
    exposed_ports: &[80],
    directories: DIRECTORIES,
    files: &[
        OS_RELEASE,
        PASSWD,
        GROUP,
        (
            "/usr/share/nginx/html/index.html",
            include_bytes!("../../../images/nginx/root/usr/share/nginx/html/index.html"),
        ),
        (
            "/usr/share/nginx/html/50x.html",
            include_bytes!("../../../images/nginx/root/usr/share/nginx/html/50x.html"),
        ),
        ("/etc/nginx/nginx.conf", include_bytes!("../../../images/nginx/root/etc/nginx/nginx.conf")),
        ("/etc/nginx/mime.types", include_bytes!("../../../images/nginx/root/etc/nginx/mime.types")),
        (
            "/etc/nginx/conf.d/default.conf",
            include_bytes!("../../../images/nginx/root/etc/nginx/conf.d/default.conf"),
        ),
    ],
    // The image that it stands in for has curl, too.
    executables: &[web_server(&["nginx"]), TOOLS_WITH_CURL],
};

const HTTPD: Builtin = Builtin {
    name: "httpd",
    repositories: &["docker.io/library/httpd"],
    description: "a web server of Kijabi's own that stands in for httpd",
    entrypoint: &[],
    cmd: &["httpd-foreground"],
    option_command: None,
    env: &[("PATH", PATH), ("HTTPD_PREFIX", "/usr/local/apache2")],
    working_dir: "/usr/local/apache2",
    exposed_ports: &[80],
    directories: DIRECTORIES,
    files: &[
        OS_RELEASE,
        PASSWD,
        GROUP,
        (
            "/usr/local/apache2/htdocs/index.html",
            include_bytes!("../../../images/nginx/root/usr/local/apache2/htdocs/index.html"),
        ),
        (
            "/usr/local/apache2/conf/httpd.conf",
            include_bytes!("../../../images/nginx/root/usr/local/apache2/conf/httpd.conf"),
        ),
    ],
    executables: &[web_server(&["httpd", "httpd-foreground"]), TOOLS],
};

const BUSYBOX: Builtin = Builtin {
    name: "busybox",
    repositories: &["docker.io/library/busybox"],
    description: "a shell with its tools of Kijabi's own that stands in for busybox",
    entrypoint: &[],
    cmd: &["sh"],
    option_command: None,
    env: &[("PATH", PATH)],
    working_dir: "/",
    exposed_ports: &[],
    directories: DIRECTORIES,
    files: &[OS_RELEASE, PASSWD, GROUP],
    executables: &[TOOLS],
};

const ALPINE: Builtin = Builtin {
    name: "alpine",
    repositories: &["docker.io/library/alpine"],
    description: "a shell with its tools of Kijabi's own that stands in for alpine; it has no package manager",
    entrypoint: &[],
    cmd: &["/bin/sh"],
    option_command: None,
    env: &[("PATH", PATH)],
    working_dir: "/",
    exposed_ports: &[],
    directories: DIRECTORIES,
    files: &[
        ("/etc/alpine-release", concat!("kijabi-", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
        OS_RELEASE,
        PASSWD,
        GROUP,
    ],
    executables: &[TOOLS],
};

const CURL: Builtin = Builtin {
    name: "curl",
    repositories: &["docker.io/library/curl", "docker.io/curlimages/curl"],
    description: "a curl of Kijabi's own for the pod network that stands in for curlimages/curl; it has no TLS",
    // The image's /entrypoint.sh puts `curl` before arguments that begin with an option or are no command.
    entrypoint: &[],
    cmd: &["curl"],
    option_command: Some("curl"),
    env: &[("PATH", PATH)],
    working_dir: "/home/curl_user",
    exposed_ports: &[],
    directories: &[
        "/home/curl_user",
        "/bin",
        "/dev",
        "/etc",
        "/home",
        "/root",
        "/tmp",
        "/usr/bin",
        "/var/log",
        "/var/run",
    ],
    files: &[OS_RELEASE, PASSWD, GROUP],
    executables: &[TOOLS_WITH_CURL],
};

const STRESS: Builtin = Builtin {
    name: "stress",
    repositories: &["docker.io/library/stress", "docker.io/polinux/stress"],
    description: "a load generator of Kijabi's own that stands in for stress",
    entrypoint: &[],
    cmd: &["stress", "--help"],
    option_command: None,
    env: &[("PATH", PATH)],
    working_dir: "/",
    exposed_ports: &[],
    directories: DIRECTORIES,
    files: &[OS_RELEASE, PASSWD, GROUP],
    executables: &[
        Executable { program: "stress", commands: &["stress"], drains_on_stdin_close: false },
        TOOLS,
    ],
};

const REDIS: Builtin = Builtin {
    name: "redis",
    repositories: &["docker.io/library/redis"],
    description: "a server of Kijabi's own that speaks Redis' protocol and stands in for redis",
    entrypoint: &[],
    cmd: &["redis-server"],
    option_command: Some("redis-server"),
    env: &[("PATH", PATH)],
    working_dir: "/data",
    exposed_ports: &[6379],
    directories: &[
        "/data", "/bin", "/dev", "/etc", "/home", "/root", "/tmp", "/usr/bin", "/var/log", "/var/run",
    ],
    files: &[OS_RELEASE, PASSWD, GROUP],
    executables: &[
        Executable {
            program: "redis",
            commands: &["redis-server", "redis-cli"],
            drains_on_stdin_close: true,
        },
        TOOLS,
    ],
};

const WHOAMI: Builtin = Builtin {
    name: "whoami",
    repositories: &["docker.io/traefik/whoami", "docker.io/containous/whoami"],
    description: "a web server of Kijabi's own that tells what it was asked and stands in for traefik/whoami",
    entrypoint: &["whoami"],
    cmd: &[],
    option_command: None,
    env: &[("PATH", PATH)],
    working_dir: "/",
    exposed_ports: &[80],
    directories: DIRECTORIES,
    files: &[OS_RELEASE, PASSWD, GROUP],
    executables: &[
        Executable { program: "whoami", commands: &["whoami"], drains_on_stdin_close: true },
        TOOLS,
    ],
};

/// The shell and its tools, which lie in every image.
const TOOLS: Executable =
    Executable { program: "busybox", commands: image_busybox::COMMANDS, drains_on_stdin_close: false };

/// The same, and `curl`.
const TOOLS_WITH_CURL: Executable =
    Executable { program: "curl", commands: image_curl::ALL_COMMANDS, drains_on_stdin_close: false };

const fn web_server(commands: &'static [&'static str]) -> Executable {
    Executable { program: "nginx", commands, drains_on_stdin_close: true }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const DIRECTORIES: &[&str] =
    &["/bin", "/dev", "/etc", "/home", "/root", "/tmp", "/usr/bin", "/var/log", "/var/run"];

const OS_RELEASE: (&str, &[u8]) = (
    "/etc/os-release",
    concat!(
        "NAME=\"Kijabi\"\nID=kijabi\nVERSION_ID=",
        env!("CARGO_PKG_VERSION"),
        "\nPRETTY_NAME=\"Kijabi built-in image (WebAssembly)\"\n"
    )
    .as_bytes(),
);

const PASSWD: (&str, &[u8]) =
    ("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n");

const GROUP: (&str, &[u8]) = ("/etc/group", b"root:x:0:\nnobody:x:65534:\n");
