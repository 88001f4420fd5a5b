//! From text to [`syntax`](super::syntax): the grammar of commands. Words are read in `words.rs`.

use std::cell::RefCell;
use std::rc::Rc;

use super::syntax::{
    Command, Compound, Connector, Item, List, Pipeline, Redirection, RedirectionKind, Simple, Word,
};

/// Why a text is no program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyntaxError {
    /// More lines may complete it.
    Incomplete(&'static str),
    /// This does not belong here.
    Unexpected(String),
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Incomplete(expected) => {
                write!(formatter, "syntax error: unexpected end of file (expecting \"{expected}\")")
            }
            Self::Unexpected(text) => write!(formatter, "syntax error: unexpected \"{text}\""),
        }
    }
}

/// A here-document whose lines are still to come.
struct Pending {
    delimiter: String,
    is_literal: bool,
    strips_tabs: bool,
    body: Rc<RefCell<Word>>,
}

/// A position in a text.
pub(super) struct Parser {
    pub(super) text: Vec<char>,
    pub(super) at: usize,
    pending: Vec<Pending>,
}

/// Reads a whole program.
pub(super) fn parse(text: &str) -> Result<List, SyntaxError> {
    let mut parser = Parser::new(text);
    let list = parser.list(&[])?;
    match parser.peek() {
        None => Ok(list),
        Some(_) => Err(parser.unexpected()),
    }
}

/// Words that end or continue a compound command, and so never begin a simple one.
const CLOSING: &[&str] = &["then", "else", "elif", "fi", "do", "done", "esac", "}"];

