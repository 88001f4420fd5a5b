//! `list`: selection, pages and revisions.

use super::super::request::{List, VersionMatch};
use super::*;

fn five() -> Api {
    let api = api();
    for name in ["a", "b", "c", "d", "e"] {
        let labels = json!({ "odd": (name != "b" && name != "d").to_string() });
        api.create("configmaps/default", &with(config_map(name), "/metadata/labels", labels)).unwrap();
    }
    api
}

fn page(api: &Api, options: ListOptions) -> Result<List, Box<Status>> {
    match api.answer(request("configmaps/default", Operation::List(options)))?.reply {
        Reply::List(list) => Ok(list),
        _ => panic!("not a list"),
    }
}

fn names(list: &List) -> String {
    list.items.iter().map(|object| object.name()).collect()
}

fn limit(limit: usize, continue_token: &str) -> ListOptions {
    ListOptions { limit, continue_token: continue_token.to_owned(), ..ListOptions::default() }
}

#[test]
fn selectors_should_pick() {
    let api = five();
    let cases = [
        ("", "", "abcde"),
        ("odd=true", "", "ace"),
        ("odd!=true", "", "bd"),
        ("odd in (true,false),odd notin (false)", "", "ace"),
        ("", "metadata.name=c", "c"),
        ("odd=true", "metadata.name!=c", "ae"),
        ("", "metadata.namespace=kube-system", ""),
    ];
    for (labels, fields, expected) in cases {
        let options = ListOptions {
            label_selector: labels.into(),
            field_selector: fields.into(),
            ..ListOptions::default()
        };
        assert_eq!(names(&page(&api, options).unwrap()), expected, "{labels} {fields}");
    }
}

#[test]
fn pages_should_be_of_one_revision() {
    let api = five();
    let first = page(&api, limit(2, "")).unwrap();
    assert_eq!((names(&first).as_str(), first.remaining), ("ab", Some(3)));
    api.create("configmaps/default", &config_map("ab")).unwrap();
    api.create("configmaps/default", &config_map("cc")).unwrap();
    api.delete("configmaps/default/d", DeleteOptions::default()).unwrap();
    let second = page(&api, limit(2, &first.continue_token)).unwrap();
    assert_eq!((names(&second).as_str(), second.revision, second.remaining), ("cd", first.revision, Some(1)));
    let last = page(&api, limit(2, &second.continue_token)).unwrap();
    assert_eq!((names(&last).as_str(), last.continue_token.as_str(), last.remaining), ("e", "", None));
}

#[test]
fn pages_of_a_selection_should_be_full_and_not_tell_how_many_follow() {
    let api = five();
    let options = ListOptions { label_selector: "odd=true".into(), ..limit(2, "") };
    let first = page(&api, options.clone()).unwrap();
    assert_eq!((names(&first).as_str(), first.remaining), ("ac", None));
    let second = page(&api, ListOptions { continue_token: first.continue_token, ..options }).unwrap();
    assert_eq!((names(&second).as_str(), second.continue_token.as_str()), ("e", ""));
}

#[test]
fn token_of_a_compacted_revision_should_be_exchanged_for_one_that_goes_on() {
    let api = five();
    let first = page(&api, limit(2, "")).unwrap();
    api.delete("configmaps/default/c", DeleteOptions::default()).unwrap();
    block_on(api.server.store.compact(api.revision())).unwrap();
    let status = page(&api, limit(2, &first.continue_token)).err().unwrap();
    assert_eq!((status.code, status.reason.as_deref()), (Some(410), Some("Expired")));
    let rest = page(&api, limit(0, &status.metadata.continue_.unwrap())).unwrap();
    assert_eq!(names(&rest), "de");
}

#[test]
fn revisions_should_be_read_as_upstream_reads_them() {
    let api = five();
    let newest = api.revision();
    let options = |version: Option<u64>, version_match, limit| ListOptions {
        resource_version: version,
        version_match,
        limit,
        ..ListOptions::default()
    };
    use VersionMatch::{Exact, NotOlderThan, Unset};
    let two_ago = newest - 2;
    let cases = [
        (None, Unset, 0, "abcde"),
        (Some(0), Unset, 0, "abcde"),
        (Some(two_ago), Unset, 0, "abcde"),
        (Some(two_ago), NotOlderThan, 0, "abcde"),
        (Some(two_ago), Exact, 0, "abc"),
        (Some(two_ago), Unset, 9, "abc"),
    ];
    for (version, version_match, limit, expected) in cases {
        let list = page(&api, options(version, version_match, limit)).unwrap();
        assert_eq!(names(&list), expected, "{version:?} {version_match:?} {limit}");
    }
    let prefix =
        "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch";
    let refused = [
        (None, Exact, 422, format!("{prefix} is forbidden unless resourceVersion is provided")),
        (Some(0), Exact, 422, format!("{prefix} \"exact\" is forbidden for resourceVersion \"0\"")),
        (
            Some(newest + 5),
            Unset,
            504,
            format!("Timeout: Too large resource version: {}, current: {newest}", newest + 5),
        ),
    ];
    for (version, version_match, code, message) in refused {
        let status = page(&api, options(version, version_match, 0)).err().unwrap();
        assert_eq!(refusal(&status), (code, message));
    }
}
