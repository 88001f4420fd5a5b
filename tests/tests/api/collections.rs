//! Many objects: list in pages, selectors, deletecollection.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};

use crate::{ROOT_CA, config_map, config_maps, world};

fn names(maps: &[ConfigMap]) -> Vec<&str> {
    maps.iter().filter_map(|map| map.metadata.name.as_deref()).collect()
}

#[tokio::test]
async fn pages_should_show_the_list_as_it_was_at_the_first() {
    let (_server, maps) = config_maps("pages").await;
    for name in ["a", "b", "c", "d", "e"] {
        maps.create(&PostParams::default(), &config_map(name, "key", name)).await.unwrap();
    }
    let of_two = ListParams::default().limit(2);
    let first = maps.list(&of_two).await.unwrap();
    assert_eq!((names(&first.items), first.metadata.remaining_item_count), (vec!["a", "b"], Some(4)));
    maps.delete("d", &DeleteParams::default()).await.unwrap();
    let next = first.metadata.continue_.clone().unwrap();
    let second = maps.list(&of_two.clone().continue_token(&next)).await.unwrap();
    assert_eq!(names(&second.items), ["c", "d"], "the second page is not of the first one's time");
    let next = second.metadata.continue_.clone().unwrap();
    let third = maps.list(&of_two.continue_token(&next)).await.unwrap();
    assert_eq!((names(&third.items), third.metadata.continue_), (vec!["e", ROOT_CA], None));
    assert_eq!(first.metadata.resource_version, third.metadata.resource_version);
    assert_eq!(names(&maps.list(&ListParams::default()).await.unwrap().items), ["a", "b", "c", "e", ROOT_CA]);
}

#[tokio::test]
async fn label_selectors_should_choose() {
    let (_server, maps) = config_maps("labels").await;
    for name in ["a", "b", "c"] {
        maps.create(&PostParams::default(), &config_map(name, name, "1")).await.unwrap();
    }
    let table: [(&str, &[&str]); 6] = [
        ("key=a", &["a"]),
        ("key!=a", &["b", "c"]),
        ("key in (a, c)", &["a", "c"]),
        ("key notin (a, c)", &["b"]),
        ("!key", &[]),
        ("key,key!=b", &["a", "c"]),
    ];
    for (selector, expected) in table {
        let list = maps.list(&ListParams::default().labels(selector)).await.unwrap();
        let found: Vec<_> = names(&list.items).into_iter().filter(|name| name.len() == 1).collect();
        assert_eq!(found, expected, "{selector}");
    }
}

#[tokio::test]
async fn field_selectors_should_choose() {
    let (_server, client) = world("fields").await;
    let pods = Api::<Pod>::all(client);
    let table = [
        ("spec.nodeName=control-plane,metadata.namespace=kube-system", true),
        ("spec.nodeName=node-1,metadata.namespace=kube-system", false),
        ("metadata.name=etcd-control-plane", true),
        ("metadata.name!=etcd-control-plane,metadata.namespace=kube-system", false),
    ];
    for (selector, expected) in table {
        let list = pods.list(&ListParams::default().fields(selector)).await.unwrap();
        let found = list.items.iter().any(|pod| pod.metadata.name.as_deref() == Some("etcd-control-plane"));
        assert_eq!(found, expected, "{selector}");
    }
}

#[tokio::test]
async fn deletecollection_should_delete_what_the_selector_chooses() {
    let (_server, maps) = config_maps("collection").await;
    for name in ["a", "b", "c"] {
        maps.create(&PostParams::default(), &config_map(name, name, "1")).await.unwrap();
    }
    let chosen = ListParams::default().labels("key in (a, b)");
    maps.delete_collection(&DeleteParams::default(), &chosen).await.unwrap();
    assert_eq!(names(&maps.list(&ListParams::default()).await.unwrap().items), ["c", ROOT_CA]);
}
