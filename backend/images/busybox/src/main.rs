//! `busybox` as a container's program.

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    image_busybox::exit(image_busybox::run_container(&arguments, &[]));
}
