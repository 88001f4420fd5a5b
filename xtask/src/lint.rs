//! House rules that no other tool checks. Each names the file and what to do.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::stamp::files;
use crate::workspace;

/// The folders with sources.
const SOURCES: [&str; 5] = ["shared", "backend", "frontend/src", "tests", "xtask"];
/// Files longer than this are two files.
const LONGEST_FILE_LINES: usize = 600;

/// What has no place in `shared`, and why.
const BANNED_IN_SHARED: [(&str, &str); 15] = [
    ("HashMap", "its order is not fixed: use BTreeMap or IndexMap"),
    ("HashSet", "its order is not fixed: use BTreeSet or IndexSet"),
    ("std::fs", "shared does no I/O"),
    ("TcpStream", "shared does no I/O"),
    ("TcpListener", "shared does no I/O"),
    ("UdpSocket", "shared does no I/O"),
    ("SystemTime", "shared reads no clock: pass `now`"),
    ("Instant::now", "shared reads no clock: pass `now`"),
    ("Timestamp::now", "shared reads no clock: pass `now`"),
    ("Zoned::now", "shared reads no clock: pass `now`"),
    ("getrandom", "shared draws no random numbers: ask `given::Entropy`"),
    ("std::env", "shared does no I/O"),
    ("std::process", "shared starts nothing"),
    ("std::thread", "shared starts nothing"),
    ("spawn(", "shared starts nothing"),
];

/// Checks all sources.
///
/// # Errors
/// All that is wrong, a line each.
pub(crate) fn check() -> Result<()> {
    let mut wrong = Vec::new();
    for folder in SOURCES {
        for file in files(&workspace::root().join(folder))? {
            if file.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&file)?;
                let path = file.strip_prefix(workspace::root())?;
                wrong.extend(
                    problems(path, &text).into_iter().map(|problem| format!("{}: {problem}", path.display())),
                );
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n")) }
}

/// What is wrong with one file.
fn problems(path: &Path, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST_FILE_LINES {
        problems.push(format!("{lines} lines are too many for one file (at most {LONGEST_FILE_LINES})"));
    }
    if !is_test(path) && !text.trim_start().starts_with("//!") {
        problems.push("it begins without `//!`: say what the file is".to_owned());
    }
    if path.starts_with("shared/src") && !is_test(path) {
        let code = code_without_tests(text);
        let banned = BANNED_IN_SHARED.iter().filter(|(word, _)| code.contains(word));
        problems.extend(banned.map(|(word, reason)| format!("{word}: {reason}")));
    }
    problems
}

fn is_test(path: &Path) -> bool {
    let names = path.iter().map(|part| part.to_string_lossy());
    names.into_iter().any(|name| matches!(name.as_ref(), "tests" | "tests.rs" | "benches"))
}

/// The code without comments, up to the module of tests at its end.
fn code_without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_should_keep_the_house_rules() {
        check().unwrap();
    }

    #[test]
    fn what_breaks_a_rule_should_be_named() {
        let long = format!("//! Long.\n{}", "\n".repeat(LONGEST_FILE_LINES));
        let cases = [
            ("shared/src/a.rs", "//! A.\nuse std::collections::HashMap;\n", 1),
            ("shared/src/a.rs", "//! A.\n// HashMap is not used.\n", 0),
            ("shared/src/a.rs", "//! A.\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n", 0),
            ("backend/src/a.rs", "//! A.\nuse std::fs;\n", 0),
            ("backend/src/a.rs", "use std::fs;\n", 1),
            ("backend/src/a/tests.rs", "use super::*;\n", 0),
            ("backend/src/a.rs", long.as_str(), 1),
        ];
        for (path, text, expected) in cases {
            let found = problems(Path::new(path), text);
            assert_eq!(found.len(), expected, "{path}: {found:?}");
        }
    }
}
