//! Walks a type by a path as validation errors write it: `spec.containers[0].ports`.

use super::{Field, Kind, Shape, Type};

/// What stands at a path.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The field that the path went through last.
    pub field: &'static Field,
    /// The shape of the value: the field's, or that of an element where the path ends in one.
    pub shape: &'static Shape,
}

pub(super) fn walk(root: &'static Type, path: &str) -> Option<Place> {
    let mut steps = steps(path)?.into_iter();
    let first = root.field(steps.next()?)?;
    steps.try_fold(Place { field: first, shape: &first.shape }, enter)
}

/// One step down; a step into a list or map is an index or a key, whatever its value.
fn enter(place: Place, step: &str) -> Option<Place> {
    match &place.shape.kind {
        Kind::Scalar(_) => None,
        Kind::Object(ty) => ty.get().field(step).map(|field| Place { field, shape: &field.shape }),
        Kind::List(element) | Kind::Map(element) => Some(Place { shape: element, ..place }),
    }
}

/// `a.b[0].c[x.y/z]` → `a`, `b`, `0`, `c`, `x.y/z`.
fn steps(path: &str) -> Option<Vec<&str>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (key, after) = inner.split_once(']')?;
            steps.push(key.trim_matches('"'));
            rest = after;
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            steps.push(&name[..end]);
            rest = &name[end..];
        }
    }
    Some(steps)
}
