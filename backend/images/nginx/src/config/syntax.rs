//! The grammar: words, `;`, blocks and comments, read as `ngx_conf_read_token` does, with `include` put in place.

use std::path::{Path, PathBuf};

use super::Fault;
use super::directives::{self, Context, Spec};

/// A directive with its place.
#[derive(Debug, Clone)]
pub struct Directive {
    /// The name.
    pub name: String,
    /// The words behind it.
    pub arguments: Vec<String>,
    /// The directives in its block.
    pub block: Vec<Directive>,
    /// ` in FILE:LINE`, as it stands behind messages.
    pub place: String,
}

impl Directive {
    /// The argument of this number, which the table of directives promises.
    #[must_use]
    pub fn argument(&self, at: usize) -> &str {
        self.arguments.get(at).map_or("", String::as_str)
    }

    /// An error about this directive.
    #[must_use]
    pub fn fault(&self, text: &str) -> Fault {
        Fault(format!("{text}{}", self.place))
    }
}

/// A folder of files, or what stands for it in tests.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// Reads a file and those it includes.
///
/// # Errors
/// The first fault, with file and line.
pub fn parse(file: &Path, read: ReadFile<'_>) -> Result<Vec<Directive>, Fault> {
    let text = read(file).map_err(|error| Fault(unreadable(file, &error)))?;
    parse_text(&text, file, read, Context::Main)
}

/// Reads a text as if it stood in a file: what `-g` gives.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_text(
    text: &str,
    file: &Path,
    read: ReadFile<'_>,
    context: Context,
) -> Result<Vec<Directive>, Fault> {
    let mut reader = Reader { letters: text.chars().collect(), at: 0, line: 1, file, read, depth: 0 };
    reader.block(context)
}

fn unreadable(file: &Path, error: &std::io::Error) -> String {
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "2: No such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "13: Permission denied".to_owned(),
        _ => error.to_string(),
    };
    format!("open() \"{}\" failed ({reason})", file.display())
}

/// What ends a run of words.
#[derive(PartialEq, Eq)]
enum End {
    Semicolon,
    Open,
    Close,
    File,
}

struct Reader<'a> {
    letters: Vec<char>,
    at: usize,
    line: usize,
    file: &'a Path,
    read: ReadFile<'a>,
    depth: usize,
}

