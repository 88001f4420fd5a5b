//! What is embedded in the binary: the page and the programs of the built-in images.
//!
//! `cargo xtask` builds them and names their folder to `build.rs`. A binary of a plain `cargo build` has none.

/// A file of the page.
#[derive(Debug, Clone, Copy)]
pub struct PageFile {
    /// Relative, with `/`: `index.html`, `page_bg.wasm`. A sibling that ends in `.br` is the same, compressed.
    pub path: &'static str,
    /// The content.
    pub bytes: &'static [u8],
}

/// A program of a built-in image.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    /// The name of its file: `busybox`.
    pub name: &'static str,
    /// The WASI 0.2 component.
    pub wasm: &'static [u8],
    /// The same, compiled ahead of time for a baseline CPU; empty if that was not done.
    pub precompiled: &'static [u8],
    /// `sha256:…` of [`Self::wasm`].
    pub digest: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What to tell the user of a binary that has nothing embedded.
pub const MISSING: &str = "this binary has neither the page nor the built-in images in it, because it was not built by \
     `cargo xtask build`; the API works, http://…/ shows nothing, and pods with images such as nginx cannot start";

/// The program of this name.
#[must_use]
pub fn program(name: &str) -> Option<&'static Embedded> {
    PROGRAMS.iter().find(|program| program.name == name)
}

/// The file of the page at this relative path.
#[must_use]
pub fn page_file(path: &str) -> Option<&'static PageFile> {
    PAGE.binary_search_by(|file| file.path.cmp(path)).ok().map(|at| &PAGE[at])
}
