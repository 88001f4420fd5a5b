//! Files of variables, from which `fileKeyRef` takes a value (KEP-3721 of kubernetes/enhancements, "Support for env
//! files").
//!
//! The format is a small part of a shell's: a line `NAME='value'`, whose value stands as it is between single quotes
//! and may go over several lines; lines that are empty or begin with `#`. Nothing is expanded, nothing escaped, and
//! there is no space around the `=`. As in a shell, a name that is set twice has its last value.

/// The longest file that is read, in bytes.
pub const LONGEST: u64 = 64 << 10;

/// Why a text is no file of variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The value of a variable; `None` where the file does not set it.
///
/// # Errors
/// When the text has another form, wherever in it.
pub fn value_of(text: &str, name: &str) -> Result<Option<String>, Malformed> {
    let (mut found, mut rest, mut line) = (None, text, 1);
    while !rest.is_empty() {
        let malformed = |why| Err(Malformed { line, why });
        let (current, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = current.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            (rest, line) = (after, line + 1);
            continue;
        }
        let Some((key, value)) = rest.trim_start().split_once('=').filter(|(key, _)| is_name(key)) else {
            return malformed("a line must be NAME='value'");
        };
        let Some(quoted) = value.strip_prefix('\'') else {
            return malformed("a value must stand in single quotes");
        };
        let Some((value, after)) = quoted.split_once('\'') else {
            return malformed("the closing quote is missing");
        };
        let (beside, after) = after.split_once('\n').unwrap_or((after, ""));
        if !beside.trim().is_empty() {
            return malformed("something follows the closing quote");
        }
        if key == name {
            found = Some(value.to_owned());
        }
        (rest, line) = (after, line + 1 + value.matches('\n').count());
    }
    Ok(found)
}

/// Printable characters of ASCII without the `=`, which ends a name.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_should_stand_as_it_is_between_single_quotes() {
        let file = "# settings\n\n  MODE='fast'\nURL='http://$HOST/?a=b \"c\" \\n'  \nTEXT='one\ntwo # no comment\n'\n\
                    EMPTY=''\nMODE='slow'\nLAST='1'";
        let cases = [
            ("MODE", Some("slow")),
            ("URL", Some("http://$HOST/?a=b \"c\" \\n")),
            ("TEXT", Some("one\ntwo # no comment\n")),
            ("EMPTY", Some("")),
            ("LAST", Some("1")),
            ("HOST", None),
            ("", None),
        ];
        for (name, expected) in cases {
            assert_eq!(value_of(file, name).unwrap().as_deref(), expected, "{name}");
        }
        assert_eq!(value_of("", "A"), Ok(None));
    }

    #[test]
    fn another_form_should_be_refused_with_its_line() {
        let cases = [
            ("A='1'\nB", 2, "a line must be NAME='value'"),
            ("A = '1'", 1, "a line must be NAME='value'"),
            ("='1'", 1, "a line must be NAME='value'"),
            ("A='1'\n\nB=2\n", 3, "a value must stand in single quotes"),
            ("A=\"1\"", 1, "a value must stand in single quotes"),
            ("A='1\n2'\nB='3", 3, "the closing quote is missing"),
            ("A='1''2'", 1, "something follows the closing quote"),
            ("A='1\nB='2'\n", 1, "something follows the closing quote"),
            ("A='1' # one", 1, "something follows the closing quote"),
        ];
        for (text, line, why) in cases {
            assert_eq!(value_of(text, "A"), Err(Malformed { line, why }), "{text:?}");
        }
    }
}
