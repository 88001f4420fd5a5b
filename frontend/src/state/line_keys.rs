//! Keys for programs that read lines, as all WebAssembly programs do: none can ask a terminal for single keys. So the
//! arrows bring back lines that were typed before, by erasing the line with `^U` and typing the other one, and other
//! keys that would only leave their codes in the line are not sent.

/// As many lines are remembered.
const CAPACITY: usize = 500;

const ERASE_LINE: char = '\x15';
const ERASE_WORD: char = '\x17';
/// `^C`, `^D` and `^\`: the line is gone, one way or another.
const ENDS: [char; 3] = ['\x03', '\x04', '\x1c'];

/// The line that is being typed, and those before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineKeys {
    line: String,
    past: Vec<String>,
    /// How many lines back the arrows have led.
    back: usize,
    /// What was typed before they led anywhere.
    own: String,
}

impl LineKeys {
    /// What is sent for what the terminal reports: a key, or a text that was pasted.
    pub fn on_typed(&mut self, text: &str) -> String {
        match text {
            "\x1b[A" | "\x1bOA" => self.go(self.back + 1),
            "\x1b[B" | "\x1bOB" => self.go(self.back.wrapping_sub(1)),
            text if text.starts_with('\x1b') => String::new(),
            text => {
                text.chars().for_each(|key| self.on_key(key));
                text.to_owned()
            }
        }
    }

    fn go(&mut self, back: usize) -> String {
        if back > self.past.len() {
            return String::new();
        }
        if self.back == 0 {
            self.own.clone_from(&self.line);
        }
        let shown = self.past.len().checked_sub(back).and_then(|index| self.past.get(index));
        self.line = shown.unwrap_or(&self.own).clone();
        self.back = back;
        format!("{ERASE_LINE}{}", self.line)
    }

    fn on_key(&mut self, key: char) {
        match key {
            '\r' | '\n' => self.finish(),
            '\x7f' | '\x08' => drop(self.line.pop()),
            ERASE_LINE => self.line.clear(),
            ERASE_WORD => {
                let kept =
                    self.line.trim_end().trim_end_matches(|letter: char| !letter.is_whitespace()).len();
                self.line.truncate(kept);
            }
            key if ENDS.contains(&key) => (self.line, self.back) = (String::new(), 0),
            key => self.line.push(key),
        }
    }

    fn finish(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.back = 0;
        if !line.trim().is_empty() && self.past.last() != Some(&line) {
            self.past.push(line);
        }
        let excess = self.past.len().saturating_sub(CAPACITY);
        self.past.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: &str = "\x1b[A";
    const DOWN: &str = "\x1bOB";

    #[test]
    fn arrows_should_bring_back_lines_and_what_was_being_typed() {
        let mut keys = LineKeys::default();
        for text in ["ls\r", " \r", "echo 한글x\x7f\r", "echo 한글\r"] {
            assert_eq!(keys.on_typed(text), text);
        }
        keys.on_typed("half");
        let pressed = [UP, UP, UP, DOWN, DOWN, DOWN].map(|key| keys.on_typed(key));
        assert_eq!(pressed, ["\x15echo 한글", "\x15ls", "", "\x15echo 한글", "\x15half", ""]);
        keys.on_typed("\r");
        assert_eq!(keys.on_typed(UP), "\x15half");
    }

    #[test]
    fn a_line_should_be_remembered_as_it_was_edited() {
        for (typed, expected) in
            [("a bc\x17d\r", "a d"), ("abc\x15d\r", "d"), ("abc\x03d\r", "d"), ("a\nb\r", "b")]
        {
            let mut keys = LineKeys::default();
            keys.on_typed(typed);
            assert_eq!(keys.on_typed(UP), format!("\x15{expected}"), "{typed:?}");
        }
    }

    #[test]
    fn keys_that_mean_nothing_in_a_line_should_not_be_sent() {
        let mut keys = LineKeys::default();
        for key in ["\x1b[D", "\x1b[C", "\x1b[3~", "\x1b", "\x1bx", UP, DOWN] {
            assert_eq!(keys.on_typed(key), "", "{key:?}");
        }
        assert_eq!(keys.on_typed("\t"), "\t");
    }
}
