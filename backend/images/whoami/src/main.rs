//! `whoami` as a container's program.

use std::net::ToSocketAddrs;

use image_whoami::{Command, Identity, Options, Service};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let code = match Options::parse(&arguments, |name| std::env::var(name).ok()) {
        Command::Serve(options) => serve(Service::new(identity(options.name)), options.port),
        Command::Print(text, code) => {
            eprintln!("{text}");
            code
        }
    };
    image_server::exit(code);
}

/// What this pod is called, and where it is.
fn identity(name: String) -> Identity {
    let file = std::fs::read_to_string("/etc/hostname").map(|text| text.trim().to_owned());
    let hostname = file.or_else(|_| std::env::var("HOSTNAME")).unwrap_or_else(|_| "localhost".to_owned());
    let found = (hostname.as_str(), 0).to_socket_addrs();
    let found = found.into_iter().flatten().map(|address| address.ip().to_string());
    let mut addresses = vec!["127.0.0.1".to_owned()];
    addresses.extend(found.filter(|address| address != "127.0.0.1"));
    addresses.dedup();
    Identity { name, hostname, addresses, environment: std::env::vars().collect(), health: 200 }
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
fn serve(mut service: Service, port: u16) -> u8 {
    match image_server::Listener::bind(port) {
        Ok(listener) => {
            eprintln!("Starting up on port {port}");
            listener.run(&mut service);
            0
        }
        Err(error) => {
            eprintln!("listen tcp :{port}: bind: {error}");
            1
        }
    }
}

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
fn serve(_: Service, _: u16) -> u8 {
    eprintln!("whoami: this program listens through WASI 0.2: build it for wasm32-wasip2");
    1
}
