//! YAML, read as `kubectl` reads it and with the place of every field, and written as it writes it.
//!
//! JSON is YAML, so it is read here too. Reading goes: [`split`] into documents, [`compose`] the
//! parser's events into a graph, [`build`] JSON, spans and duplicates from it, with each [`scalar`]
//! resolved as `sigs.k8s.io/yaml` does.

mod build;
mod compose;
mod error;
mod json;
mod position;
mod scalar;
mod spans;
mod split;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use serde_json::Value;

pub use error::YamlError;
pub use position::{Position, Span};
pub use spans::{Location, SpanTree, Step};
pub use write::write;

use position::TextIndex;
use split::Chunk;

/// One document of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// Where it says it.
    pub spans: SpanTree,
    /// Keys that stand more than once in one object; the last one counts.
    pub duplicates: Vec<Duplicate>,
    /// The line of its first node, from 1.
    pub start_line: usize,
}

/// A key that stands more than once in one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The field's path, as the API server names it in `duplicate field "spec.nodeName"`.
    pub path: String,
    /// The key itself.
    pub key: String,
    /// Where it stood before.
    pub first: Position,
    /// Where it stands again.
    pub position: Position,
}

/// How much a text may ask for. What goes beyond is an error, never cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of text.
    pub max_bytes: usize,
    /// Collections within collections.
    pub max_depth: usize,
    /// Nodes of one document, with every alias counted as what it stands for.
    pub max_nodes: usize,
}

impl Default for Budget {
    /// The API server's limit of a request's size, and room for the largest CustomResourceDefinitions.
    fn default() -> Self {
        Budget { max_bytes: 3 * 1024 * 1024, max_depth: 128, max_nodes: 400_000 }
    }
}

impl Budget {
    fn too_deep(&self, position: Position) -> YamlError {
        YamlError::at(position, &format!("exceeded max depth of {}", self.max_depth))
    }

    fn too_many(&self, position: Position) -> YamlError {
        YamlError::at(position, "document contains excessive aliasing")
    }

    fn check_size(&self, text: &str) -> Result<(), YamlError> {
        if text.len() <= self.max_bytes {
            return Ok(());
        }
        let message = format!("Request entity too large: limit is {}", self.max_bytes);
        Err(YamlError { message, line: 1, column: 1 })
    }
}

/// Reads all documents of `text`, leaving out those that are empty or null, within the default [`Budget`].
///
/// # Errors
/// What is wrong with each document that could not be read, in the order of the text.
pub fn parse(text: &str) -> Result<Vec<Document>, Vec<YamlError>> {
    parse_within(text, &Budget::default())
}

/// [`parse`] with a budget of the caller's.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(text: &str, budget: &Budget) -> Result<Vec<Document>, Vec<YamlError>> {
    budget.check_size(text).map_err(|error| vec![error])?;
    let index = Arc::new(TextIndex::new(text));
    let (content, byte_order_mark) = match text.strip_prefix('\u{FEFF}') {
        Some(content) => (content, 1),
        None => (text, 0),
    };
    let content = json::in_yaml_words(content);
    let (mut documents, mut errors) = (Vec::new(), Vec::new());
    for chunk in split::split(&content, byte_order_mark, &index, &mut errors) {
        match read_chunk(&chunk, &index, budget) {
            Ok(read) => documents.extend(read),
            Err(error) => errors.push(error),
        }
    }
    errors.sort_by_key(|error| (error.line, error.column));
    if errors.is_empty() { Ok(documents) } else { Err(errors) }
}

fn read_chunk(
    chunk: &Chunk<'_>,
    index: &Arc<TextIndex>,
    budget: &Budget,
) -> Result<Vec<Document>, YamlError> {
    let graph = compose::compose(chunk, index, budget)?;
    let documents = graph.roots.iter().map(|&root| build::build(&graph, root, index, budget));
    let is_empty =
        |document: &Result<Document, _>| matches!(document, Ok(document) if document.value.is_null());
    documents.filter(|document| !is_empty(document)).collect()
}
