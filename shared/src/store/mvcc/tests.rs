use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Bounds, Mvcc, Record, ReplayError, Staged};
use crate::store::{Expect, RangeRequest, Revision, StoreError, StoredValue, Write, WriteOutcome};

const ROOMY: Bounds = Bounds { events: 10_000, bytes: 1 << 20 };

/// What a reader sees: keys with value and `mod_revision`.
type State = BTreeMap<String, (String, Revision)>;

#[derive(Clone, Debug)]
enum Step {
    Put { key: usize },
    Delete { key: usize },
    Compact { back: u64 },
}

const KEYS: [&str; 5] = [
    "/registry/leases/kube-node-lease/node-1",
    "/registry/pods/default/a",
    "/registry/pods/default/b",
    "/registry/pods/kube-system/a",
    "/registry/podtemplates/default/a",
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..KEYS.len()).prop_map(|key| Step::Put { key }),
        3 => (0..KEYS.len()).prop_map(|key| Step::Delete { key }),
        1 => (0u64..6).prop_map(|back| Step::Compact { back }),
    ];
    prop::collection::vec(step, 1..60)
}

fn value(text: &str) -> StoredValue {
    StoredValue { bytes: Bytes::copy_from_slice(text.as_bytes()), attachment: Arc::new(()) }
}

fn put(core: &mut Mvcc, key: &str, text: &str) -> Revision {
    write(core, key, Some(text)).expect("the write was built to fit")
}

fn write(core: &mut Mvcc, key: &str, text: Option<&str>) -> Option<Revision> {
    let expect = core.get(key).map_or(Expect::Absent, |found| Expect::At(found.mod_revision));
    let mut staged = Staged::on(core);
    let outcome = staged.add(core, Write { key: key.into(), value: text.map(value), expect });
    core.commit(staged);
    match outcome {
        WriteOutcome::Done(revision) => Some(revision),
        WriteOutcome::Conflict(_) => None,
    }
}

fn state(core: &Mvcc, prefix: &str, revision: Revision) -> Result<State, StoreError> {
    let request = RangeRequest { prefix: prefix.into(), revision: Some(revision), ..Default::default() };
    let entry = |item: crate::store::KeyValue| {
        let text = String::from_utf8_lossy(&item.value.bytes).into_owned();
        (item.key.to_string(), (text, item.mod_revision))
    };
    Ok(core.range(&request)?.items.into_iter().map(entry).collect())
}

fn replayed(core: &Mvcc, prefix: &str, after: Revision) -> Result<State, StoreError> {
    let mut replayed = state(core, prefix, after)?;
    let mut seen = after;
    while seen < core.revision() {
        let batch = core.events(prefix, seen)?;
        for event in batch.events {
            assert!(event.revision > seen, "in order, none twice");
            seen = event.revision;
            let before = event.previous.map(|previous| previous.mod_revision);
            assert_eq!(before, replayed.get(&*event.key).map(|(_, revision)| *revision));
            match event.current {
                Some(current) => {
                    let text = String::from_utf8_lossy(&current.value.bytes).into_owned();
                    replayed.insert(event.key.to_string(), (text, current.mod_revision));
                }
                None => drop(replayed.remove(&*event.key)),
            }
        }
        seen = batch.through;
    }
    Ok(replayed)
}

/// Runs the steps on a core and remembers every state that was.
fn run(core: &mut Mvcc, steps: &[Step]) -> Vec<State> {
    let mut states = vec![State::new(), State::new()];
    for (number, step) in steps.iter().enumerate() {
        let (key, text) = match step {
            Step::Put { key } => (KEYS[*key], Some(number.to_string())),
            Step::Delete { key } => (KEYS[*key], None),
            Step::Compact { back } => {
                let _ = core.compact(core.revision().saturating_sub(*back));
                continue;
            }
        };
        let Some(revision) = write(core, key, text.as_deref()) else { continue };
        assert_eq!(revision, states.len() as Revision, "one more with every write");
        let mut state = states.last().cloned().unwrap_or_default();
        match text {
            Some(text) => drop(state.insert(key.into(), (text, revision))),
            None => drop(state.remove(key)),
        }
        states.push(state);
    }
    states
}

