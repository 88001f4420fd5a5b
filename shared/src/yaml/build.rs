//! From the graph of nodes to JSON, with the place of each field and the keys that are there twice.
//!
//! Follows `decode.go` of `goyaml.v2` and `convertToJSONableObject` of `sigs.k8s.io/yaml`: the last of
//! two equal keys wins, and so does a merge over the keys before it, unlike in YAML 1.1's own text.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::compose::{Graph, Node, NodeId, NodeKind};
use super::error::YamlError;
use super::position::{Position, Span, TextIndex};
use super::scalar::{self, Scalar};
use super::spans::{Place, SpanTree, Step, render};
use super::{Budget, Document, Duplicate};

/// Builds the document that starts at `root`.
///
/// # Errors
/// The first thing that cannot be JSON, or that exceeds `budget`.
pub(super) fn build(
    graph: &Graph<'_>,
    root: NodeId,
    index: &Arc<TextIndex>,
    budget: &Budget,
) -> Result<Document, YamlError> {
    let node = &graph.nodes[root];
    let spans = SpanTree::new(Arc::clone(index), index.span(node.start, node.end));
    let mut builder = Builder {
        graph,
        index,
        budget,
        spans,
        path: Vec::new(),
        duplicates: Vec::new(),
        open: Vec::new(),
        built: 0,
    };
    let value = builder.value(root, Some(0))?;
    let start_line = index.position(node.start).line;
    Ok(Document { value, spans: builder.spans, duplicates: builder.duplicates, start_line })
}

struct Builder<'a> {
    graph: &'a Graph<'a>,
    index: &'a TextIndex,
    budget: &'a Budget,
    spans: SpanTree,
    /// The way from the root to the node being built.
    path: Vec<Step>,
    duplicates: Vec<Duplicate>,
    /// Nodes being built, outermost first, to see an anchor inside itself.
    open: Vec<NodeId>,
    /// Nodes built so far, each alias counted as what it stands for.
    built: usize,
}

impl<'a> Builder<'a> {
    /// The node as JSON. `place` is its place among the spans; what comes through an alias has none,
    /// so that errors in it are shown at the alias.
    fn value(&mut self, id: NodeId, place: Option<Place>) -> Result<Value, YamlError> {
        self.built += 1;
        let node = &self.graph.nodes[id];
        let start = self.index.position(node.start);
        if self.built > self.budget.max_nodes {
            return Err(self.budget.too_many(start));
        }
        if self.open.len() > self.budget.max_depth {
            return Err(self.budget.too_deep(start));
        }
        self.open.push(id);
        let value = match &node.kind {
            NodeKind::Scalar { .. } => {
                self.scalar(node)?.into_value().map_err(|problem| YamlError::converting(start, &problem))
            }
            NodeKind::Sequence(items) => self.sequence(items, place),
            NodeKind::Mapping(entries) => self.mapping(entries, place),
            NodeKind::Alias(_) => self.alias_target(id).and_then(|target| self.value(target, None)),
        };
        self.open.pop();
        value
    }

    fn scalar(&self, node: &Node<'_>) -> Result<Scalar, YamlError> {
        let NodeKind::Scalar { text, plain } = &node.kind else { return Ok(Scalar::Null) };
        scalar::resolve(text, *plain, node.tag.as_deref())
            .map_err(|problem| YamlError::at(self.index.position(node.start), &problem))
    }

    /// The node that an alias stands for; any other node stands for itself.
    fn alias_target(&self, id: NodeId) -> Result<NodeId, YamlError> {
        let node = &self.graph.nodes[id];
        let NodeKind::Alias(anchor) = node.kind else { return Ok(id) };
        let at = self.index.position(node.start);
        let target = self.graph.anchors.get(&anchor).copied();
        let target = target.ok_or_else(|| YamlError::at(at, "unknown anchor referenced"))?;
        if self.open.contains(&target) {
            return Err(YamlError::at(at, "anchor value contains itself"));
        }
        Ok(target)
    }

