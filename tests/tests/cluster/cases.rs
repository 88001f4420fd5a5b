//! The cases that are data: one folder each below `tests/cases`.

use futures::future::join_all;
use tests::Server;
use tests::case::Case;

#[tokio::test]
async fn every_case_should_come_to_what_it_expects() {
    let server = Server::shared();
    let (kubectl, client) = (server.kubectl(), server.client().await.unwrap());
    let cases = Case::all().unwrap();
    assert!(cases.len() > 10, "where are the cases?");
    join_all(cases.iter().map(|case| case.check(&kubectl, &client))).await;
}
