//! Patterns of `KEYS`, `SCAN` and `PSUBSCRIBE`: `*`, `?`, `[a-c]`, `[^a]` and `\`, as in Redis' `util.c`.

/// Whether the text matches the whole pattern.
#[must_use]
pub(crate) fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // Where to go on when the star before takes one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match pattern.split_first() {
            None if text.is_empty() => return true,
            None => None,
            Some((b'*', after)) => {
                retry = Some((after, text));
                pattern = after;
                continue;
            }
            Some(_) => one(pattern, text),
        };
        (pattern, text) = match (step, retry) {
            (Some(rest), _) => rest,
            (None, Some((after, [_, longer @ ..]))) => {
                retry = Some((after, longer));
                (after, longer)
            }
            (None, _) => return false,
        };
    }
}

/// Matches one byte, and returns what is left of both.
fn one<'a, 'b>(pattern: &'a [u8], text: &'b [u8]) -> Option<(&'a [u8], &'b [u8])> {
    let (&byte, rest) = text.split_first()?;
    let after = match pattern {
        [b'?', after @ ..] => after,
        [b'[', class @ ..] => class_after(class, byte)?,
        [b'\\', escaped, after @ ..] if *escaped == byte => after,
        [b'\\', _, ..] => return None,
        [letter, after @ ..] if *letter == byte => after,
        _ => return None,
    };
    Some((after, rest))
}

/// What follows a class if the byte is in it. A class that is not closed ends with the pattern.
fn class_after(class: &[u8], byte: u8) -> Option<&[u8]> {
    let (is_negated, mut class) = match class {
        [b'^', rest @ ..] => (true, rest),
        _ => (false, class),
    };
    let mut found = false;
    loop {
        class = match class {
            [] => return (found != is_negated).then_some(class),
            [b']', after @ ..] => return (found != is_negated).then_some(after),
            [b'\\', letter, after @ ..] => {
                found |= *letter == byte;
                after
            }
            [from, b'-', to, after @ ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                after
            }
            [letter, after @ ..] => {
                found |= *letter == byte;
                after
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_should_match_as_in_redis() {
        let cases = [
            ("*", "", true),
            ("*", "abc", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[a-b]llo", "hcllo", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("user:*", "user:1", true),
            ("user:*", "users", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
