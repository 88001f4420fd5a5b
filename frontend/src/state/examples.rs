//! The manifests a user can start from: `static/examples/*.yaml`.

/// A manifest with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// Its name in translations.
    pub slug: &'static str,
    /// The YAML.
    pub text: &'static str,
}

macro_rules! examples {
    ($($slug:literal),+ $(,)?) => {
        /// All examples, the simplest first; the first is what the editor holds at the start.
        pub const ALL: &[Example] = &[
            $(Example { slug: $slug, text: include_str!(concat!("../../../static/examples/", $slug, ".yaml")) }),+
        ];
    };
}

examples!(
    "pod",
    "service",
    "deployment",
    "shared-volume",
    "config",
    "config-volume",
    "node-selector",
    "too-big",
    "job",
    "crash-loop",
    "stress"
);