impl Parser {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.chars().collect(), at: 0, pending: Vec::new() }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub(super) fn looking_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(offset, letter)| self.text.get(self.at + offset) == Some(&letter))
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    pub(super) fn unexpected(&self) -> SyntaxError {
        match self.peek() {
            None => SyntaxError::Incomplete("word"),
            Some('\n') => SyntaxError::Unexpected("newline".to_owned()),
            Some(letter) => {
                let word = self.bare_word();
                SyntaxError::Unexpected(if word.is_empty() { letter.to_string() } else { word })
            }
        }
    }

    /// Commands until a word or sign that closes the construct around them.
    pub(super) fn list(&mut self, ends: &[&str]) -> Result<List, SyntaxError> {
        let mut list = List::new();
        loop {
            self.skip_lines()?;
            if self.peek().is_none()
                || self.peek() == Some(')')
                || self.at_keyword(ends)
                || self.looking_at(";;")
            {
                return Ok(list);
            }
            let mut item = self.item()?;
            self.skip_blanks();
            if !self.looking_at("&&") && self.take("&") {
                item.in_background = true;
            } else if !self.looking_at(";;") {
                self.take(";");
            }
            list.push(item);
        }
    }

    fn item(&mut self) -> Result<Item, SyntaxError> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.skip_blanks();
            let connector = if self.take("&&") {
                Connector::And
            } else if self.take("||") {
                Connector::Or
            } else {
                return Ok(Item { first, rest, in_background: false });
            };
            self.skip_lines()?;
            self.must_continue()?;
            rest.push((connector, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, SyntaxError> {
        let is_negated = self.keyword("!");
        let mut commands = vec![self.command()?];
        loop {
            self.skip_blanks();
            if self.looking_at("||") || !self.take("|") {
                return Ok(Pipeline { is_negated, commands });
            }
            self.skip_lines()?;
            self.must_continue()?;
            commands.push(self.command()?);
        }
    }

    fn must_continue(&self) -> Result<(), SyntaxError> {
        self.peek().map(drop).ok_or(SyntaxError::Incomplete("word"))
    }

    fn command(&mut self) -> Result<Command, SyntaxError> {
        self.skip_blanks();
        let word = self.bare_word();
        let compound = match word.as_str() {
            "{" => self.group()?,
            "if" => self.condition()?,
            "while" | "until" => self.repetition(&word)?,
            "for" => self.iteration()?,
            "case" => self.choice()?,
            "" if self.peek() == Some('(') => self.subshell()?,
            closing if CLOSING.contains(&closing) => return Err(self.unexpected()),
            _ => return self.simple_or_function(&word),
        };
        Ok(Command::Compound(Box::new(compound), self.redirections()?))
    }

    fn group(&mut self) -> Result<Compound, SyntaxError> {
        self.expect("{")?;
        let list = self.list(&["}"])?;
        self.expect("}")?;
        Ok(Compound::Group(list))
    }

    fn subshell(&mut self) -> Result<Compound, SyntaxError> {
        self.take("(");
        let list = self.list(&[])?;
        self.close(")")?;
        Ok(Compound::Subshell(list))
    }

    fn condition(&mut self) -> Result<Compound, SyntaxError> {
        self.expect("if")?;
        let mut branches = Vec::new();
        loop {
            let condition = self.list(&["then"])?;
            self.expect("then")?;
            branches.push((condition, self.list(&["elif", "else", "fi"])?));
            if !self.keyword("elif") {
                break;
            }
        }
        let otherwise = if self.keyword("else") { Some(self.list(&["fi"])?) } else { None };
        self.expect("fi")?;
        Ok(Compound::If { branches, otherwise })
    }

    fn repetition(&mut self, word: &str) -> Result<Compound, SyntaxError> {
        self.take(word);
        let condition = self.list(&["do"])?;
        Ok(Compound::Loop { until: word == "until", condition, body: self.body()? })
    }

    fn iteration(&mut self) -> Result<Compound, SyntaxError> {
        self.expect("for")?;
        self.skip_blanks();
        let variable = self.name();
        if variable.is_empty() {
            return Err(self.unexpected());
        }
        self.skip_lines()?;
        let words = if self.keyword("in") { Some(self.words()?) } else { None };
        self.skip_blanks();
        self.take(";");
        Ok(Compound::For { variable, words, body: self.body()? })
    }

    fn body(&mut self) -> Result<List, SyntaxError> {
        self.skip_lines()?;
        self.expect("do")?;
        let body = self.list(&["done"])?;
        self.expect("done")?;
        Ok(body)
    }

    fn choice(&mut self) -> Result<Compound, SyntaxError> {
        self.expect("case")?;
        self.skip_blanks();
        let word = self.word()?.ok_or_else(|| self.unexpected())?;
        self.skip_lines()?;
        self.expect("in")?;
        let mut arms = Vec::new();
        loop {
            self.skip_lines()?;
            if self.keyword("esac") {
                return Ok(Compound::Case { word, arms });
            }
            arms.push(self.arm()?);
        }
    }

    fn arm(&mut self) -> Result<(Vec<Word>, List), SyntaxError> {
        self.take("(");
        let mut patterns = Vec::new();
        loop {
            self.skip_blanks();
            patterns.push(self.word()?.ok_or_else(|| self.unexpected())?);
            self.skip_blanks();
            if !self.take("|") {
                break;
            }
        }
        self.close(")")?;
        let list = self.list(&["esac"])?;
        self.skip_lines()?;
        if !self.take(";;") && !self.at_keyword(&["esac"]) {
            return Err(self.peek().map_or(SyntaxError::Incomplete("esac"), |_| self.unexpected()));
        }
        Ok((patterns, list))
    }

    fn simple_or_function(&mut self, word: &str) -> Result<Command, SyntaxError> {
        let start = self.at;
        if is_name(word) {
            self.at += word.chars().count();
            self.skip_blanks();
            if self.take("(") {
                self.skip_blanks();
                self.close(")")?;
                self.skip_lines()?;
                self.must_continue()?;
                return Ok(Command::Function(word.to_owned(), Rc::new(self.command()?)));
            }
            self.at = start;
        }
        self.simple().map(Command::Simple)
    }

    fn simple(&mut self) -> Result<Simple, SyntaxError> {
        let mut simple = Simple::default();
        loop {
            self.skip_blanks();
            if let Some(redirection) = self.redirection()? {
                simple.redirections.push(redirection);
            } else if simple.words.is_empty()
                && let Some(name) = self.assignment()
            {
                simple.assignments.push((name, self.value()?));
            } else if let Some(word) = self.word()? {
                simple.words.push(word);
            } else if self.peek() == Some('(') || simple.is_empty() {
                return Err(self.unexpected());
            } else {
                return Ok(simple);
            }
        }
    }

    /// `name=`, of which the value follows.
    fn assignment(&mut self) -> Option<String> {
        let start = self.at;
        let name = self.name();
        if !name.is_empty() && self.take("=") {
            return Some(name);
        }
        self.at = start;
        None
    }

    fn redirections(&mut self) -> Result<Vec<Redirection>, SyntaxError> {
        let mut redirections = Vec::new();
        loop {
            self.skip_blanks();
            match self.redirection()? {
                Some(redirection) => redirections.push(redirection),
                None => return Ok(redirections),
            }
        }
    }

    fn redirection(&mut self) -> Result<Option<Redirection>, SyntaxError> {
        let start = self.at;
        let digits: String =
            self.text[self.at..].iter().take_while(|letter| letter.is_ascii_digit()).collect();
        self.at += digits.len();
        let Some(sign) = self.redirection_sign() else {
            self.at = start;
            return Ok(None);
        };
        let standard = u32::from(sign.starts_with('>'));
        let descriptor = digits.parse().unwrap_or(standard);
        self.skip_blanks();
        let kind = match sign {
            "<<" | "<<-" => self.here_document(sign == "<<-")?,
            _ => {
                let target = self.word()?.ok_or_else(|| self.unexpected())?;
                match sign {
                    "<" => RedirectionKind::Read(target),
                    ">>" => RedirectionKind::Append(target),
                    ">&" | "<&" => RedirectionKind::Duplicate(target),
                    "<>" => RedirectionKind::Both(target),
                    _ => RedirectionKind::Write(target, sign == ">|"),
                }
            }
        };
        Ok(Some(Redirection { descriptor, kind }))
    }

    fn redirection_sign(&mut self) -> Option<&'static str> {
        ["<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">"].into_iter().find(|sign| self.take(sign))
    }

    fn here_document(&mut self, strips_tabs: bool) -> Result<RedirectionKind, SyntaxError> {
        let start = self.at;
        let word = self.word()?.ok_or_else(|| self.unexpected())?;
        let is_literal = self.text[start..self.at].iter().any(|letter| matches!(letter, '\'' | '"' | '\\'));
        let body = Rc::new(RefCell::new(Word::default()));
        self.pending.push(Pending {
            delimiter: word.as_text(),
            is_literal,
            strips_tabs,
            body: Rc::clone(&body),
        });
        Ok(RedirectionKind::HereDocument(body))
    }

    /// Reads the lines of the here-documents that the line just ended announced.
    fn read_here_documents(&mut self) -> Result<(), SyntaxError> {
        for pending in std::mem::take(&mut self.pending) {
            let mut body = String::new();
            loop {
                let Some(line) = self.raw_line() else { return Err(SyntaxError::Incomplete("<<")) };
                let line = if pending.strips_tabs { line.trim_start_matches('\t') } else { line.as_str() };
                if line == pending.delimiter {
                    break;
                }
                body.push_str(line);
                body.push('\n');
            }
            *pending.body.borrow_mut() =
                if pending.is_literal { Word::quoted(body) } else { Self::new(&body).here_text()? };
        }
        Ok(())
    }

    fn raw_line(&mut self) -> Option<String> {
        if self.at >= self.text.len() {
            return None;
        }
        let line: String = self.text[self.at..].iter().take_while(|letter| **letter != '\n').collect();
        self.at += line.chars().count() + 1;
        Some(line)
    }

    /// Blanks, joined lines and a comment.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\\') if self.looking_at("\\\n") => self.at += 2,
                Some('#') => {
                    while self.peek().is_some_and(|letter| letter != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn skip_lines(&mut self) -> Result<(), SyntaxError> {
        loop {
            self.skip_blanks();
            if !self.take("\n") {
                // At the end of the text, an announced document can only be missing.
                return if self.peek().is_none() { self.read_here_documents() } else { Ok(()) };
            }
            self.read_here_documents()?;
        }
    }

    fn words(&mut self) -> Result<Vec<Word>, SyntaxError> {
        let mut words = Vec::new();
        loop {
            self.skip_blanks();
            match self.word()? {
                Some(word) => words.push(word),
                None => return Ok(words),
            }
        }
    }

    /// The unquoted word here, without taking it; empty if there is none.
    pub(super) fn bare_word(&self) -> String {
        let ends = |letter: &&char| letter.is_whitespace() || ";&|<>()".contains(**letter);
        self.text[self.at.min(self.text.len())..].iter().take_while(|letter| !ends(letter)).collect()
    }

    fn at_keyword(&self, words: &[&str]) -> bool {
        words.contains(&self.bare_word().as_str())
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.skip_blanks();
        self.at_keyword(&[word]) && self.take(word)
    }

    fn expect(&mut self, word: &'static str) -> Result<(), SyntaxError> {
        if self.keyword(word) {
            return Ok(());
        }
        Err(self.peek().map_or(SyntaxError::Incomplete(word), |_| self.unexpected()))
    }

    fn close(&mut self, sign: &'static str) -> Result<(), SyntaxError> {
        self.skip_blanks();
        if self.take(sign) {
            return Ok(());
        }
        Err(self.peek().map_or(SyntaxError::Incomplete(sign), |_| self.unexpected()))
    }
}

/// Whether a text can name a variable or a function.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}
