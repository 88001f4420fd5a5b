//! From the parser's events to a graph of nodes: what is written, before it is decided what it means.

use std::borrow::Cow;
use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as Marks, Tag};

use super::Budget;
use super::error::YamlError;
use super::position::TextIndex;
use super::split::Chunk;

/// A node's place in [`Graph`].
pub(super) type NodeId = usize;

/// Nodes of one chunk. Aliases point back into it, so it is a graph and not a tree.
#[derive(Default)]
pub(super) struct Graph<'a> {
    pub(super) nodes: Vec<Node<'a>>,
    /// The outermost node of each document.
    pub(super) roots: Vec<NodeId>,
    /// Anchors by the parser's number for them.
    pub(super) anchors: BTreeMap<usize, NodeId>,
}

/// What one event, or a start event with all up to its end, says.
pub(super) struct Node<'a> {
    pub(super) kind: NodeKind<'a>,
    /// The explicit tag in full.
    pub(super) tag: Option<String>,
    /// Character offsets in the whole text.
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) enum NodeKind<'a> {
    Scalar {
        text: Cow<'a, str>,
        plain: bool,
    },
    Sequence(Vec<NodeId>),
    /// Keys and values by turns.
    Mapping(Vec<NodeId>),
    /// The parser's number of an anchor.
    Alias(usize),
}

/// Reads one chunk.
///
/// # Errors
/// The first thing that is not YAML, or that exceeds `budget`.
pub(super) fn compose<'a>(
    chunk: &Chunk<'a>,
    index: &TextIndex,
    budget: &Budget,
) -> Result<Graph<'a>, YamlError> {
    let mut composer =
        Composer { graph: Graph::default(), open: Vec::new(), base: chunk.char_offset, index, budget };
    let mut parser = Parser::new_from_str(chunk.text);
    while let Some(next) = parser.next_event() {
        let (event, marks) =
            next.map_err(|error| YamlError::from_scan(&error, chunk.text, chunk.char_offset, index))?;
        composer.event(event, marks)?;
    }
    Ok(composer.graph)
}

struct Composer<'a, 'b> {
    graph: Graph<'a>,
    /// Collections whose end has not come yet, outermost first.
    open: Vec<NodeId>,
    base: usize,
    index: &'b TextIndex,
    budget: &'b Budget,
}

impl<'a> Composer<'a, '_> {
    fn event(&mut self, event: Event<'a>, marks: Marks) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                self.add(NodeKind::Scalar { text, plain }, anchor, tag, marks)?;
            }
            Event::Alias(anchor) => {
                self.add(NodeKind::Alias(anchor), 0, None, marks)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(NodeKind::Sequence(Vec::new()), anchor, tag, marks)?
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(NodeKind::Mapping(Vec::new()), anchor, tag, marks)?
            }
            Event::SequenceEnd | Event::MappingEnd => self.finish(marks),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn begin(
        &mut self,
        kind: NodeKind<'a>,
        anchor: usize,
        tag: Option<Cow<'a, Tag>>,
        marks: Marks,
    ) -> Result<(), YamlError> {
        let id = self.add(kind, anchor, tag, marks)?;
        self.open.push(id);
        if self.open.len() > self.budget.max_depth {
            return Err(self.budget.too_deep(self.index.position(self.graph.nodes[id].start)));
        }
        Ok(())
    }

    fn add(
        &mut self,
        kind: NodeKind<'a>,
        anchor: usize,
        tag: Option<Cow<'a, Tag>>,
        marks: Marks,
    ) -> Result<NodeId, YamlError> {
        let id = self.graph.nodes.len();
        let (start, end) = (self.base + marks.start.index(), self.base + marks.end.index());
        if id >= self.budget.max_nodes {
            return Err(self.budget.too_many(self.index.position(start)));
        }
        let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix));
        self.graph.nodes.push(Node { kind, tag, start, end });
        if anchor != 0 {
            self.graph.anchors.insert(anchor, id);
        }
        self.attach(id);
        Ok(id)
    }

    fn attach(&mut self, id: NodeId) {
        let Some(&parent) = self.open.last() else { return self.graph.roots.push(id) };
        if let NodeKind::Sequence(children) | NodeKind::Mapping(children) = &mut self.graph.nodes[parent].kind
        {
            children.push(id);
        }
    }

    /// Ends the innermost collection: a flow one at its bracket, a block one where its last child ends,
    /// for the parser sees a block's end only at the next thing that is indented less.
    fn finish(&mut self, marks: Marks) {
        let Some(id) = self.open.pop() else { return };
        let last_child_end = self.graph.last_child(id).map(|child| self.graph.nodes[child].end);
        let is_flow = marks.end.index() > marks.start.index();
        let end = self.base + marks.end.index();
        let node = &mut self.graph.nodes[id];
        node.end = if is_flow { end } else { last_child_end.unwrap_or(node.end) };
    }
}

impl Graph<'_> {
    fn last_child(&self, id: NodeId) -> Option<NodeId> {
        match &self.nodes[id].kind {
            NodeKind::Sequence(children) | NodeKind::Mapping(children) => children.last().copied(),
            NodeKind::Scalar { .. } | NodeKind::Alias(_) => None,
        }
    }
}
