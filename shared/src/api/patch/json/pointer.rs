//! The places that an operation's path names: <https://www.rfc-editor.org/rfc/rfc6901>.

use serde_json::{Map, Value};

/// What holds the value that a path names.
pub(super) enum Container<'a> {
    /// A map.
    Map(&'a mut Map<String, Value>),
    /// A list.
    List(&'a mut Vec<Value>),
}

/// The container of the value at `path`, and its key there; `None` where the document has no such container.
pub(super) fn find<'a>(document: &'a mut Value, path: &str) -> Option<(Container<'a>, String)> {
    let (parents, key) = path.rsplit_once('/')?;
    // What stands before the first slash is not looked at, as upstream's library has it.
    let mut value = document;
    for part in parents.split('/').skip(1) {
        value = match value {
            Value::Object(map) => map.get_mut(&unescape(part))?,
            Value::Array(list) => {
                let at = index(part, list.len()).ok()?;
                list.get_mut(at)?
            }
            _ => return None,
        };
    }
    let container = match value {
        Value::Object(map) => Container::Map(map),
        Value::Array(list) => Container::List(list),
        _ => return None,
    };
    Some((container, unescape(key)))
}

impl Container<'_> {
    /// The value; `Ok(None)` for a key that the map lacks.
    pub(super) fn get(&self, key: &str) -> Result<Option<&Value>, String> {
        match self {
            Container::Map(map) => Ok(map.get(key)),
            Container::List(list) => Ok(list.get(index(key, list.len())?)),
        }
    }

    /// Inserts into a list, before the element at the index or at the end for `-`; sets a map's key.
    pub(super) fn add(self, key: String, value: Value) -> Result<(), String> {
        match self {
            Container::Map(map) => _ = map.insert(key, value),
            Container::List(list) if key == "-" => list.push(value),
            Container::List(list) => {
                let at = index(&key, list.len() + 1).map_err(|message| not_an_index(&key, message))?;
                list.insert(at, value);
            }
        }
        Ok(())
    }

    /// Overwrites.
    pub(super) fn set(self, key: String, value: Value) -> Result<(), String> {
        match self {
            Container::Map(map) => _ = map.insert(key, value),
            Container::List(list) => {
                let at = index(&key, list.len())?;
                list[at] = value;
            }
        }
        Ok(())
    }

    /// Takes out.
    pub(super) fn remove(self, key: &str) -> Result<Value, String> {
        match self {
            Container::Map(map) => map
                .shift_remove(key)
                .ok_or_else(|| format!("Unable to remove nonexistent key: {key}: missing value")),
            Container::List(list) => {
                let at = index(key, list.len())?;
                Ok(list.remove(at))
            }
        }
    }
}

/// An index below `len`, counted from the end where it is negative.
fn index(text: &str, len: usize) -> Result<usize, String> {
    let number: i64 = text.parse().map_err(|_| format!("strconv.Atoi: parsing {text:?}: invalid syntax"))?;
    let size = i64::try_from(len).unwrap_or(i64::MAX);
    let at = if number < 0 { number.saturating_add(size) } else { number };
    if (0..size).contains(&at) {
        usize::try_from(at).map_err(|error| error.to_string())
    } else {
        Err(format!("Unable to access invalid index: {number}: invalid index referenced"))
    }
}

fn not_an_index(key: &str, message: String) -> String {
    match message.starts_with("strconv") {
        true => format!("value was not a proper array index: '{key}': {message}"),
        false => message,
    }
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}
