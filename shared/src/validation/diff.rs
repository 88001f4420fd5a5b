//! What changed between two values, drawn as Go's `cmp.Diff` draws it.
//!
//! Upstream puts this after "pod updates may not change fields other than …". The library says that its
//! layout is not stable; here only what changed is shown, and what is equal is counted.

use serde_json::{Map, Value};

/// The lines that lead from `old` to `new`, both objects of the Go type `name`; empty if they are equal.
pub(crate) fn diff(name: &str, old: &Value, new: &Value) -> String {
    let mut lines = Vec::new();
    if let (Value::Object(old), Value::Object(new)) = (old, new) {
        lines.push(format!("  {name}{{"));
        push_fields(&mut lines, 1, old, new);
        lines.push("  }".to_owned());
    }
    lines.push(String::new());
    lines.join("\n")
}

fn push_fields(lines: &mut Vec<String>, depth: usize, old: &Map<String, Value>, new: &Map<String, Value>) {
    let mut names: Vec<&String> = old.keys().collect();
    names.extend(new.keys().filter(|name| !old.contains_key(*name)));
    let mut equal = 0;
    for name in names {
        let (before, after) = (old.get(name), new.get(name));
        if before == after {
            equal += 1;
        } else {
            push_equal(lines, depth, &mut equal, "fields");
            push_change(lines, depth, &format!("{}: ", go_name(name)), before, after);
        }
    }
    push_equal(lines, depth, &mut equal, "fields");
}

fn push_items(lines: &mut Vec<String>, depth: usize, old: &[Value], new: &[Value]) {
    let mut equal = 0;
    for index in 0..old.len().max(new.len()) {
        let (before, after) = (old.get(index), new.get(index));
        if before == after {
            equal += 1;
        } else {
            push_equal(lines, depth, &mut equal, "elements");
            push_change(lines, depth, "", before, after);
        }
    }
    push_equal(lines, depth, &mut equal, "elements");
}

fn push_change(lines: &mut Vec<String>, depth: usize, label: &str, old: Option<&Value>, new: Option<&Value>) {
    let indent = "\t".repeat(depth);
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            lines.push(format!("  {indent}{label}{{"));
            push_fields(lines, depth + 1, old, new);
            lines.push(format!("  {indent}}},"));
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            lines.push(format!("  {indent}{label}{{"));
            push_items(lines, depth + 1, old, new);
            lines.push(format!("  {indent}}},"));
        }
        (old, new) => {
            lines.extend(old.map(|value| format!("- {indent}{label}{value},")));
            lines.extend(new.map(|value| format!("+ {indent}{label}{value},")));
        }
    }
}

fn push_equal(lines: &mut Vec<String>, depth: usize, count: &mut usize, noun: &str) {
    if *count > 0 {
        let noun = if *count == 1 { noun.trim_end_matches('s') } else { noun };
        lines.push(format!("  {}... // {count} identical {noun}", "\t".repeat(depth)));
    }
    *count = 0;
}

/// A field's name as Go has it: `nodeName` is `NodeName`, `dnsPolicy` is `DNSPolicy`.
fn go_name(name: &str) -> String {
    for (json, go) in [("dns", "DNS"), ("ip", "IP"), ("uid", "UID"), ("os", "OS"), ("tty", "TTY")] {
        let rest = name.strip_prefix(json);
        if let Some(rest) = rest.filter(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase())) {
            return format!("{go}{rest}");
        }
    }
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn diff_should_show_what_changed_and_count_what_did_not() {
        let old =
            json!({"containers": [{"name": "a", "tty": true}], "dnsPolicy": "Default", "nodeName": "x"});
        let new = json!({"containers": [{"name": "a"}], "dnsPolicy": "Default", "nodeName": "y"});
        let expected = "  core.PodSpec{\n  \tContainers: {\n  \t\t{\n  \t\t\t... // 1 identical field\n- \t\t\tTTY: true,\n  \t\t},\n  \t},\n  \t... // 1 identical field\n- \tNodeName: \"x\",\n+ \tNodeName: \"y\",\n  }\n";
        assert_eq!(diff("core.PodSpec", &old, &new), expected);
    }
}
