use serde_json::{Value, json};

use super::*;

mod errors;
mod places;
mod values;
mod writing;

/// The only document's value.
#[track_caller]
fn value_of(text: &str) -> Value {
    let mut documents = parse(text).unwrap_or_else(|errors| panic!("{text:?}: {errors:?}"));
    assert_eq!(documents.len(), 1, "{text:?}");
    documents.remove(0).value
}

/// Each text's value.
#[track_caller]
fn check_values(table: &[(&str, Value)]) {
    for (text, expected) in table {
        assert_eq!(value_of(text), *expected, "{text:?}");
    }
}
