//! The order of a merged list: what the patch names in the patch's order, the rest in the server's.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{PatchError, missing_merge_key, wrong_type};

/// By what the elements of a list are told apart.
#[derive(Clone, Copy)]
pub(super) enum Identity<'a> {
    /// By the value of this key of theirs.
    Key(&'a str),
    /// By themselves.
    Value,
}

impl Identity<'_> {
    /// A text that is equal for elements that are the same.
    pub(super) fn of(self, element: &Value) -> String {
        match self {
            Identity::Key(key) => element.get(key).map_or_else(String::new, Value::to_string),
            Identity::Value => element.to_string(),
        }
    }

    /// Complains of an element that has none.
    pub(super) fn check(self, elements: &[Value]) -> Result<(), PatchError> {
        let Identity::Key(key) = self else { return Ok(()) };
        for element in elements {
            let Value::Object(map) = element else {
                return Err(wrong_type(&Value::Object(super::Object::new()), element));
            };
            if !map.contains_key(key) {
                return Err(missing_merge_key(element, key));
            }
        }
        Ok(())
    }
}

/// Where each element of a list stands first.
pub(super) struct Positions<'a> {
    identity: Identity<'a>,
    first: BTreeMap<String, usize>,
}

impl<'a> Positions<'a> {
    /// The positions in `list`.
    pub(super) fn of(list: &[Value], identity: Identity<'a>) -> Positions<'a> {
        let mut positions = Positions { identity, first: BTreeMap::new() };
        list.iter().enumerate().for_each(|(at, element)| positions.add(element, at));
        positions
    }

    /// Notes an element, unless it is there already.
    pub(super) fn add(&mut self, element: &Value, at: usize) {
        self.first.entry(self.identity.of(element)).or_insert(at);
    }

    /// Where the element stands first, if it is in the list.
    pub(super) fn find(&self, element: &Value) -> Option<usize> {
        self.first.get(&self.identity.of(element)).copied()
    }
}

/// Brings `merged` into the order that `patch_order` and then `server_order` ask for.
pub(super) fn arrange(
    merged: Vec<Value>,
    patch_order: &[Value],
    server_order: &[Value],
    identity: Identity<'_>,
) -> Result<Vec<Value>, PatchError> {
    identity.check(&merged)?;
    identity.check(patch_order)?;
    identity.check(server_order)?;
    let by_patch = Positions::of(patch_order, identity);
    let by_server = Positions::of(server_order, identity);
    let (from_patch, server_only) = merged.into_iter().partition(|element| by_patch.find(element).is_some());
    let from_patch = sorted(from_patch, &by_patch);
    let server_only = sorted(server_only, &by_server);
    Ok(interleave(server_only, from_patch, &by_server))
}

/// Go sorts blocks of at most this many elements by insertion.
const INSERTION_BLOCK: usize = 20;

fn sorted(mut elements: Vec<Value>, order: &Positions<'_>) -> Vec<Value> {
    let mut ranked: Vec<_> = elements.drain(..).map(|element| (order.find(&element), element)).collect();
    if ranked.iter().all(|(rank, _)| rank.is_some()) || ranked.len() > INSERTION_BLOCK {
        ranked.sort_by_key(|(rank, _)| *rank);
    } else {
        insertion_sort(&mut ranked);
    }
    ranked.into_iter().map(|(_, element)| element).collect()
}

/// Upstream's comparison calls an element without a rank less than any other, on either side;
/// only the same algorithm gives the same order then.
fn insertion_sort(ranked: &mut [(Option<usize>, Value)]) {
    for end in 1..ranked.len() {
        for at in (1..=end).rev() {
            match (ranked[at].0, ranked[at - 1].0) {
                (Some(right), Some(left)) if right >= left => break,
                _ => ranked.swap(at, at - 1),
            }
        }
    }
}

/// Merges two sorted lists; a server-only element goes first where the server has it first.
fn interleave(server_only: Vec<Value>, from_patch: Vec<Value>, order: &Positions<'_>) -> Vec<Value> {
    let mut result = Vec::with_capacity(server_only.len() + from_patch.len());
    let mut left = server_only.into_iter().peekable();
    let mut right = from_patch.into_iter().peekable();
    while let (Some(from_server), Some(from_patch)) = (left.peek(), right.peek()) {
        let server_first =
            matches!((order.find(from_server), order.find(from_patch)), (Some(l), Some(r)) if l < r);
        result.extend(if server_first { left.next() } else { right.next() });
    }
    result.extend(left);
    result.extend(right);
    result
}
