//! Where something stands in a text: by line and column for people, by offset for editors.

/// A place in a text.
///
/// Editors written in JavaScript, CodeMirror among them, count UTF-16 code units; people and
/// messages count lines and characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// Characters before this place in the whole text.
    pub char_offset: usize,
    /// UTF-16 code units before this place in the whole text.
    pub utf16_offset: usize,
}

/// A stretch of a text, from its first character to the place after its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The place after the last character; equal to `start` where nothing is written.
    pub end: Position,
}

/// Turns character offsets into positions and UTF-16 offsets into character offsets.
///
/// Built once for a text, and small: it keeps the starts of lines and the places of the
/// characters outside the basic plane, which are two UTF-16 code units wide.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TextIndex {
    /// Character offsets at which lines start.
    line_starts: Vec<usize>,
    /// Character offsets of characters that take two UTF-16 code units.
    wide: Vec<usize>,
    /// Characters in the text.
    length: usize,
}

impl TextIndex {
    /// Reads `text` once; a line ends with LF, CRLF or a lone CR, as in YAML.
    pub(super) fn new(text: &str) -> Self {
        let mut index = TextIndex { line_starts: vec![0], wide: Vec::new(), length: 0 };
        let mut characters = text.chars().enumerate().peekable();
        while let Some((at, character)) = characters.next() {
            let next_is_line_feed = matches!(characters.peek(), Some((_, '\n')));
            if character == '\n' || (character == '\r' && !next_is_line_feed) {
                index.line_starts.push(at + 1);
            }
            if character.len_utf16() == 2 {
                index.wide.push(at);
            }
            index.length = at + 1;
        }
        index
    }

    /// The position of the character at `char_offset`, or of the text's end where that lies before.
    pub(super) fn position(&self, char_offset: usize) -> Position {
        let char_offset = char_offset.min(self.length);
        let line = self.line_starts.partition_point(|&start| start <= char_offset);
        let wide_before = self.wide.partition_point(|&at| at < char_offset);
        Position {
            line,
            column: char_offset - self.line_starts[line - 1] + 1,
            char_offset,
            utf16_offset: char_offset + wide_before,
        }
    }

    /// The stretch between two character offsets.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span { start: self.position(start), end: self.position(end.max(start)) }
    }

    /// The position at a UTF-16 offset; within a surrogate pair, that of its character.
    pub(super) fn position_of_utf16(&self, utf16_offset: usize) -> Position {
        let (mut low, mut high) = (0, self.wide.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.wide[middle] + middle < utf16_offset { low = middle + 1 } else { high = middle }
        }
        self.position(utf16_offset - low)
    }
}
