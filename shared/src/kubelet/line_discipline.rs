//! A terminal's line discipline: what typed bytes become before a program reads them, and what is shown of
//! them. WebAssembly programs cannot change a terminal's settings, so those of a fresh one hold: lines are
//! edited before they are read, keys are echoed, `^D` on an empty line ends one read, and `^C` and `^\` end the
//! program.
//!
//! Follows `drivers/tty/n_tty.c` of Linux with the settings of `stty sane`.

/// Bytes of a line at most, its end included; what is typed beyond them is lost.
const LONGEST_LINE: usize = 4096;

const INTERRUPT: u8 = 0x03;
const END_OF_INPUT: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const ERASE_LINE: u8 = 0x15;
const ERASE_WORD: u8 = 0x17;
const QUIT: u8 = 0x1c;
const DELETE: u8 = 0x7f;

/// A key that is no input but a signal to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalSignal {
    /// `^C`, SIGINT.
    Interrupt,
    /// `^\`, SIGQUIT.
    Quit,
}

/// What came of typed bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// What the program reads.
    pub input: Vec<u8>,
    /// What the terminal shows of it.
    pub echo: Vec<u8>,
    /// Where in `input` one read finds the end of it, in order; the reads after that go on.
    pub ends: Vec<usize>,
    /// The signal that the program gets; what was typed after it is lost.
    pub signal: Option<TerminalSignal>,
}

/// The line that is being typed.
#[derive(Clone, Debug, Default)]
pub struct LineDiscipline {
    line: Vec<u8>,
}

impl LineDiscipline {
    /// Takes in typed bytes.
    pub fn on_typed(&mut self, bytes: &[u8]) -> Typed {
        let mut typed = Typed::default();
        for byte in bytes {
            if typed.signal.is_some() {
                break;
            }
            self.on_key(*byte, &mut typed);
        }
        typed
    }

    fn on_key(&mut self, byte: u8, typed: &mut Typed) {
        match byte {
            INTERRUPT => self.signal(TerminalSignal::Interrupt, byte, typed),
            QUIT => self.signal(TerminalSignal::Quit, byte, typed),
            END_OF_INPUT if self.line.is_empty() => typed.ends.push(typed.input.len()),
            END_OF_INPUT => typed.input.append(&mut self.line),
            BACKSPACE | DELETE => self.erase(typed),
            ERASE_LINE => self.erase_while(typed, |_| true),
            ERASE_WORD => {
                self.erase_while(typed, |byte| byte.is_ascii_whitespace());
                self.erase_while(typed, |byte| !byte.is_ascii_whitespace());
            }
            b'\r' | b'\n' => {
                self.line.push(b'\n');
                typed.input.append(&mut self.line);
                typed.echo.extend(b"\r\n");
            }
            _ if self.line.len() + 1 < LONGEST_LINE => {
                self.line.push(byte);
                show(byte, &mut typed.echo);
            }
            _ => {}
        }
    }

    fn signal(&mut self, signal: TerminalSignal, byte: u8, typed: &mut Typed) {
        self.line.clear();
        show(byte, &mut typed.echo);
        typed.signal = Some(signal);
    }

    fn erase_while(&mut self, typed: &mut Typed, wanted: impl Fn(u8) -> bool) {
        while self.line.last().is_some_and(|byte| wanted(*byte)) {
            self.erase(typed);
        }
    }

    /// Takes the last character back, and from the screen as many columns as it has there.
    fn erase(&mut self, typed: &mut Typed) {
        let Some(last) = self.line.pop() else { return };
        let mut character = vec![last];
        while is_continuation(character[0])
            && let Some(byte) = self.line.pop()
        {
            character.insert(0, byte);
        }
        (0..columns(&character)).for_each(|_| typed.echo.extend(b"\x08 \x08"));
    }
}

/// What a terminal shows of a program's output: each line begins in the first column.
pub fn on_output(bytes: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if *byte == b'\n' {
            shown.push(b'\r');
        }
        shown.push(*byte);
    }
    shown
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// A key as it is echoed: a control character as `^` and a letter.
fn show(byte: u8, echo: &mut Vec<u8>) {
    if is_control(byte) {
        echo.extend([b'^', byte ^ 0x40]);
    } else {
        echo.push(byte);
    }
}

