//! All that is wrong with an object, in the order it was found.
//!
//! Follows apimachinery `pkg/util/validation/field/errors.go` (`ErrorList`), `pkg/util/errors/errors.go`
//! (the text of several errors) and `pkg/api/errors/errors.go` (`NewInvalid`'s causes).

use std::collections::BTreeSet;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::StatusCause;
use serde_json::Value;

use super::field::{Error, Path};

/// Field errors in the order they were found; displayed, they are one text as in `Pod "web" is invalid: …`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorList(Vec<Error>);

impl ErrorList {
    /// A list without errors.
    pub fn new() -> ErrorList {
        ErrorList::default()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many errors there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The errors in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Error> {
        self.0.iter()
    }

    /// Adds an error.
    pub fn push(&mut self, error: Error) {
        self.0.push(error);
    }

    /// Adds the errors of another list.
    pub fn extend(&mut self, other: ErrorList) {
        self.0.extend(other.0);
    }

    /// The causes for `Status.details.causes`, one an error.
    pub fn to_causes(&self) -> Vec<StatusCause> {
        self.0.iter().map(cause).collect()
    }

    /// Adds [`Error::required`].
    pub fn required(&mut self, path: &Path, detail: &str) {
        self.push(Error::required(path, detail));
    }

    /// Adds [`Error::invalid`].
    pub fn invalid(&mut self, path: &Path, value: impl Into<Value>, detail: impl Into<String>) {
        self.push(Error::invalid(path, value, detail));
    }

    /// Adds an [`Error::invalid`] for every message.
    pub fn invalid_each(&mut self, path: &Path, value: impl Into<Value>, messages: Vec<String>) {
        let value = value.into();
        self.0.extend(messages.into_iter().map(|message| Error::invalid(path, value.clone(), message)));
    }

    /// Adds [`Error::not_supported`].
    pub fn not_supported(&mut self, path: &Path, value: impl Into<Value>, supported: &[&str]) {
        self.push(Error::not_supported(path, value, supported));
    }

    /// Adds [`Error::forbidden`].
    pub fn forbidden(&mut self, path: &Path, detail: impl Into<String>) {
        self.push(Error::forbidden(path, detail));
    }

    /// Adds [`Error::duplicate`].
    pub fn duplicate(&mut self, path: &Path, value: impl Into<Value>) {
        self.push(Error::duplicate(path, value));
    }

    /// Adds [`Error::not_found`].
    pub fn not_found(&mut self, path: &Path, value: impl Into<Value>) {
        self.push(Error::not_found(path, value));
    }

    /// Adds [`Error::immutable`] if the values differ.
    pub fn immutable<V: PartialEq + Into<Value>>(&mut self, path: &Path, new: V, old: V) {
        if new != old {
            self.push(Error::immutable(path, new));
        }
    }

    /// Requires a value out of `supported`: missing text is [`Error::required`], other text not supported.
    pub fn one_of(&mut self, path: &Path, value: &str, supported: &[&str]) {
        if value.is_empty() {
            self.required(path, "");
        } else if !supported.contains(&value) {
            self.not_supported(path, value, supported);
        }
    }
}

fn cause(error: &Error) -> StatusCause {
    StatusCause {
        field: Some(error.field.clone()),
        message: Some(error.body()),
        reason: Some(error.kind.reason().to_owned()),
    }
}

impl fmt::Display for ErrorList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seen = BTreeSet::new();
        let mut texts: Vec<String> = self.0.iter().map(Error::to_string).collect();
        texts.retain(|text| seen.insert(text.clone()));
        match texts.as_slice() {
            [only] => f.write_str(only),
            several => write!(f, "[{}]", several.join(", ")),
        }
    }
}

impl IntoIterator for ErrorList {
    type Item = Error;
    type IntoIter = std::vec::IntoIter<Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a ErrorList {
    type Item = &'a Error;
    type IntoIter = std::slice::Iter<'a, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Error> for ErrorList {
    fn from(error: Error) -> ErrorList {
        ErrorList(vec![error])
    }
}

impl FromIterator<Error> for ErrorList {
    fn from_iter<I: IntoIterator<Item = Error>>(errors: I) -> ErrorList {
        ErrorList(errors.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_should_name_each_error_once_and_bracket_several() {
        let (a, b) = (Path::root("a"), Path::root("b"));
        let mut errors = ErrorList::from(Error::required(&a, ""));
        assert_eq!(errors.to_string(), "a: Required value");
        errors.required(&a, "");
        assert_eq!(errors.to_string(), "a: Required value");
        errors.forbidden(&b, "no");
        assert_eq!(errors.to_string(), "[a: Required value, b: Forbidden: no]");
    }

    #[test]
    fn causes_should_carry_reason_message_and_field() {
        let cause = &ErrorList::from(Error::invalid(&Path::root("a"), "x", "no")).to_causes()[0];
        assert_eq!(cause.reason.as_deref(), Some("FieldValueInvalid"));
        assert_eq!(cause.message.as_deref(), Some("Invalid value: \"x\": no"));
        assert_eq!(cause.field.as_deref(), Some("a"));
    }
}
