//! Reads a label selector's text.

use super::lexer::{Token, Word, words};
use super::{Operator, Requirement, Selector, SelectorError, syntax};

pub(super) fn parse(text: &str) -> Result<Selector, SelectorError> {
    Parser { words: words(text), position: 0 }.selector().map_err(SelectorError)
}

struct Parser {
    words: Vec<Word>,
    position: usize,
}

impl Parser {
    fn selector(mut self) -> Result<Selector, String> {
        let mut requirements = Vec::new();
        loop {
            match self.peek() {
                (Token::Identifier | Token::Not, _) => {
                    let requirement = self.requirement();
                    requirements
                        .push(requirement.map_err(|error| format!("unable to parse requirement: {error}"))?);
                    match self.next() {
                        (Token::End, _) => return Ok(Selector::of(requirements)),
                        (Token::Comma, _) => self.expect_another()?,
                        (_, text) => return Err(format!("found '{text}', expected: ',' or 'end of string'")),
                    }
                }
                (Token::End, _) => return Ok(Selector::of(requirements)),
                (_, text) => {
                    return Err(format!("found '{text}', expected: !, identifier, or 'end of string'"));
                }
            }
        }
    }

    fn expect_another(&self) -> Result<(), String> {
        match self.peek() {
            (Token::Identifier | Token::Not, _) => Ok(()),
            (_, text) => Err(format!("found '{text}', expected: identifier after ','")),
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let (key, existence) = self.key()?;
        let (operator, values) = match existence {
            Some(operator) => (operator, Vec::new()),
            None => match self.operator()? {
                operator @ (Operator::In | Operator::NotIn) => (operator, self.values()?),
                operator => (operator, vec![self.exact_value()?]),
            },
        };
        Requirement::new(&key, operator, values).map_err(|error| error.0)
    }

    /// The key, and the operator where the key is all there is.
    fn key(&mut self) -> Result<(String, Option<Operator>), String> {
        let mut operator = None;
        let (mut token, mut key) = self.next();
        if token == Token::Not {
            operator = Some(Operator::DoesNotExist);
            (token, key) = self.next();
        }
        if token != Token::Identifier {
            return Err(format!("found '{key}', expected: identifier"));
        }
        // Upstream has no path here and prints Go's nil.
        if let Some(error) = syntax::invalid("<nil>", &key, &syntax::label_key_errors(&key)) {
            return Err(error);
        }
        if operator.is_none() && matches!(self.peek().0, Token::End | Token::Comma) {
            operator = Some(Operator::Exists);
        }
        Ok((key, operator))
    }

    fn operator(&mut self) -> Result<Operator, String> {
        let (token, text) = self.next_raw();
        Ok(match token {
            Token::In => Operator::In,
            Token::NotIn => Operator::NotIn,
            Token::Equals => Operator::Equals,
            Token::DoubleEquals => Operator::DoubleEquals,
            Token::NotEquals => Operator::NotEquals,
            Token::GreaterThan => Operator::GreaterThan,
            Token::LessThan => Operator::LessThan,
            _ => return Err(format!("found '{text}', expected: in, notin, =, ==, !=, gt, lt")),
        })
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        let (token, text) = self.next();
        if token != Token::OpenParen {
            return Err(format!("found '{text}' expected: '('"));
        }
        let first = self.peek();
        match first.0 {
            Token::Identifier | Token::Comma => {
                let mut values = self.identifiers()?;
                if self.next().0 != Token::CloseParen {
                    return Err(format!("found '{}', expected: ')'", first.1));
                }
                values.sort();
                values.dedup();
                Ok(values)
            }
            Token::CloseParen => {
                self.next();
                Ok(vec![String::new()])
            }
            _ => Err(format!("found '{}', expected: ',', ')' or identifier", first.1)),
        }
    }

    /// Identifiers up to the closing parenthesis; nothing between two commas is the empty value.
    fn identifiers(&mut self) -> Result<Vec<String>, String> {
        let mut values = Vec::new();
        loop {
            match self.next() {
                (Token::Identifier, text) => {
                    values.push(text);
                    match self.peek() {
                        (Token::Comma, _) => {}
                        (Token::CloseParen, _) => return Ok(values),
                        (_, text) => return Err(format!("found '{text}', expected: ',' or ')'")),
                    }
                }
                (Token::Comma, _) => {
                    let next = self.peek().0;
                    if values.is_empty() || matches!(next, Token::CloseParen | Token::Comma) {
                        values.push(String::new());
                    }
                    if next == Token::CloseParen {
                        return Ok(values);
                    }
                }
                (_, text) => return Err(format!("found '{text}', expected: ',', or identifier")),
            }
        }
    }

    fn exact_value(&mut self) -> Result<String, String> {
        if matches!(self.peek().0, Token::End | Token::Comma) {
            return Ok(String::new());
        }
        match self.next() {
            (Token::Identifier, text) => Ok(text),
            (_, text) => Err(format!("found '{text}', expected: identifier")),
        }
    }

    /// The next word as a key or value: `in` and `notin` are names there.
    fn peek(&self) -> Word {
        let (token, text) = self.words.get(self.position).cloned().unwrap_or((Token::End, String::new()));
        match token {
            Token::In | Token::NotIn => (Token::Identifier, text),
            _ => (token, text),
        }
    }

    fn next(&mut self) -> Word {
        let word = self.peek();
        self.position += 1;
        word
    }

    fn next_raw(&mut self) -> Word {
        let word = self.words.get(self.position).cloned().unwrap_or((Token::End, String::new()));
        self.position += 1;
        word
    }
}