/// The columns that a character takes on the screen.
fn columns(character: &[u8]) -> usize {
    if character.first().is_some_and(|byte| is_control(*byte)) {
        return 2;
    }
    let read = std::str::from_utf8(character).ok().and_then(|text| text.chars().next());
    if read.is_some_and(is_wide) { 2 } else { 1 }
}

/// Whether a character takes two columns: Hangul, Han, Kana and the like.
fn is_wide(character: char) -> bool {
    matches!(
        u32::from(character),
        0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe4f
            | 0xff00..=0xff60
            | 0xffe0..=0xffe6
            | 0x1f300..=0x1f64f
            | 0x1f900..=0x1f9ff
            | 0x20000..=0x3fffd
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(input: &str, echo: &str) -> Typed {
        Typed { input: input.into(), echo: echo.into(), ..Typed::default() }
    }

    #[test]
    fn line_should_be_read_when_it_ends() {
        let mut discipline = LineDiscipline::default();
        assert_eq!(discipline.on_typed(b"ech"), typed("", "ech"));
        assert_eq!(discipline.on_typed(b"o 1\recho 2\n"), typed("echo 1\necho 2\n", "o 1\r\necho 2\r\n"));
    }

    #[test]
    fn typed_characters_should_be_taken_back() {
        for (keys, input, echo) in [
            ("ab\x7fc\r", "ac\n", "ab\x08 \x08c\r\n"),
            ("ab\x08\x08\x08c\r", "c\n", "ab\x08 \x08\x08 \x08c\r\n"),
            ("ab\x15c\r", "c\n", "ab\x08 \x08\x08 \x08c\r\n"),
            ("a b \x17c\r", "a c\n", "a b \x08 \x08\x08 \x08c\r\n"),
            ("é\x7f\r", "\n", "é\x08 \x08\r\n"),
            ("한\x7f\r", "\n", "한\x08 \x08\x08 \x08\r\n"),
            ("\x1b\x7f\r", "\n", "^[\x08 \x08\x08 \x08\r\n"),
        ] {
            let mut discipline = LineDiscipline::default();
            assert_eq!(discipline.on_typed(keys.as_bytes()), typed(input, echo), "{keys:?}");
        }
    }

    #[test]
    fn input_should_end_on_an_empty_line_only() {
        let mut discipline = LineDiscipline::default();
        assert_eq!(discipline.on_typed(b"ab\x04"), typed("ab", "ab"));
        let again = Typed { ends: vec![0, 2], ..typed("c\n", "c\r\nd") };
        assert_eq!(discipline.on_typed(b"\x04c\r\x04d"), again);
        assert_eq!(discipline.on_typed(b"\x04").ends, [0_usize; 0]);
        assert_eq!(discipline.on_typed(b"\x04").ends, [0]);
    }

    #[test]
    fn interrupt_should_drop_the_line() {
        for (key, echo, signal) in [
            (b"ab\x03lost", "ab^C", TerminalSignal::Interrupt),
            (b"ab\x1clost", "ab^\\", TerminalSignal::Quit),
        ] {
            let mut discipline = LineDiscipline::default();
            assert_eq!(discipline.on_typed(key), Typed { signal: Some(signal), ..typed("", echo) });
            assert_eq!(discipline.on_typed(b"c\r").input, b"c\n");
        }
    }

    #[test]
    fn line_should_have_an_end() {
        let mut discipline = LineDiscipline::default();
        let read = discipline.on_typed(&[[b'x'; 5000].as_slice(), b"\r"].concat());
        assert_eq!(read.input.len(), LONGEST_LINE);
        assert!(read.input.ends_with(b"x\n"));
    }

    #[test]
    fn output_should_begin_its_lines_in_the_first_column() {
        assert_eq!(on_output(b"a\nb\n"), b"a\r\nb\r\n");
    }
}
