//! Where a field stands in an object, written as upstream writes it: `spec.containers[0].image`.
//!
//! Follows apimachinery `pkg/util/validation/field/path.go`.

use std::fmt;

/// The way from an object's root to one of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(String);

impl Path {
    /// A path of one field of the object itself; the empty name stands for the whole object and prints as `[]`.
    pub fn root(name: &str) -> Path {
        if name.is_empty() { Path("[]".to_owned()) } else { Path(name.to_owned()) }
    }

    /// The field `name` of what this path leads to.
    pub fn child(&self, name: &str) -> Path {
        Path(format!("{}.{name}", self.0))
    }

    /// The element `index` of the list this path leads to.
    pub fn index(&self, index: usize) -> Path {
        Path(format!("{}[{index}]", self.0))
    }

    /// The entry `key` of the map this path leads to.
    pub fn key(&self, key: &str) -> Path {
        Path(format!("{}[{key}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_should_print_fields_indexes_and_keys_as_upstream() {
        let containers = Path::root("spec").child("containers");
        for (path, expected) in [
            (containers.index(0), "spec.containers[0]"),
            (containers.index(12).child("image"), "spec.containers[12].image"),
            (Path::root("metadata").child("labels").key("a.b"), "metadata.labels[a.b]"),
            (Path::root(""), "[]"),
        ] {
            assert_eq!(path.to_string(), expected);
        }
    }
}
