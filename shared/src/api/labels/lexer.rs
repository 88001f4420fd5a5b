//! The words of a label selector.

/// A word of a selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Error,
    End,
    Identifier,
    OpenParen,
    CloseParen,
    Comma,
    Not,
    In,
    NotIn,
    Equals,
    DoubleEquals,
    NotEquals,
    GreaterThan,
    LessThan,
}

/// A word with its text.
pub(super) type Word = (Token, String);

/// All words, the last of which is [`Token::End`].
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let (word, after) = if rest.starts_with(is_special) { symbol(rest) } else { identifier(rest) };
        words.push(word);
        rest = after.trim_start_matches(is_space);
    }
    words.push((Token::End, String::new()));
    words
}

fn identifier(text: &str) -> (Word, &str) {
    let end = text.find(|c| is_special(c) || is_space(c)).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    ((keyword(word).unwrap_or(Token::Identifier), word.to_owned()), rest)
}

/// The longest symbol that the text begins with.
fn symbol(text: &str) -> (Word, &str) {
    let end = text.find(|c| !is_special(c)).unwrap_or(text.len());
    let longest = (1..=end.min(2)).rev().find_map(|length| Some((keyword(&text[..length])?, length)));
    match longest {
        Some((token, length)) => ((token, text[..length].to_owned()), &text[length..]),
        None => {
            let message = format!("error expected: keyword found '{}'", &text[..end]);
            ((Token::Error, message), &text[end..])
        }
    }
}

fn keyword(word: &str) -> Option<Token> {
    Some(match word {
        ")" => Token::CloseParen,
        "," => Token::Comma,
        "!" => Token::Not,
        "==" => Token::DoubleEquals,
        "=" => Token::Equals,
        ">" => Token::GreaterThan,
        "in" => Token::In,
        "<" => Token::LessThan,
        "!=" => Token::NotEquals,
        "notin" => Token::NotIn,
        "(" => Token::OpenParen,
        _ => return None,
    })
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_special(c: char) -> bool {
    matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}
