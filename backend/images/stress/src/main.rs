//! `stress` as a container's program.

use image_stress::{Console, run};

/// The terminal of the container.
struct Terminal;

impl Console for Terminal {
    fn info(&mut self, line: &str) {
        println!("{line}");
    }

    fn failure(&mut self, line: &str) {
        eprintln!("{line}");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    exit(run(&arguments, &mut Terminal));
}

/// Ends with the true exit code, which `std::process::exit` loses under WASI 0.2.
fn exit(code: u8) -> ! {
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    wasip2::cli::exit::exit_with_code(code);
    std::process::exit(code.into())
}
