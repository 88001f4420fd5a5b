//! Cuts a stream into documents as `kubectl` does, before anything is parsed.
//!
//! Follows `YAMLReader` of `k8s.io/apimachinery/pkg/util/yaml`: a line that starts with `---` ends a
//! document, and only blanks or a comment may follow the dashes. So an error in one document does
//! not hide those in the next, and anchors end with their document.

use super::error::YamlError;
use super::position::TextIndex;

/// One document's text and where it starts.
pub(super) struct Chunk<'a> {
    /// The text between two separator lines.
    pub(super) text: &'a str,
    /// Characters before `text`.
    pub(super) char_offset: usize,
}

const SEPARATOR: &str = "---";

/// The documents of `text`, which starts after `char_offset` characters; blank ones too.
///
/// # Errors
/// One for each separator line that has content.
pub(super) fn split<'a>(
    text: &'a str,
    mut char_offset: usize,
    index: &TextIndex,
    errors: &mut Vec<YamlError>,
) -> Vec<Chunk<'a>> {
    let mut chunks = Vec::new();
    let mut start = (0, char_offset);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (line_start, line_offset) = (at, char_offset);
        at += line.len();
        char_offset += line.chars().count();
        let Some(rest) = line.strip_prefix(SEPARATOR) else { continue };
        let rest = rest.trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            errors.push(content_on_separator(rest, line_offset, index));
        }
        chunks.push(Chunk { text: &text[start.0..line_start], char_offset: start.1 });
        start = (at, char_offset);
    }
    chunks.push(Chunk { text: &text[start.0..], char_offset: start.1 });
    chunks
}

fn content_on_separator(content: &str, char_offset: usize, index: &TextIndex) -> YamlError {
    let position = index.position(char_offset);
    YamlError {
        message: format!("invalid Yaml document separator: {content}"),
        line: position.line,
        column: position.column,
    }
}
