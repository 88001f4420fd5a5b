//! Reading words: quotes, `$…`, `${…}`, `$(…)`, `$((…))` and backquotes.

use std::rc::Rc;

use super::parser::{Parser, SyntaxError, parse};
use super::syntax::{Operation, Parameter, Part, Word};

impl Word {
    /// A word that is taken literally.
    pub(super) fn quoted(text: String) -> Self {
        Self(vec![Part::Quoted(text)])
    }

    /// Its literal text, as for the delimiter of a here-document.
    pub(super) fn as_text(&self) -> String {
        let text = |part: &Part| match part {
            Part::Literal(text) | Part::Quoted(text) => text.clone(),
            Part::Home => "~".to_owned(),
            _ => String::new(),
        };
        self.0.iter().map(text).collect()
    }
}

impl Parser {
    /// The word here, or `None` where none begins.
    pub(super) fn word(&mut self) -> Result<Option<Word>, SyntaxError> {
        let ends = |letter: char| letter.is_whitespace() || ";&|<>()".contains(letter);
        let word = self.parts(&ends)?;
        Ok((!word.0.is_empty()).then_some(word))
    }

    /// The word behind `name=`, in which `~` stands for the home directory behind colons, too.
    pub(super) fn value(&mut self) -> Result<Word, SyntaxError> {
        let ends = |letter: char| letter == ':' || letter.is_whitespace() || ";&|<>()".contains(letter);
        let mut word = self.parts(&ends)?;
        while self.take(":") {
            literal(&mut word.0, ':');
            word.0.extend(self.parts(&ends)?.0);
        }
        Ok(word)
    }

    /// The word of `${name:-word}`. Between double quotes, single ones mean nothing.
    fn alternative(&mut self, quoted: bool) -> Result<Word, SyntaxError> {
        if !quoted {
            return self.parts(&|letter| letter == '}');
        }
        let mut parts = Vec::new();
        while let Some(letter) = self.peek().filter(|letter| *letter != '}') {
            if matches!(letter, '$' | '`') {
                parts.push(self.dollar(true)?);
                continue;
            }
            self.at += 1;
            let next = self.peek();
            match (letter, next) {
                ('"', _) => {}
                ('\\', Some('\n')) => self.at += 1,
                ('\\', Some(next)) if matches!(next, '$' | '`' | '\\' | '"' | '}') => {
                    self.at += 1;
                    self::quoted(&mut parts, next);
                }
                _ => self::quoted(&mut parts, letter),
            }
        }
        Ok(Word(parts))
    }

    /// The parts of a word up to an unquoted letter that ends it.
    fn parts(&mut self, ends: &dyn Fn(char) -> bool) -> Result<Word, SyntaxError> {
        let mut parts = Vec::new();
        if self.peek() == Some('~')
            && self.text.get(self.at + 1).is_none_or(|next| *next == '/' || ends(*next))
        {
            self.at += 1;
            parts.push(Part::Home);
        }
        while let Some(letter) = self.peek().filter(|letter| !ends(*letter)) {
            match letter {
                '\\' => self.escaped(&mut parts),
                '\'' => parts.push(self.single_quoted()?),
                '"' => {
                    self.at += 1;
                    self.double_quoted(&mut parts)?;
                }
                '$' | '`' => parts.push(self.dollar(false)?),
                _ => {
                    self.at += 1;
                    literal(&mut parts, letter);
                }
            }
        }
        Ok(Word(parts))
    }

