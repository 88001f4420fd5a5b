//! Options of tools, read as getopt does.

use std::collections::BTreeMap;
use std::io;

use crate::shell::Shell;
use crate::stream::Stream;

/// The options that were given, and the other arguments.
pub(super) struct Flags<'a> {
    given: BTreeMap<char, &'a str>,
    /// The arguments that are no options.
    pub(super) operands: Vec<&'a str>,
}

impl<'a> Flags<'a> {
    /// Reads the arguments after the name. `known` lists the letters; a colon behind one says that it takes a value.
    ///
    /// # Errors
    /// An unknown letter, or a value that is missing.
    pub(super) fn read(arguments: &'a [String], known: &str) -> io::Result<Self> {
        let mut flags = Self { given: BTreeMap::new(), operands: Vec::new() };
        let mut rest = arguments.iter().skip(1).map(String::as_str);
        while let Some(argument) = rest.next() {
            match argument.strip_prefix('-') {
                Some("-") => {
                    flags.operands.extend(rest);
                    break;
                }
                Some("") | None => flags.operands.push(argument),
                Some(letters) => flags.read_letters(letters, &mut rest, known)?,
            }
        }
        Ok(flags)
    }

    /// As [`Self::read`], but what follows the first operand belongs to another program.
    pub(super) fn read_before_program(arguments: &'a [String], known: &str) -> io::Result<Self> {
        let mut flags = Self { given: BTreeMap::new(), operands: Vec::new() };
        let mut rest = arguments.iter().skip(1).map(String::as_str);
        while let Some(argument) = rest.next() {
            match argument.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                Some("-") => {}
                Some(letters) => {
                    flags.read_letters(letters, &mut rest, known)?;
                    continue;
                }
                None => flags.operands.push(argument),
            }
            flags.operands.extend(rest);
            break;
        }
        Ok(flags)
    }

    fn read_letters(
        &mut self,
        letters: &'a str,
        rest: &mut impl Iterator<Item = &'a str>,
        known: &str,
    ) -> io::Result<()> {
        for (at, letter) in letters.char_indices() {
            let place = known.find(letter).filter(|_| letter != ':');
            let Some(place) = place else {
                return Err(io::Error::other(match letter {
                    '-' => format!("unrecognized option '-{letters}'"),
                    _ => format!("invalid option -- '{letter}'"),
                }));
            };
            if known[place + 1..].starts_with(':') {
                let inline = &letters[at + letter.len_utf8()..];
                let value = if inline.is_empty() { rest.next() } else { Some(inline) };
                let missing = || io::Error::other(format!("option requires an argument -- '{letter}'"));
                self.given.insert(letter, value.ok_or_else(missing)?);
                return Ok(());
            }
            self.given.insert(letter, "");
        }
        Ok(())
    }

    /// Whether the option was given.
    pub(super) fn has(&self, letter: char) -> bool {
        self.given.contains_key(&letter)
    }

    /// The value of the option.
    pub(super) fn value(&self, letter: char) -> Option<&'a str> {
        self.given.get(&letter).copied()
    }

    /// The value of the option as a number.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn number<T: std::str::FromStr>(&self, letter: char) -> io::Result<Option<T>> {
        let parse = |text: &str| text.parse().map_err(|_| invalid_number(text));
        self.value(letter).map(parse).transpose()
    }

    /// What the tool reads: the files of its operands, or stdin. Each with its name.
    pub(super) fn inputs(&self) -> Vec<&'a str> {
        if self.operands.is_empty() { vec!["-"] } else { self.operands.clone() }
    }
}

/// As the tools say it.
pub(super) fn invalid_number(text: &str) -> io::Error {
    io::Error::other(format!("invalid number '{text}'"))
}

/// Opens an input; `-` is stdin.
///
/// # Errors
/// Those of the file system, with the name of the file.
pub(super) fn open(shell: &Shell, name: &str) -> io::Result<Stream> {
    match name {
        "-" => Ok(shell.stdin()),
        _ => {
            let named = |error: io::Error| {
                io::Error::new(error.kind(), format!("{name}: {}", crate::message(&error)))
            };
            let is_directory = shell.path(name).is_dir();
            let opened = shell.open_path(name, std::fs::OpenOptions::new().read(true)).map_err(named)?;
            match is_directory {
                true => Err(io::Error::other(format!("{name}: Is a directory"))),
                false => Ok(opened),
            }
        }
    }
}

/// Opens each input in turn. One that cannot be opened is complained of, and makes the exit code 1.
pub(super) async fn open_or_complain(
    shell: &Shell,
    tool: &str,
    name: &str,
    status: &mut u8,
) -> Option<Stream> {
    match open(shell, name) {
        Ok(stream) => Some(stream),
        Err(error) => {
            let text = error.to_string();
            let text = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason);
            shell.complain(&format!("{tool}: can't open '{name}': {text}")).await;
            *status = 1;
            None
        }
    }
}
