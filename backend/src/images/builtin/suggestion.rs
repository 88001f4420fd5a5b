//! What a beginner reads when an image is not found.

use super::CATALOG;
use crate::images::Reference;

/// Databases that books use, and that no program of this cluster stands in for.
const DATABASES: &[&str] = &[
    "cassandra",
    "elasticsearch",
    "mariadb",
    "mongo",
    "mongodb",
    "mysql",
    "mysql-server",
    "postgres",
    "postgresql",
];

/// What to try instead of an image that cannot be had.
#[must_use]
pub fn advice(reference: &Reference) -> String {
    let names: Vec<&str> = CATALOG.iter().map(|image| image.name).collect();
    let last = reference.repository.rsplit('/').next().unwrap_or_default();
    let meant = names.iter().find(|name| distance(name, last) <= 2);
    match meant {
        _ if reference.digest.is_some() => {
            "a digest names one exact image, and the built-in one is another: name it without the digest"
                .to_owned()
        }
        None if DATABASES.contains(&last) => format!(
            "{last} is not built in: it is a Linux program, and containers of this cluster are WebAssembly programs. \
             The database that is built in is redis"
        ),
        Some(name) => format!("did you mean \"{name}\"?"),
        None => format!(
            "containers of this cluster are WebAssembly programs; built in are {}, and Linux images cannot run here",
            names.join(", ")
        ),
    }
}

/// How many letters must be put in, left out, exchanged or swapped with their neighbour to make one of the other.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=right.len()).collect()];
    for row in 1..=left.len() {
        let mut current = vec![row];
        for column in 1..=right.len() {
            let above = &rows[row - 1];
            let exchanged = above[column - 1] + usize::from(left[row - 1] != right[column - 1]);
            let mut best = exchanged.min(above[column] + 1).min(current[column - 1] + 1);
            let is_swap = row > 1
                && column > 1
                && left[row - 1] == right[column - 2]
                && left[row - 2] == right[column - 1];
            if is_swap {
                best = best.min(rows[row - 2][column - 2] + 1);
            }
            current.push(best);
        }
        rows.push(current);
    }
    rows[left.len()][right.len()]
}
