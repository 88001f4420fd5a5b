//! From words to arguments: parameters, substitutions, field splitting and file names.

use std::cell::RefCell;
use std::rc::Rc;

use super::arithmetic;
use super::pattern::{self, Letter};
use super::syntax::{List, Operation, Parameter, Part, Word};
use super::{Shell, Stop};
use crate::reactor::Task;
use crate::stream::Stream;

/// Fields under construction.
#[derive(Default)]
struct Fields {
    done: Vec<Vec<Letter>>,
    current: Option<Vec<Letter>>,
    /// White space ended the last field: a separator behind it belongs to the same gap.
    in_gap: bool,
}

impl Fields {
    fn push(&mut self, text: &str, quoted: bool) {
        self.in_gap = false;
        self.current.get_or_insert_default().extend(text.chars().map(|letter| (letter, quoted)));
    }

    fn end_field(&mut self) {
        self.done.extend(self.current.take());
    }

    /// Adds the value of an unquoted expansion, which the separators split.
    fn push_split(&mut self, text: &str, separators: &str) {
        for letter in text.chars() {
            match separators.contains(letter) {
                false => {
                    self.in_gap = false;
                    self.current.get_or_insert_default().push((letter, false));
                }
                true if letter.is_whitespace() => {
                    self.in_gap |= self.current.is_some();
                    self.end_field();
                }
                true if self.in_gap => self.in_gap = false,
                true => {
                    self.current.get_or_insert_default();
                    self.end_field();
                }
            }
        }
    }

    fn finish(mut self) -> Vec<Vec<Letter>> {
        self.end_field();
        self.done
    }
}

fn text_of(letters: &[Letter]) -> String {
    letters.iter().map(|(letter, _)| *letter).collect()
}

impl Shell {
    /// The arguments that words become.
    pub(super) async fn expand_words(&mut self, words: &[Word]) -> Result<Vec<String>, Stop> {
        let mut arguments = Vec::new();
        for word in words {
            for field in self.fields(word).await? {
                let files = match pattern::is_pattern(&field) && !self.options.contains('f') {
                    true => pattern::files(&field, &self.directory),
                    false => Vec::new(),
                };
                if files.is_empty() { arguments.push(text_of(&field)) } else { arguments.extend(files) }
            }
        }
        Ok(arguments)
    }

    /// The one text that a word becomes where nothing is split: assignments, redirections, `case`.
    pub(super) async fn expand_text(&mut self, word: &Word) -> Result<String, Stop> {
        Ok(text_of(&self.expand_letters(word).await?))
    }

    /// As [`Self::expand_text`], with what was quoted, for patterns.
    pub(super) async fn expand_letters(&mut self, word: &Word) -> Result<Vec<Letter>, Stop> {
        let splits = std::mem::replace(&mut self.splits, false);
        let fields = self.fields(word).await;
        self.splits = splits;
        let fields = fields?;
        Ok(fields.join(&(' ', true)))
    }

    fn fields<'a>(&'a mut self, word: &'a Word) -> Task<'a, Result<Vec<Vec<Letter>>, Stop>> {
        Box::pin(async move {
            let mut fields = Fields::default();
            for part in &word.0 {
                self.expand_part(part, &mut fields).await?;
            }
            Ok(fields.finish())
        })
    }

    async fn expand_part(&mut self, part: &Part, fields: &mut Fields) -> Result<(), Stop> {
        match part {
            Part::Literal(text) => fields.push(text, false),
            Part::Quoted(text) => fields.push(text, true),
            Part::Home => fields.push(&self.variable("HOME").unwrap_or_else(|| "/root".to_owned()), true),
            Part::Parameter { parameter, quoted } => {
                self.expand_parameter(parameter, *quoted, fields).await?
            }
            Part::Substitution { list, quoted } => {
                let text = self.substitute(list).await?;
                self.add(fields, text.trim_end_matches('\n'), *quoted);
            }
            Part::Arithmetic { expression, quoted } => {
                let value = self.compute(expression).await?;
                self.add(fields, &value.to_string(), *quoted);
            }
        }
        Ok(())
    }

    fn add(&self, fields: &mut Fields, text: &str, quoted: bool) {
        match (quoted, self.splits) {
            (false, true) => fields.push_split(text, &self.field_separators()),
            (false, false) if text.is_empty() => {}
            (_, _) => fields.push(text, quoted),
        }
    }

    pub(super) fn field_separators(&self) -> String {
        self.variable("IFS").unwrap_or_else(|| " \t\n".to_owned())
    }

    async fn substitute(&mut self, list: &List) -> Result<String, Stop> {
        let output = Rc::new(RefCell::new(Vec::new()));
        let mut subshell = self.clone();
        subshell.splits = true;
        subshell.streams.set(1, Stream::Memory(Rc::clone(&output)));
        self.last_status = subshell.run_subshell(list).await;
        self.substitution_status = Some(self.last_status);
        Ok(String::from_utf8_lossy(&output.take()).into_owned())
    }

