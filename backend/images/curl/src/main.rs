//! `curl` as a container's program, with busybox' shell and tools beside it, so that scripts can call it.

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    image_busybox::exit(image_busybox::run_container(&arguments, image_curl::TOOLS));
}
