//! WebAssembly programs for images that tests push.

use std::process::Command;

use crate::workspace;

/// A shell with its tools: the component of the built-in image.
///
/// # Panics
/// In a build that has no programs in it.
pub fn shell() -> &'static [u8] {
    backend::assets::program("busybox").unwrap_or_else(|| panic!("{}", backend::assets::MISSING)).wasm
}

/// A program for tests alone, as a component: built when it is asked for.
///
/// # Panics
/// When it does not build.
pub fn test_program(name: &str) -> Vec<u8> {
    let guests = workspace::root().join("target/guests");
    let build = Command::new("cargo")
        .args(["build", "--quiet", "--profile", "guest", "--package", &format!("image-{name}")])
        .args(["--target", "wasm32-wasip2", "--target-dir"])
        .arg(&guests)
        .current_dir(workspace::root())
        .status();
    assert!(build.is_ok_and(|status| status.success()), "the test program {name} does not build");
    let file = guests.join(format!("wasm32-wasip2/guest/{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A WASI 0.1 module that prints a text, by a function that it imports from this module.
pub fn printer(text: &str, import: &str) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    // Two types: four numbers to one, as `fd_write` has it, and nothing to nothing.
    section(&mut module, 1, &[2, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0]);
    let mut imported = vec![1];
    name(&mut imported, import);
    name(&mut imported, "fd_write");
    imported.extend([0, 0]);
    section(&mut module, 2, &imported);
    section(&mut module, 3, &[1, 1]);
    section(&mut module, 5, &[1, 0, 1]);
    let mut exported = vec![2];
    name(&mut exported, "memory");
    exported.extend([2, 0]);
    name(&mut exported, "_start");
    exported.extend([0, 1]);
    section(&mut module, 7, &exported);
    // fd_write(1, 0, 1, 8), and its outcome dropped.
    section(&mut module, 10, &[1, 13, 0, 0x41, 1, 0x41, 0, 0x41, 1, 0x41, 8, 0x10, 0, 0x1a, 0x0b]);
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    let mut data = vec![1, 0, 0x41, 0, 0x0b];
    number(&mut data, 16 + usize::from(length));
    // Where the text lies and how long it is, then room for what `fd_write` tells.
    data.extend([16, 0, 0, 0, length, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    data.extend(text.bytes().take(length.into()));
    section(&mut module, 11, &data);
    module
}

fn section(module: &mut Vec<u8>, id: u8, content: &[u8]) {
    module.push(id);
    number(module, content.len());
    module.extend(content);
}

fn name(bytes: &mut Vec<u8>, text: &str) {
    number(bytes, text.len());
    bytes.extend(text.bytes());
}

/// A number as WebAssembly writes it: seven bits a byte.
fn number(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap_or_default());
}
