//! The server and its client as a container's program: its name says which.

use std::hash::{BuildHasher, Hasher, RandomState};

use image_redis::config::Config;
use image_redis::options::{self, Command};
use image_redis::{Service, cli};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let name = arguments.first().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
    let rest = arguments.get(1..).unwrap_or_default();
    let code = if name == "redis-cli" { cli::run(rest) } else { server(rest) };
    image_server::exit(code);
}

fn server(arguments: &[String]) -> u8 {
    let read = |file: &str| std::fs::read_to_string(file).map_err(|error| error.to_string());
    let config = match options::parse(arguments, read) {
        Command::Serve(config) => in_working_directory(*config),
        Command::Print(text, 0) => {
            println!("{}", text.trim_end());
            return 0;
        }
        Command::Print(text, code) => {
            eprintln!("{}", text.trim_end());
            return code;
        }
    };
    // The standard library seeds its hashes from the host's random numbers.
    let seed = RandomState::new().build_hasher().finish();
    let port = config.port;
    println!(
        "1:M * Kijabi's redis {} (compatible with {}), port {port}",
        env!("CARGO_PKG_VERSION"),
        image_redis::REDIS_VERSION
    );
    match Service::start(config, seed) {
        Ok(service) => serve(service, port),
        Err(error) => {
            println!("1:M # {error}");
            1
        }
    }
}

/// A relative `dir` is one of the container's working directory, which files are not looked for in by themselves.
fn in_working_directory(mut config: Config) -> Config {
    let here = image_server::working_directory();
    let folder = if config.dir == "." { here } else { here.join(&config.dir) };
    config.dir = folder.to_string_lossy().into_owned();
    config
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
fn serve(mut service: Service, port: u16) -> u8 {
    match image_server::Listener::bind(port) {
        Ok(listener) => {
            println!("1:M * Ready to accept connections tcp");
            listener.run(&mut service);
            println!("1:M * Redis is now ready to exit, bye bye...");
            0
        }
        Err(error) => {
            println!("1:M # Warning: Could not create server TCP listening socket *:{port}: bind: {error}");
            println!("1:M # Failed listening on port {port} (tcp), aborting.");
            1
        }
    }
}

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
fn serve(_: Service, _: u16) -> u8 {
    eprintln!("redis-server: this program listens through WASI 0.2: build it for wasm32-wasip2");
    1
}
