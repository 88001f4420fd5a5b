//! `Warning` headers: `pkg/endpoints/filters/warning.go` of kubernetes/apiserver, and `NewWarningHeader`
//! in `pkg/util/net/http.go` of kubernetes/apimachinery.

use axum::http::{HeaderMap, HeaderValue, header};

/// How many characters all warnings of an answer may have before each is cut.
const TOTAL_LIMIT: usize = 4 * 1024;
/// How many characters are then left of each.
const ITEM_LIMIT: usize = 256;

/// Adds a header for each sentence, once; those with control characters cannot be said.
pub(super) fn add(headers: &mut HeaderMap, warnings: &[String]) {
    let mut texts: Vec<&str> = Vec::new();
    for text in warnings {
        if !text.is_empty() && !text.contains(char::is_control) && !texts.contains(&text.as_str()) {
            texts.push(text);
        }
    }
    let total: usize = texts.iter().map(|text| text.chars().count()).sum();
    let limit = if total > TOTAL_LIMIT { ITEM_LIMIT } else { TOTAL_LIMIT };
    let mut written = 0;
    for text in texts {
        if written >= TOTAL_LIMIT {
            return;
        }
        let text: String = text.chars().take(limit).collect();
        written += text.chars().count();
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()) {
            headers.append(header::WARNING, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(warnings: &[String]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        add(&mut headers, warnings);
        let values = headers.get_all(header::WARNING).into_iter();
        values.map(|value| String::from_utf8(value.as_bytes().to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_warning_should_be_said_once_in_any_language() {
        let warnings = ["unknown field \"größe\"", "a\\b", "", "a\\b", "two\nlines"].map(str::to_owned);
        assert_eq!(added(&warnings), ["299 - \"unknown field \\\"größe\\\"\"", "299 - \"a\\\\b\""]);
    }

    #[test]
    fn many_warnings_should_each_be_cut() {
        let long = |letter: &str| letter.repeat(1000);
        let few = ["ä", "b", "c", "d"].map(long);
        assert_eq!(added(&few).iter().map(|value| value.chars().count()).collect::<Vec<_>>(), [1008; 4]);
        let many: Vec<String> = ('а'..='я').map(|letter| long(&letter.to_string())).collect();
        assert_eq!(added(&many).iter().map(|value| value.chars().count()).collect::<Vec<_>>(), [264; 16]);
    }
}