    fn escaped(&mut self, parts: &mut Vec<Part>) {
        self.at += 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(letter) => {
                self.at += 1;
                parts.push(Part::Quoted(letter.to_string()));
            }
            None => literal(parts, '\\'),
        }
    }

    fn single_quoted(&mut self) -> Result<Part, SyntaxError> {
        self.at += 1;
        let text: String = self.text[self.at..].iter().take_while(|letter| **letter != '\'').collect();
        self.at += text.chars().count();
        if self.take("'") { Ok(Part::Quoted(text)) } else { Err(SyntaxError::Incomplete("'")) }
    }

    /// After the opening quote, to behind the closing one.
    fn double_quoted(&mut self, parts: &mut Vec<Part>) -> Result<(), SyntaxError> {
        // Even an empty pair of quotes makes a word.
        parts.push(Part::Quoted(String::new()));
        self.text_parts(parts, Some('"'))?;
        if self.take("\"") { Ok(()) } else { Err(SyntaxError::Incomplete("\"")) }
    }

    /// The body of a here-document, all of it.
    pub(super) fn here_text(&mut self) -> Result<Word, SyntaxError> {
        let mut parts = vec![Part::Quoted(String::new())];
        self.text_parts(&mut parts, None)?;
        Ok(Word(parts))
    }

    /// Text in which only `$`, backquotes and backslashes mean something.
    fn text_parts(&mut self, parts: &mut Vec<Part>, end: Option<char>) -> Result<(), SyntaxError> {
        while let Some(letter) = self.peek().filter(|letter| Some(*letter) != end) {
            if matches!(letter, '$' | '`') {
                parts.push(self.dollar(true)?);
                continue;
            }
            self.at += 1;
            let next = self.peek();
            match (letter, next) {
                ('\\', Some('\n')) => self.at += 1,
                ('\\', Some(next)) if matches!(next, '$' | '`' | '\\') || Some(next) == end => {
                    self.at += 1;
                    quoted(parts, next);
                }
                _ => quoted(parts, letter),
            }
        }
        Ok(())
    }

    /// At `$` or a backquote.
    fn dollar(&mut self, quoted: bool) -> Result<Part, SyntaxError> {
        if self.take("`") {
            return self.backquoted(quoted);
        }
        self.at += 1;
        if self.looking_at("((")
            && let Some(part) = self.arithmetic(quoted)?
        {
            return Ok(part);
        }
        if self.take("(") {
            let list = Rc::new(self.list(&[])?);
            return match self.take(")") {
                true => Ok(Part::Substitution { list, quoted }),
                false => Err(self.peek().map_or(SyntaxError::Incomplete(")"), |_| self.unexpected())),
            };
        }
        if self.take("{") {
            let parameter = self.braced(quoted)?;
            return Ok(Part::Parameter { parameter, quoted });
        }
        let name = self.parameter_name(false);
        if name.is_empty() {
            return Ok(if quoted { Part::Quoted("$".to_owned()) } else { Part::Literal("$".to_owned()) });
        }
        Ok(Part::Parameter { parameter: Parameter { name, operation: Operation::Value }, quoted })
    }

    fn backquoted(&mut self, quoted: bool) -> Result<Part, SyntaxError> {
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return Err(SyntaxError::Incomplete("`")),
                Some('`') => break,
                Some('\\') => {
                    self.at += 1;
                    let next = self.peek().unwrap_or('\\');
                    if !matches!(next, '$' | '`' | '\\') {
                        text.push('\\');
                    }
                    text.push(next);
                }
                Some(letter) => text.push(letter),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(Part::Substitution { list: Rc::new(parse(&text)?), quoted })
    }

    /// At `((`. `None` if it is a subshell in a substitution instead.
    fn arithmetic(&mut self, quoted: bool) -> Result<Option<Part>, SyntaxError> {
        let start = self.at + 2;
        let mut depth = 0_usize;
        let mut at = start;
        loop {
            match self.text.get(at) {
                None => return Err(SyntaxError::Incomplete("))")),
                Some('(') => depth += 1,
                Some(')') if depth > 0 => depth -= 1,
                Some(')') if self.text.get(at + 1) == Some(&')') => break,
                Some(')') => return Ok(None),
                Some(_) => {}
            }
            at += 1;
        }
        let text: String = self.text[start..at].iter().collect();
        self.at = at + 2;
        Ok(Some(Part::Arithmetic { expression: Self::new(&text).here_text()?, quoted }))
    }

    /// After `${`, to behind `}`.
    fn braced(&mut self, quoted: bool) -> Result<Parameter, SyntaxError> {
        if self.looking_at("#") && !self.looking_at("#}") {
            self.at += 1;
            let name = self.parameter_name(true);
            return self.close_brace(name, Operation::Length);
        }
        let name = self.parameter_name(true);
        if name.is_empty() {
            return Err(SyntaxError::Unexpected("bad substitution".to_owned()));
        }
        let operation = self.operation(quoted)?;
        self.close_brace(name, operation)
    }

    fn close_brace(&mut self, name: String, operation: Operation) -> Result<Parameter, SyntaxError> {
        match self.take("}") {
            true => Ok(Parameter { name, operation }),
            false if self.peek().is_none() => Err(SyntaxError::Incomplete("}")),
            false => Err(SyntaxError::Unexpected("bad substitution".to_owned())),
        }
    }

    fn operation(&mut self, quoted: bool) -> Result<Operation, SyntaxError> {
        let to_brace = |letter: char| letter == '}';
        for (sign, or_empty) in [
            (":-", true),
            (":=", true),
            (":?", true),
            (":+", true),
            ("-", false),
            ("=", false),
            ("?", false),
            ("+", false),
        ] {
            if self.take(sign) {
                let sign = sign.chars().last().unwrap_or('-');
                return Ok(Operation::Alternative { sign, or_empty, word: self.alternative(quoted)? });
            }
        }
        for (sign, from_end, longest) in
            [("##", false, true), ("#", false, false), ("%%", true, true), ("%", true, false)]
        {
            if self.take(sign) {
                return Ok(Operation::Trim { from_end, longest, pattern: self.parts(&to_brace)? });
            }
        }
        if self.take("/") {
            let all = self.take("/");
            let pattern = self.parts(&|letter| matches!(letter, '/' | '}'))?;
            self.take("/");
            return Ok(Operation::Replace { all, pattern, replacement: self.parts(&to_brace)? });
        }
        if self.take(":") {
            let offset = self.parts(&|letter| matches!(letter, ':' | '}'))?;
            let length = if self.take(":") { Some(self.parts(&to_brace)?) } else { None };
            return Ok(Operation::Slice { offset, length });
        }
        Ok(Operation::Value)
    }

    /// A variable's name, a digit (several within braces) or a special sign.
    fn parameter_name(&mut self, in_braces: bool) -> String {
        let name = self.name();
        if !name.is_empty() {
            return name;
        }
        let digits: String =
            self.text[self.at..].iter().take_while(|letter| letter.is_ascii_digit()).collect();
        if !digits.is_empty() {
            let length = if in_braces { digits.len() } else { 1 };
            self.at += length;
            return digits[..length].to_owned();
        }
        match self.peek() {
            Some(sign) if "@*#?$!-".contains(sign) => {
                self.at += 1;
                sign.to_string()
            }
            _ => String::new(),
        }
    }

    /// The name here, taken; empty if there is none.
    pub(super) fn name(&mut self) -> String {
        let starts = self.peek().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
        let continues = |letter: &&char| letter.is_ascii_alphanumeric() || **letter == '_';
        let name: String = match starts {
            true => self.text[self.at..].iter().take_while(continues).collect(),
            false => String::new(),
        };
        self.at += name.len();
        name
    }
}

fn literal(parts: &mut Vec<Part>, letter: char) {
    match parts.last_mut() {
        Some(Part::Literal(text)) => text.push(letter),
        _ => parts.push(Part::Literal(letter.to_string())),
    }
}

fn quoted(parts: &mut Vec<Part>, letter: char) {
    match parts.last_mut() {
        Some(Part::Quoted(text)) => text.push(letter),
        _ => parts.push(Part::Quoted(letter.to_string())),
    }
}