    async fn compute(&mut self, expression: &Word) -> Result<i64, Stop> {
        let text = self.expand_text(expression).await?;
        match arithmetic::evaluate(&text, self) {
            Ok(value) => Ok(value),
            Err(message) => Err(self.fail(&message).await),
        }
    }

    async fn expand_parameter(
        &mut self,
        parameter: &Parameter,
        quoted: bool,
        fields: &mut Fields,
    ) -> Result<(), Stop> {
        let value = self.parameter(&parameter.name);
        match &parameter.operation {
            Operation::Value if matches!(parameter.name.as_str(), "@" | "*") => {
                self.expand_positional(&parameter.name, quoted, fields);
            }
            Operation::Value => {
                if value.is_none() && self.options.contains('u') {
                    return Err(self.fail(&format!("{}: parameter not set", parameter.name)).await);
                }
                self.add(fields, &value.unwrap_or_default(), quoted);
            }
            Operation::Length => {
                let length = match parameter.name.as_str() {
                    "@" | "*" => self.positional.len(),
                    _ => value.unwrap_or_default().chars().count(),
                };
                self.add(fields, &length.to_string(), quoted);
            }
            Operation::Alternative { sign, or_empty, word } => {
                let value = value.filter(|value| !(*or_empty && value.is_empty()));
                self.expand_alternative(&parameter.name, value, (*sign, word), quoted, fields).await?;
            }
            Operation::Trim { from_end, longest, pattern } => {
                let pattern = self.expand_letters(pattern).await?;
                let text = pattern::trim(&value.unwrap_or_default(), &pattern, *from_end, *longest);
                self.add(fields, &text, quoted);
            }
            Operation::Replace { all, pattern, replacement } => {
                let pattern = self.expand_letters(pattern).await?;
                let replacement = self.expand_text(replacement).await?;
                self.add(
                    fields,
                    &pattern::replace(&value.unwrap_or_default(), &pattern, &replacement, *all),
                    quoted,
                );
            }
            Operation::Slice { offset, length } => {
                let text = self.slice(&value.unwrap_or_default(), offset, length.as_ref()).await?;
                self.add(fields, &text, quoted);
            }
        }
        Ok(())
    }

    /// `"$@"` keeps the arguments apart, `"$*"` joins them.
    fn expand_positional(&self, name: &str, quoted: bool, fields: &mut Fields) {
        if quoted && name == "*" {
            let separator = self.field_separators().chars().next().map(String::from).unwrap_or_default();
            return fields.push(&self.positional.join(&separator), true);
        }
        // Beside `"$@"` the quotes left an empty text, which is no argument of its own.
        if self.positional.is_empty() && fields.current.as_ref().is_some_and(Vec::is_empty) {
            fields.current = None;
        }
        for (index, argument) in self.positional.iter().enumerate() {
            if index > 0 {
                fields.end_field();
            }
            self.add(fields, argument, quoted);
        }
    }

    async fn expand_alternative(
        &mut self,
        name: &str,
        value: Option<String>,
        (sign, word): (char, &Word),
        quoted: bool,
        fields: &mut Fields,
    ) -> Result<(), Stop> {
        match (sign, value) {
            ('+', None) => {}
            ('-' | '=' | '?', Some(_)) if matches!(name, "@" | "*") => {
                self.expand_positional(name, quoted, fields);
            }
            ('-' | '=' | '?', Some(value)) => self.add(fields, &value, quoted),
            ('=', None) => {
                let text = self.expand_text(word).await?;
                self.set_variable(name, text.clone());
                self.add(fields, &text, quoted);
            }
            ('?', None) => {
                let text = self.expand_text(word).await?;
                let reason = if text.is_empty() { "parameter not set" } else { text.as_str() };
                return Err(self.fail(&format!("{name}: {reason}")).await);
            }
            (_, _) => self.expand_within(word, fields).await?,
        }
        Ok(())
    }

    /// A word that stands for an expansion: what is not quoted in it is split.
    async fn expand_within(&mut self, word: &Word, fields: &mut Fields) -> Result<(), Stop> {
        for part in &word.0 {
            match part {
                Part::Literal(text) => self.add(fields, text, false),
                _ => Box::pin(self.expand_part(part, fields)).await?,
            }
        }
        Ok(())
    }

    async fn slice(&mut self, text: &str, offset: &Word, length: Option<&Word>) -> Result<String, Stop> {
        let letters: Vec<char> = text.chars().collect();
        let count = i64::try_from(letters.len()).unwrap_or(i64::MAX);
        let within = |position: i64| usize::try_from(position.clamp(0, count)).unwrap_or_default();
        let offset = self.compute(offset).await?;
        let start = if offset < 0 { count + offset } else { offset };
        let end = match length {
            None => count,
            Some(length) => match self.compute(length).await? {
                length if length < 0 => count + length,
                length => start.saturating_add(length),
            },
        };
        Ok(letters[within(start)..within(end).max(within(start))].iter().collect())
    }
}
