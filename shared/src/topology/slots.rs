//! Slots: places that stay the same while things come and go.

use std::collections::BTreeMap;

use super::graph::Item;

/// The slot of each pod of one place, by uid; the pods of a stack share one.
pub type OldSlots = BTreeMap<String, usize>;

/// The slots that the items of a place have.
pub fn slots_of(items: &[Option<Item>]) -> OldSlots {
    let mut slots = OldSlots::new();
    for (slot, item) in items.iter().enumerate() {
        for pod in item.iter().flat_map(|item| &item.pods) {
            slots.insert(pod.uid.clone(), slot);
        }
    }
    slots
}

/// Gives every item a slot: the one that one of its pods had, if it is free, or else the first
/// free one. Slots that nothing follows are dropped.
pub fn assign(items: Vec<Item>, old: &OldSlots) -> Vec<Option<Item>> {
    let mut slots: Vec<Option<Item>> = Vec::new();
    let mut homeless = Vec::new();
    for item in items {
        let wanted = item.pods.iter().filter_map(|pod| old.get(&pod.uid).copied()).min();
        match wanted {
            Some(slot) if slots.get(slot).is_none_or(Option::is_none) => place(&mut slots, slot, item),
            _ => homeless.push(item),
        }
    }
    let mut free = 0;
    for item in homeless {
        while slots.get(free).is_some_and(Option::is_some) {
            free += 1;
        }
        place(&mut slots, free, item);
    }
    slots
}

fn place(slots: &mut Vec<Option<Item>>, slot: usize, item: Item) {
    if slots.len() <= slot {
        slots.resize(slot + 1, None);
    }
    slots[slot] = Some(item);
}
