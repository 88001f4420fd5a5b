//! The text in the editor: its documents, and what is wrong with them before anything is sent.

use serde_json::Value;
use shared::yaml::{self, Document, Position, Span, YamlError};

use super::object::text;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The server would refuse.
    Error,
    /// The server would take it, and it is probably not what was meant.
    Warning,
}

/// Something wrong in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The message, as kubectl or the API server words it.
    pub message: String,
    /// Line and column where it begins, from 1.
    pub from: (usize, usize),
    /// Line and column behind its end.
    pub to: (usize, usize),
}

impl Problem {
    fn over(severity: Severity, message: impl Into<String>, span: Span) -> Problem {
        Problem { severity, message: message.into(), from: place(span.start), to: place(span.end) }
    }
}

/// What the text says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// The documents, none where the text is not YAML.
    pub documents: Vec<Document>,
    /// What is wrong, in the order of the text.
    pub problems: Vec<Problem>,
}

impl Draft {
    /// Reads a text.
    pub fn read(text: &str) -> Draft {
        let documents = match yaml::parse(text) {
            Ok(documents) => documents,
            Err(errors) => {
                return Draft { documents: vec![], problems: errors.iter().map(unreadable).collect() };
            }
        };
        let mut problems: Vec<_> = documents.iter().flat_map(judge).collect();
        problems.sort_by_key(|problem| problem.from);
        Draft { documents, problems }
    }

    /// Whether the server would refuse.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether there is something to send.
    pub fn is_ready(&self) -> bool {
        !self.documents.is_empty() && !self.has_errors()
    }

    /// The values of the documents.
    pub fn values(&self) -> Vec<Value> {
        self.documents.iter().map(|document| document.value.clone()).collect()
    }

    /// The first Pod of the text.
    pub fn pod(&self) -> Option<&Value> {
        let is_pod = |value: &&Value| text(value, "/kind") == "Pod" && text(value, "/apiVersion") == "v1";
        self.documents.iter().map(|document| &document.value).find(is_pod)
    }
}

fn unreadable(error: &YamlError) -> Problem {
    let from = (error.line, error.column);
    Problem {
        severity: Severity::Error,
        message: error.message.clone(),
        from,
        to: (error.line, error.column + 1),
    }
}

fn place(position: Position) -> (usize, usize) {
    (position.line, position.column)
}

fn judge(document: &Document) -> Vec<Problem> {
    let mut problems: Vec<_> = document.duplicates.iter().map(duplicate).collect();
    problems.extend(headless(document));
    problems
}

fn duplicate(duplicate: &yaml::Duplicate) -> Problem {
    let (line, column) = place(duplicate.position);
    Problem {
        severity: Severity::Error,
        message: format!("duplicate field \"{}\"", duplicate.path),
        from: (line, column),
        to: (line, column + duplicate.key.chars().count()),
    }
}

/// A document that does not say what it is, in the words of upstream's decoder.
fn headless(document: &Document) -> Vec<Problem> {
    let whole = document.spans.locate("");
    let missing = |field: &str, message: &str| {
        text(&document.value, field)
            .is_empty()
            .then(|| Problem::over(Severity::Error, message, head(whole.value)))
    };
    [missing("/kind", "Object 'Kind' is missing"), missing("/apiVersion", "Object 'apiVersion' is missing")]
        .into_iter()
        .flatten()
        .collect()
}

/// The first character of a long stretch, so that not the whole text is marked.
fn head(span: Span) -> Span {
    let mut end = span.start;
    end.column += 1;
    Span { start: span.start, end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_text_should_be_marked_at_its_line() {
        let draft = Draft::read("apiVersion: v1\nkind: Pod\nmetadata:\n  name: [web\n");
        assert!(!draft.is_ready());
        assert!(draft.problems[0].from.0 >= 4, "{:?}", draft.problems);
    }

    #[test]
    fn a_key_that_stands_twice_should_be_marked_where_it_stands_again() {
        let draft = Draft::read("apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  name: b\n");
        assert_eq!(draft.problems.len(), 1);
        assert_eq!(draft.problems[0].message, "duplicate field \"metadata.name\"");
        assert_eq!((draft.problems[0].from, draft.problems[0].to), ((5, 3), (5, 7)));
    }

    #[test]
    fn a_document_that_does_not_say_what_it_is_should_be_refused() {
        let draft = Draft::read("metadata:\n  name: a\n");
        let messages: Vec<_> = draft.problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(messages, ["Object 'Kind' is missing", "Object 'apiVersion' is missing"]);
    }

    #[test]
    fn every_example_should_be_free_of_problems() {
        for example in crate::state::examples::ALL {
            let draft = Draft::read(example.text);
            assert_eq!(draft.problems, [], "{}", example.slug);
            assert!(draft.is_ready());
        }
    }
}
