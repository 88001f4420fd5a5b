//! What this cluster supports, as the tables of the README: made of the same tables that the code works
//! by, so that they cannot say anything else.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use indexmap::IndexMap;

use crate::api::scheme::{KINDS, Kind, Subresource, Verb};
use crate::apiserver::admission;
use crate::controllers;
use crate::scheduler::plugins::PLUGINS;
use crate::validation::unsupported::{UNSUPPORTED, Unsupported};

/// What stands before the tables in the README.
pub const BEGIN: &str = "<!-- support: made from the code, see shared/src/support.rs -->\n";
/// What stands after them.
pub const END: &str = "<!-- /support -->";

/// The tables as Markdown, with an empty line before and after.
pub fn tables() -> String {
    let mut text = String::from("\n");
    for part in [kinds(), admission_plugins(), scheduler_plugins(), controllers(), fields()] {
        text.push_str(&part);
        text.push('\n');
    }
    text
}

fn row(text: &mut String, cells: &[String]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn table(columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = String::new();
    row(&mut text, &columns.iter().map(ToString::to_string).collect::<Vec<_>>());
    row(&mut text, &vec!["---".to_owned(); columns.len()]);
    rows.into_iter().for_each(|cells| row(&mut text, &cells));
    text
}

fn code(words: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{}`", word.as_ref())).collect();
    words.join(", ")
}

/// Every verb that some kind has.
fn all_verbs() -> BTreeSet<Verb> {
    KINDS.iter().flat_map(|kind| kind.verbs).copied().collect()
}

fn kinds() -> String {
    let rows = KINDS.iter().map(|kind| {
        let scope = if kind.namespaced { "namespace" } else { "cluster" };
        let subresources = code(kind.subresources.iter().map(|Subresource { name, .. }| name));
        let names = code(kind.short_names);
        vec![kind.kind.to_owned(), code([kind.api_version]), names, scope.into(), verbs(kind), subresources]
    });
    let legend = code(all_verbs().into_iter().map(Verb::as_str));
    let table = table(&["Kind", "API", "Short", "Scope", "Verbs", "Subresources"], rows);
    format!("#### Kinds\n\n{table}\nAll verbs: {legend}.\n")
}

/// A kind's verbs, named where they are not all.
fn verbs(kind: &Kind) -> String {
    let missing = all_verbs().into_iter().filter(|verb| !kind.verbs.contains(verb));
    match code(missing.map(Verb::as_str)).as_str() {
        "" => "all".to_owned(),
        missing => format!("all but {missing}"),
    }
}

fn admission_plugins() -> String {
    format!("#### Admission plugins\n\n{}.\n", code(admission::PLUGINS))
}

fn scheduler_plugins() -> String {
    let rows = PLUGINS.iter().map(|entry| {
        let weight = if entry.weight > 0 { entry.weight.to_string() } else { String::new() };
        vec![code([entry.plugin.name()]), weight]
    });
    format!("#### Scheduler plugins\n\n{}", table(&["Plugin", "Weight of its score"], rows))
}

fn controllers() -> String {
    let rows = controllers::all().into_iter().map(|controller| {
        let watches = controller.watches().iter().map(|(_, kind)| *kind).collect::<Vec<_>>();
        vec![code([controller.name()]), watches.join(", ")]
    });
    format!("#### Controllers\n\n{}", table(&["Controller", "Watches"], rows))
}

/// The fields that are accepted and not honoured, kind by kind.
fn fields() -> String {
    let count: usize = UNSUPPORTED.iter().map(|(_, fields)| fields.len()).sum();
    let tables: String = UNSUPPORTED.iter().map(|(kind, fields)| fields_of(kind, fields)).collect();
    format!(
        "#### Fields that are accepted and have no effect\n\n\
         Setting one brings a warning, and a mark in the editor.\n\n\
         <details>\n<summary>{count} fields</summary>\n\n{tables}</details>\n"
    )
}

/// The fields of a kind, those with the same sentence in one row.
fn fields_of(kind: &str, fields: &'static [Unsupported]) -> String {
    let mut rows: IndexMap<&str, Vec<String>> = IndexMap::new();
    for field in fields {
        rows.entry(field.sentence).or_default().push(pattern(field));
    }
    let rows = rows.into_iter().map(|(sentence, patterns)| vec![patterns.join("<br>"), sentence.to_owned()]);
    let heading = if kind.is_empty() { "Every kind" } else { kind };
    format!("{heading}:\n\n{}\n", table(&["Field", "What happens"], rows))
}

fn pattern(field: &Unsupported) -> String {
    match (field.only, field.unless) {
        (Some(value), _) => format!("`{}: {value}`", field.pattern),
        (None, Some(value)) => format!("`{}` other than `{value}`", field.pattern),
        (None, None) => format!("`{}`", field.pattern),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const README: &str = include_str!("../../README.md");
    const HOW: &str = "the README is behind the code: run `UPDATE_README=1 cargo test -p shared readme`";

    /// The README around its tables, and the tables.
    fn parts() -> (&'static str, &'static str, &'static str) {
        let (before, rest) = README.split_once(BEGIN).expect("the README has the mark before the tables");
        let (tables, after) = rest.split_once(END).expect("the README has the mark after the tables");
        (before, tables, after)
    }

    #[test]
    fn readme_should_hold_the_generated_table() {
        let (before, found, after) = parts();
        if std::env::var_os("UPDATE_README").is_some() {
            let text = format!("{before}{BEGIN}{}{END}{after}", tables());
            return std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"), text).unwrap();
        }
        assert!(found == tables(), "{HOW}");
    }

    #[test]
    fn rows_should_have_as_many_cells_as_their_table_has_columns() {
        let mut columns = BTreeMap::new();
        let text = tables();
        for line in text.lines().filter(|line| line.starts_with('|')) {
            *columns.entry(line.matches(" | ").count()).or_insert(0) += 1;
        }
        assert_eq!(columns.keys().copied().collect::<Vec<_>>(), [1, 5], "{columns:?}");
    }

    #[test]
    fn every_admission_plugin_should_be_listed() {
        let source = include_str!("apiserver/admission.rs");
        let modules = source.lines().filter_map(|line| {
            line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'))
        });
        let camel = |module: &str| -> String {
            let words = module.split('_').map(|word| word[..1].to_uppercase() + &word[1..]);
            words.collect()
        };
        let modules: BTreeSet<String> = modules.map(camel).collect();
        assert_eq!(modules, admission::PLUGINS.map(str::to_owned).into());
    }
}
