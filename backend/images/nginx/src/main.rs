//! The web server as a container's program.

use image_nginx::{Command, Options};

#[cfg(all(target_os = "wasi", target_env = "p2"))]
mod serve;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let code = match Options::parse(&arguments) {
        Command::Print(text, code) => {
            eprintln!("{}", text.trim_end());
            code
        }
        Command::Serve(options) => serve(&options),
    };
    image_server::exit(code);
}

#[cfg(all(target_os = "wasi", target_env = "p2"))]
fn serve(options: &Options) -> u8 {
    serve::serve(options)
}

#[cfg(not(all(target_os = "wasi", target_env = "p2")))]
fn serve(_: &Options) -> u8 {
    eprintln!(
        "nginx: this program listens through WASI 0.2: build it for wasm32-wasip2 and run it in a container"
    );
    1
}