    fn sequence(&mut self, items: &[NodeId], place: Option<Place>) -> Result<Value, YamlError> {
        let mut values = Vec::with_capacity(items.len());
        for (number, &item) in items.iter().enumerate() {
            let span = self.span(item);
            let value = self.child(Step::Index(number), place, None, span, item)?;
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn mapping(&mut self, entries: &[NodeId], place: Option<Place>) -> Result<Value, YamlError> {
        let mut map = Map::new();
        let mut written = BTreeMap::new();
        for entry in entries.chunks_exact(2) {
            let (key, value) = (entry[0], entry[1]);
            if self.is_merge(key) {
                self.merge(value, place, self.span(key), &mut map)?;
                continue;
            }
            let name = self.key(key)?;
            let span = self.span(key);
            if let Some(first) = written.insert(name.clone(), span.start) {
                self.note_duplicate(&name, first, span.start);
            }
            let value_span = self.value_span(value, span);
            let value = self.child(Step::Field(name.clone()), place, Some(span), value_span, value)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }

    fn child(
        &mut self,
        step: Step,
        parent: Option<Place>,
        key: Option<Span>,
        span: Span,
        id: NodeId,
    ) -> Result<Value, YamlError> {
        let place = parent.map(|parent| self.spans.add(parent, step.clone(), key, span));
        self.path.push(step);
        let value = self.value(id, place);
        self.path.pop();
        value
    }

    fn note_duplicate(&mut self, name: &str, first: Position, position: Position) {
        let mut steps = self.path.clone();
        steps.push(Step::Field(name.to_owned()));
        self.duplicates.push(Duplicate { path: render(&steps), key: name.to_owned(), first, position });
    }

    fn key(&mut self, id: NodeId) -> Result<String, YamlError> {
        let id = self.alias_target(id)?;
        let node = &self.graph.nodes[id];
        let position = self.index.position(node.start);
        if !matches!(node.kind, NodeKind::Scalar { .. }) {
            let key = self.value(id, None)?;
            return Err(YamlError::at(position, &format!("invalid map key: {}", go_syntax(&key))));
        }
        self.scalar(node)?.into_key().map_err(|problem| YamlError::converting(position, &problem))
    }

    fn is_merge(&self, key: NodeId) -> bool {
        let node = &self.graph.nodes[key];
        let NodeKind::Scalar { text, plain } = &node.kind else { return false };
        text == "<<"
            && (*plain && node.tag.is_none() || node.tag.as_deref() == Some("tag:yaml.org,2002:merge"))
    }

    /// Lays the fields of `source`, a mapping or a list of them, over `map`.
    fn merge(
        &mut self,
        source: NodeId,
        place: Option<Place>,
        key: Span,
        map: &mut Map<String, Value>,
    ) -> Result<(), YamlError> {
        let sources = match &self.graph.nodes[source].kind {
            // Earlier ones win, so they are laid last.
            NodeKind::Sequence(items) => items.iter().rev().copied().collect(),
            _ => vec![source],
        };
        for source in sources {
            let Value::Object(fields) = self.merge_source(source)? else { continue };
            for (name, value) in fields {
                if let Some(place) = place {
                    self.spans.add(place, Step::Field(name.clone()), Some(key), self.span(source));
                }
                map.insert(name, value);
            }
        }
        Ok(())
    }

    fn merge_source(&mut self, source: NodeId) -> Result<Value, YamlError> {
        let target = self.alias_target(source)?;
        let node = &self.graph.nodes[target];
        if !matches!(node.kind, NodeKind::Mapping(_)) {
            let position = self.index.position(self.graph.nodes[source].start);
            return Err(YamlError::at(position, "map merge requires map or sequence of maps as the value"));
        }
        self.value(target, None)
    }

    fn span(&self, id: NodeId) -> Span {
        let node = &self.graph.nodes[id];
        self.index.span(node.start, node.end)
    }

    /// The value's span; for a value that is not written, the place after the key's colon.
    fn value_span(&self, id: NodeId, key: Span) -> Span {
        let node = &self.graph.nodes[id];
        match &node.kind {
            NodeKind::Scalar { text, plain: true } if text.is_empty() && node.tag.is_none() => {
                let after_colon = key.end.char_offset + 1;
                self.index.span(after_colon, after_colon)
            }
            _ => self.span(id),
        }
    }
}

/// A value as Go's `%#v` prints it after go-yaml read it, which is how upstream names a bad key.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(key, value)| format!("{key:?}:{}", go_syntax(value))).collect();
            format!("map[interface {{}}]interface {{}}{{{}}}", fields.join(", "))
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
