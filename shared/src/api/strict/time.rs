//! Times as Go's `time.Parse` reads them.

/// The layout of RFC 3339 in Go's notation, piece by piece.
const PIECES: [&str; 11] = ["2006", "-", "01", "-", "02", "T", "15", ":", "04", ":", "05"];

/// What Go says of a text that is no time of the layout; `None` where it is one.
pub(super) fn error(text: &str, layout: &str) -> Option<String> {
    let mut rest = text;
    for piece in PIECES {
        match strip(rest, piece) {
            Some(after) => rest = after,
            None => return Some(unparsable(text, layout, rest, piece)),
        }
    }
    let zone = rest.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let (sign, digits) = zone.split_at_checked(1).unwrap_or((zone, ""));
    let offset = digits.split_once(':').is_some_and(|(hours, minutes)| is_pair(hours) && is_pair(minutes));
    if !(zone == "Z" || matches!(sign, "+" | "-") && offset) {
        return Some(match zone.strip_prefix('Z') {
            Some(extra) => format!("parsing time {text:?}: extra text: {extra:?}"),
            None => unparsable(text, layout, zone, "Z07:00"),
        });
    }
    out_of_range(text).map(|what| format!("parsing time {text:?}: {what} out of range"))
}

fn unparsable(text: &str, layout: &str, rest: &str, piece: &str) -> String {
    format!("parsing time {text:?} as {layout:?}: cannot parse {rest:?} as {piece:?}")
}

fn strip<'a>(text: &'a str, piece: &str) -> Option<&'a str> {
    if !piece.starts_with(|c: char| c.is_ascii_digit()) {
        return text.strip_prefix(piece);
    }
    let (head, rest) = text.split_at_checked(piece.len())?;
    head.bytes().all(|byte| byte.is_ascii_digit()).then_some(rest)
}

fn is_pair(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn out_of_range(text: &str) -> Option<&'static str> {
    let number = |at: usize| text.get(at..at + 2).and_then(|pair| pair.parse::<i8>().ok()).unwrap_or(0);
    let year = text.get(..4).and_then(|year| year.parse::<i16>().ok()).unwrap_or(0);
    if !(1..=12).contains(&number(5)) {
        return Some("month");
    }
    if jiff::civil::Date::new(year, number(5), number(8)).is_err() {
        return Some("day");
    }
    [(11, 23, "hour"), (14, 59, "minute"), (17, 59, "second")]
        .into_iter()
        .find(|&(at, max, _)| number(at) > max)
        .map(|(_, _, what)| what)
}
