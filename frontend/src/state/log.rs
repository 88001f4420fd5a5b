//! The log of one container, as it streams in.

use std::collections::VecDeque;
use std::rc::Rc;

/// The most lines the page keeps; the oldest go first.
const CAPACITY: usize = 5_000;

/// The newest lines of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogLines {
    lines: VecDeque<Rc<str>>,
    partial: String,
    dropped: usize,
}

impl LogLines {
    /// Takes in the next piece of text, which may end in the middle of a line.
    pub fn push(&mut self, text: &str) {
        let mut pieces = text.split('\n');
        self.partial.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let line = std::mem::replace(&mut self.partial, piece.to_owned());
            self.lines.push_back(line.trim_end_matches('\r').into());
        }
        let excess = self.lines.len().saturating_sub(CAPACITY);
        self.lines.drain(..excess);
        self.dropped += excess;
    }

    /// The lines with their numbers, which stay as older lines go; a begun line is the last.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        let begun = (!self.partial.is_empty()).then_some(self.partial.as_str());
        let lines = self.lines.iter().map(Rc::as_ref).chain(begun);
        lines.enumerate().map(|(index, line)| (self.dropped + index + 1, line))
    }

    /// Whether nothing has arrived.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.partial.is_empty()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len() + usize::from(!self.partial.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_arrives_in_pieces_should_be_one_line() {
        let mut log = LogLines::default();
        log.push("one\ntw");
        log.push("o\r\nthr");
        assert_eq!(log.numbered().collect::<Vec<_>>(), [(1, "one"), (2, "two"), (3, "thr")]);
    }

    #[test]
    fn old_lines_should_go_and_numbers_stay() {
        let mut log = LogLines::default();
        log.push(&"x\n".repeat(CAPACITY + 3));
        assert_eq!(log.len(), CAPACITY);
        assert_eq!(log.numbered().next(), Some((4, "x")));
    }
}
