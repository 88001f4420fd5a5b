//! A command line as a user types it, cut into words.

/// Cuts a line into words at blanks; single quotes keep a word together and are not part of it.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            blank if blank.is_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quotes_should_keep_a_word_together() {
        let table: [(&str, &[&str]); 4] = [
            ("get pods", &["get", "pods"]),
            (
                "run p -- sh -c 'echo $((6*7)); exit 3'",
                &["run", "p", "--", "sh", "-c", "echo $((6*7)); exit 3"],
            ),
            ("-o jsonpath='{.items[0]}'", &["-o", "jsonpath={.items[0]}"]),
            ("  label pod p a='' ", &["label", "pod", "p", "a="]),
        ];
        for (line, expected) in table {
            assert_eq!(words(line), expected, "{line}");
        }
    }
}