impl Reader<'_> {
    fn place(&self) -> String {
        format!(" in {}:{}", self.file.display(), self.line)
    }

    fn fault(&self, text: &str) -> Fault {
        Fault(format!("{text}{}", self.place()))
    }

    /// The directives up to the end of the block or file.
    fn block(&mut self, context: Context) -> Result<Vec<Directive>, Fault> {
        let mut directives = Vec::new();
        loop {
            let (mut words, end) = self.words()?;
            match end {
                End::File if self.depth > 0 => {
                    return Err(self.fault("unexpected end of file, expecting \"}\""));
                }
                End::Close if self.depth == 0 => return Err(self.fault("unexpected \"}\"")),
                End::File | End::Close => return Ok(directives),
                End::Semicolon | End::Open => {}
            }
            let arguments = words.split_off(1);
            let name = words.remove(0);
            if name == "include" && end == End::Semicolon {
                directives.extend(self.include(&arguments, context)?);
                continue;
            }
            let mut directive = Directive { name, arguments, block: Vec::new(), place: self.place() };
            let inner = self.check(&directive, context, end == End::Open)?;
            if let Some(inner) = inner {
                self.depth += 1;
                directive.block = self.block(inner)?;
                self.depth -= 1;
            }
            directives.push(directive);
        }
    }

    /// Refuses what the table does not allow here; says what its block is for.
    fn check(&self, directive: &Directive, context: Context, opens: bool) -> Result<Option<Context>, Fault> {
        let Directive { name, arguments, .. } = directive;
        if context == Context::Free {
            return if opens { Err(self.fault("unexpected \"{\"")) } else { Ok(None) };
        }
        let specs: Vec<&Spec> = directives::find(name).collect();
        if specs.is_empty() {
            return Err(self.fault(&format!("unknown directive \"{name}\"")));
        }
        let Some(spec) = specs.into_iter().find(|spec| spec.contexts.contains(context.letter())) else {
            return Err(self.fault(&format!("\"{name}\" directive is not allowed here")));
        };
        match (spec.block, opens) {
            (Some(_), false) => {
                return Err(self.fault(&format!("directive \"{name}\" has no opening \"{{\"")));
            }
            (None, true) => {
                return Err(self.fault(&format!("directive \"{name}\" is not terminated by \";\"")));
            }
            _ => {}
        }
        if !spec.arguments.contains(&arguments.len()) {
            return Err(self.fault(&format!("invalid number of arguments in \"{name}\" directive")));
        }
        if spec.effect == directives::Effect::Refused {
            return Err(self.fault(&format!("the directive \"{name}\" is not supported by this server")));
        }
        Ok(spec.block)
    }

    fn include(&self, arguments: &[String], context: Context) -> Result<Vec<Directive>, Fault> {
        let [pattern] = arguments else {
            return Err(self.fault("invalid number of arguments in \"include\" directive"));
        };
        let pattern = Path::new("/etc/nginx").join(pattern);
        let mut directives = Vec::new();
        for file in matching(&pattern) {
            let text = (self.read)(&file).map_err(|error| self.fault(&unreadable(&file, &error)))?;
            directives.extend(parse_text(&text, &file, self.read, context)?);
        }
        Ok(directives)
    }

    /// The words up to a `;` or a brace.
    fn words(&mut self) -> Result<(Vec<String>, End), Fault> {
        let mut words = Vec::new();
        loop {
            self.skip_blank();
            let end = match self.peek() {
                None if words.is_empty() => return Ok((words, End::File)),
                None => return Err(self.fault("unexpected end of file, expecting \";\" or \"}\"")),
                Some(';') => End::Semicolon,
                Some('{') => End::Open,
                Some('}') => End::Close,
                Some(_) => {
                    words.push(self.word()?);
                    continue;
                }
            };
            let letter = self.next().unwrap_or(';');
            return if (end == End::Close) == words.is_empty() {
                Ok((words, end))
            } else {
                Err(self.fault(&format!("unexpected \"{letter}\"")))
            };
        }
    }

    fn word(&mut self) -> Result<String, Fault> {
        let quote = self.peek().filter(|letter| matches!(letter, '"' | '\''));
        if quote.is_some() {
            self.next();
        }
        let mut word = String::new();
        loop {
            let Some(letter) = self.peek() else {
                return Err(self.fault("unexpected end of file, expecting \";\" or \"}\""));
            };
            match (letter, quote) {
                ('\\', _) => self.escape(&mut word),
                (letter, Some(quote)) if letter == quote => {
                    self.next();
                    return match self.peek() {
                        Some(next) if !next.is_whitespace() && !matches!(next, ';' | '{' | ')') => {
                            Err(self.fault(&format!("unexpected \"{next}\"")))
                        }
                        _ => Ok(word),
                    };
                }
                ('{', None) if word.ends_with('$') => word.extend(self.next()),
                (';' | '{', None) => return Ok(word),
                (letter, None) if letter.is_whitespace() => return Ok(word),
                _ => word.extend(self.next()),
            }
        }
    }

    fn escape(&mut self, word: &mut String) {
        self.next();
        match self.next() {
            Some(letter @ ('"' | '\'' | '\\')) => word.push(letter),
            Some('t') => word.push('\t'),
            Some('r') => word.push('\r'),
            Some('n') => word.push('\n'),
            Some(other) => word.extend(['\\', other]),
            None => word.push('\\'),
        }
    }

    fn skip_blank(&mut self) {
        while let Some(letter) = self.peek() {
            match letter {
                '#' => {
                    while self.peek().is_some_and(|letter| letter != '\n') {
                        self.next();
                    }
                }
                blank if blank.is_whitespace() => drop(self.next()),
                _ => return,
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        self.line += usize::from(letter == '\n');
        Some(letter)
    }
}

/// The files that a name with `*` and `?` in its last part means, sorted; a name without them means itself.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = pattern.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    if !name.contains(['*', '?']) {
        return vec![pattern.to_path_buf()];
    }
    let folder = pattern.parent().unwrap_or(Path::new("/"));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.to_string_lossy().into_owned())
        .filter(|entry| !entry.starts_with('.') && fits(&name, entry))
        .map(|entry| folder.join(entry))
        .collect();
    files.sort();
    files
}

fn fits(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('*') => {
            name.char_indices().map(|(at, _)| &name[at..]).chain([""]).any(|end| fits(rest.as_str(), end))
        }
        Some(letter) => {
            let mut others = name.chars();
            others.next().is_some_and(|other| letter == '?' || letter == other)
                && fits(rest.as_str(), others.as_str())
        }
    }
}