fn under(state: &State, prefix: &str) -> State {
    state.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

fn check_against(core: &Mvcc, states: &[State]) {
    for prefix in ["/registry/", "/registry/pods", "/registry/pods/", "/registry/pods/default/", "/x/y/z/"] {
        let newest = states.last().map(|state| under(state, prefix));
        for (revision, expected) in states.iter().enumerate() {
            let revision = revision as Revision;
            if revision < core.compacted() {
                let compacted = StoreError::Compacted { requested: revision, oldest: core.compacted() };
                assert_eq!(state(core, prefix, revision), Err(compacted.clone()));
                assert_eq!(replayed(core, prefix, revision), Err(compacted));
                continue;
            }
            assert_eq!(state(core, prefix, revision), Ok(under(expected, prefix)), "{prefix} at {revision}");
            assert_eq!(replayed(core, prefix, revision).ok(), newest, "{prefix} after {revision}");
        }
    }
}

proptest! {
    #[test]
    fn watch_replayed_on_a_list_of_any_revision_should_equal_the_newest_list(steps in steps()) {
        let mut core = Mvcc::new(ROOMY);
        let states = run(&mut core, &steps);
        check_against(&core, &states);
    }

    #[test]
    fn bounds_should_only_move_the_compaction(steps in steps(), events in 0usize..20, bytes in 0usize..300) {
        let mut core = Mvcc::new(Bounds { events, bytes });
        let states = run(&mut core, &steps);
        prop_assert!(core.log.len() <= events && core.log.bytes() <= bytes);
        check_against(&core, &states);
    }

    #[test]
    fn records_that_were_not_forgotten_should_restore_the_core(steps in steps()) {
        let mut core = Mvcc::new(ROOMY);
        let mut records = BTreeMap::new();
        for step in &steps {
            let before = core.revision();
            match step {
                Step::Compact { back } => {
                    let target = core.revision().saturating_sub(*back);
                    for revision in core.compact(target).unwrap_or_default() {
                        prop_assert!(records.remove(&revision).is_some(), "forgotten once");
                    }
                }
                step => drop(run_one(&mut core, step)),
            }
            for event in core.log.after("", before.max(core.compacted())).events {
                records.insert(event.revision, event);
            }
        }
        let mut restored = Mvcc::compacted_at(core.compacted(), ROOMY);
        for (revision, event) in records {
            let create_revision = [&event.current, &event.previous].into_iter().flatten()
                .map(|found| found.create_revision).next().unwrap_or_default();
            let value = event.current.map(|current| current.value);
            let forgotten = restored.replay(Record { revision, key: event.key, create_revision, value });
            prop_assert_eq!(forgotten, Ok(vec![]));
        }
        prop_assert_eq!(restored.revision(), core.revision());
        for revision in core.compacted()..=core.revision() {
            prop_assert_eq!(state(&restored, "", revision), state(&core, "", revision));
            prop_assert_eq!(replayed(&restored, "", revision), replayed(&core, "", revision));
        }
    }
}

fn run_one(core: &mut Mvcc, step: &Step) -> Option<Revision> {
    match step {
        Step::Put { key } => write(core, KEYS[*key], Some("x")),
        Step::Delete { key } => write(core, KEYS[*key], None),
        Step::Compact { .. } => None,
    }
}

#[test]
fn staged_writes_should_see_each_other_and_stay_invisible() {
    let core = Mvcc::new(ROOMY);
    let mut staged = Staged::on(&core);
    let key = KEYS[1];
    let create = || Write { key: key.into(), value: Some(value("1")), expect: Expect::Absent };
    assert!(matches!(staged.add(&core, create()), WriteOutcome::Done(2)));
    assert!(
        matches!(staged.add(&core, create()), WriteOutcome::Conflict(Some(found)) if found.mod_revision == 2)
    );
    let delete = Write { key: key.into(), value: None, expect: Expect::At(2) };
    assert!(matches!(staged.add(&core, delete), WriteOutcome::Done(3)));
    assert!(matches!(staged.add(&core, create()), WriteOutcome::Done(4)));
    assert!(core.get(key).is_none());
    assert_eq!(core.revision(), 1);
}

#[test]
fn one_call_should_return_a_bounded_number_of_events() {
    let mut core = Mvcc::new(ROOMY);
    for number in 0..3000 {
        put(&mut core, KEYS[number % 2], "x");
    }
    for prefix in ["/registry/", "/registry/pods/"] {
        let batch = core.events(prefix, 1).expect("not compacted");
        assert!(batch.events.len() <= 1024 && batch.through < core.revision());
    }
}

#[test]
fn replay_should_notice_records_that_cannot_be() {
    let record = |revision, create_revision, text: Option<&str>| Record {
        revision,
        key: KEYS[1].into(),
        create_revision,
        value: text.map(value),
    };
    let history = ReplayError::History { revision: 2, key: KEYS[1].into() };
    let cases = [
        (record(3, 3, Some("x")), ReplayError::Gap { expected: 2, found: 3 }),
        (record(2, 1, Some("x")), history.clone()),
        (record(2, 2, None), history),
    ];
    for (record, error) in cases {
        assert_eq!(Mvcc::new(ROOMY).replay(record), Err(error));
    }
}
