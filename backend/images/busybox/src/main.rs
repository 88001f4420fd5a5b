//! `busybox` as a container's program.

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    exit(image_busybox::run_container(&arguments));
}

/// Ends with the true exit code, which `std::process::exit` loses under WASI 0.2.
fn exit(code: u8) -> ! {
    #[cfg(all(target_os = "wasi", target_env = "p2"))]
    wasip2::cli::exit::exit_with_code(code);
    std::process::exit(code.into())
}
