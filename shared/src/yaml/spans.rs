//! Where each field of a document stands, by upstream's field paths.
//!
//! A path is what `field.Path` of `k8s.io/apimachinery/pkg/util/validation/field` prints:
//! `spec.containers[0].image`, `metadata.labels[app]`. Every validation error names one, and the
//! editor marks the place that [`SpanTree::locate`] gives for it.

use std::sync::Arc;

use super::position::{Position, Span, TextIndex};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of an object.
    Field(String),
    /// A place in an array, from 0.
    Index(usize),
}

/// Where a field, or the nearest thing above it that is written, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The key; the items of a list and the whole document have none.
    pub key: Option<Span>,
    /// The value; empty where nothing is written after the colon. That of a block list starts after
    /// its first dash.
    pub value: Span,
    /// Whether the whole path was found. If not, this is the nearest parent.
    pub exact: bool,
}

/// The places of one document's fields.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanTree {
    nodes: Vec<SpanNode>,
    index: Arc<TextIndex>,
}

/// A node's place in the tree; the root is 0.
pub(super) type Place = usize;

#[derive(Clone, Debug, PartialEq)]
struct SpanNode {
    key: Option<Span>,
    value: Span,
    children: Vec<(Step, Place)>,
}

impl SpanTree {
    pub(super) fn new(index: Arc<TextIndex>, root: Span) -> Self {
        SpanTree { nodes: vec![SpanNode { key: None, value: root, children: Vec::new() }], index }
    }

    /// Adds a child; one that was there under the same key no longer counts, as its value does not.
    pub(super) fn add(&mut self, parent: Place, step: Step, key: Option<Span>, value: Span) -> Place {
        let place = self.nodes.len();
        self.nodes.push(SpanNode { key, value, children: Vec::new() });
        self.nodes[parent].children.push((step, place));
        place
    }

    /// Where `path` stands, or the nearest of its parents; the whole document for an empty path.
    pub fn locate(&self, path: &str) -> Location {
        let (mut place, mut rest) = (0, path);
        while let Some((child, after)) = self.step(place, rest) {
            (place, rest) = (child, after);
        }
        let node = &self.nodes[place];
        Location { key: node.key, value: node.value, exact: rest.is_empty() }
    }

    /// The child that `rest` begins with, and what of `rest` comes after it.
    ///
    /// Keys may contain dots and brackets, so `rest` is held against the keys that are there and the
    /// longest wins.
    fn step<'p>(&self, place: Place, rest: &'p str) -> Option<(Place, &'p str)> {
        let children = self.nodes[place].children.iter().rev();
        let matches = children.filter_map(|(step, child)| Some((*child, after_step(step, rest)?)));
        matches.min_by_key(|(_, after)| after.len())
    }

    /// The path of the innermost field at a UTF-16 offset into the whole text, for completion.
    ///
    /// A place after a field's text belongs to it as long as it is indented deeper than the field's
    /// key, for there its value would be continued. Empty for a place outside all fields.
    pub fn path_at(&self, utf16_offset: usize) -> String {
        let cursor = self.index.position_of_utf16(utf16_offset);
        let (mut place, mut steps) = (0, Vec::new());
        while let Some((step, child)) = self.child_at(place, cursor) {
            steps.push(step.clone());
            place = child;
        }
        render(&steps)
    }

    /// The child that holds `cursor`: only the last one that starts before it can.
    fn child_at(&self, place: Place, cursor: Position) -> Option<(&Step, Place)> {
        let mut children = self.nodes[place].children.iter().rev();
        let (step, child) = children.find(|(_, child)| self.nodes[*child].start() <= cursor)?;
        self.nodes[*child].holds(cursor).then_some((step, *child))
    }
}

impl SpanNode {
    fn start(&self) -> Position {
        self.key.map_or(self.value.start, |key| key.start)
    }

    /// Whether text at `cursor`, which is not before the start, belongs to this node.
    fn holds(&self, cursor: Position) -> bool {
        let continues = match self.key {
            Some(key) => cursor.column > key.start.column,
            None => cursor.column >= self.value.start.column,
        };
        cursor <= self.value.end || continues
    }
}

/// What of `path` is left after `step`, if it begins with it.
fn after_step<'p>(step: &Step, path: &'p str) -> Option<&'p str> {
    let rest = match step {
        Step::Index(index) => path.strip_prefix('[')?.strip_prefix(&index.to_string())?.strip_prefix(']')?,
        Step::Field(name) => match path.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_prefix(name.as_str())?.strip_prefix(']')?,
            None => path.strip_prefix('.').unwrap_or(path).strip_prefix(name.as_str())?,
        },
    };
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

/// The path as upstream writes it; a key that is not a plain field name stands in brackets.
pub(super) fn render(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Index(index) => path.push_str(&format!("[{index}]")),
            Step::Field(name) if is_field_name(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Step::Field(name) => path.push_str(&format!("[{name}]")),
        }
    }
    path
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "-_$".contains(character))
}
