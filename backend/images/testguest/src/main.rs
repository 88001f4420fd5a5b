//! A program that behaves well or badly on demand, for the tests of the container runtime and the pod network.
//! `testguest COMMAND [ARGUMENT…]`; each command is one function.

mod behave;
mod network;
#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod poll;

use std::io;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {:?}", error.kind());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> io::Result<()> {
    match arguments {
        ["exit", code] => behave::exit(code.parse().map_err(io::Error::other)?),
        ["print", text @ ..] => behave::print(text),
        ["print-env"] => behave::print_env(),
        ["read-stdin"] => behave::read_stdin(),
        ["is-terminal"] => behave::is_terminal(),
        #[cfg(all(target_os = "wasi", target_env = "p2"))]
        ["poll-stdin", milliseconds] => poll::stdin(milliseconds.parse().map_err(io::Error::other)?),
        ["write-file", path, text] => std::fs::write(path, text),
        ["fill", path] => behave::fill(path),
        ["refill", path, times] => behave::refill(path, times.parse().map_err(io::Error::other)?),
        ["replace", path] => behave::replace(path),
        ["hold-file", path, mebibytes] => {
            behave::hold_file(path, mebibytes.parse().map_err(io::Error::other)?)
        }
        ["read-file", path] => behave::read_file(path),
        ["open-files", path] => behave::open_files(path),
        ["spin"] => behave::spin(),
        ["work", milliseconds] => behave::work(milliseconds.parse().map_err(io::Error::other)?),
        ["sleep"] => behave::sleep(),
        ["panic"] => behave::panic(),
        ["recurse"] => behave::recurse(),
        ["eat-memory"] => behave::eat_memory(),
        ["flood"] => behave::flood(),
        ["answer"] => behave::answer(),
        #[cfg(all(target_os = "wasi", target_env = "p2"))]
        ["link", target, path] => behave::link(target, path),
        ["echo-server", address] => network::echo_server(address),
        #[cfg(all(target_os = "wasi", target_env = "p2"))]
        ["poll-server", port] => poll::server(port.parse().map_err(io::Error::other)?),
        ["sink-server", address] => network::sink_server(address),
        ["send", address, megabytes] => network::send(address, megabytes.parse().map_err(io::Error::other)?),
        ["connect", address] => network::connect(address),
        ["time-connects", address, count] => {
            network::time_connects(address, count.parse().map_err(io::Error::other)?)
        }
        ["half-close", address] => network::half_close(address),
        ["lookup", name] => network::lookup(name),
        ["udp-server", address] => network::udp_server(address),
        ["udp-sockets", count] => network::udp_sockets(count.parse().map_err(io::Error::other)?),
        ["hoard-server", address] => network::hoard_server(address),
        ["connections", address, count] => {
            network::connections(address, count.parse().map_err(io::Error::other)?)
        }
        ["udp", address, word] => network::udp(address, word),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
