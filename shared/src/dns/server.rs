//! A request's bytes in, an answer's bytes out, and what the log says of it.
//!
//! Follows `core/dnsserver/server.go`, `plugin/errors` and `plugin/loadbalance` of coredns/coredns.

use super::message::{Answer, Query, ResponseCode, Transport, Unreadable, read_query, write_answer};
use super::zone::Zone;

/// What is sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The answer.
    pub bytes: Vec<u8>,
    /// What a person should know of it; `None` for what went as it should.
    pub note: Option<String>,
}

/// Answers a request; `None` for what is none.
pub fn serve(zone: &Zone, request: &[u8], transport: Transport) -> Option<Served> {
    let query = match read_query(request) {
        Ok(query) => query,
        Err(Unreadable::Ignore) => return None,
        Err(Unreadable::Reply(bytes)) => return Some(Served { bytes, note: None }),
    };
    let mut answer = match query.is_internet {
        true => zone.answer(&query.name, query.kind),
        false => Answer { code: ResponseCode::Refused, ..Answer::default() },
    };
    rotate(&mut answer, query.id);
    let bytes = write_answer(&query, &answer, transport);
    (!bytes.is_empty()).then(|| Served { bytes, note: note(&query, &answer, transport) })
}

/// Lets every client begin with another address, so that they share the work among them. The client's own number
/// is as good as a random one.
fn rotate(answer: &mut Answer, number: u16) {
    let first = answer.answers.iter().position(|record| record.data.as_address().is_some());
    if let Some(addresses) = first.map(|first| &mut answer.answers[first..]) {
        addresses.rotate_left(usize::from(number) % addresses.len());
    }
}

/// `"A IN example.com. tcp" REFUSED: …`
fn note(query: &Query, answer: &Answer, transport: Transport) -> Option<String> {
    let reason = answer.reason.as_ref()?;
    Some(format!("\"{} IN {} {transport}\" {}: {reason}", query.kind, query.name, answer.code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::message::{QueryType, read_answer, write_query};
    use crate::dns::name::Name;
    use crate::dns::zone::testing::zone;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn ask(id: u16, text: &str) -> (Answer, Option<String>) {
        let request = write_query(id, &name(text), QueryType::A);
        let served = serve(&zone(), &request, Transport::Tcp).unwrap();
        (read_answer(&served.bytes, id, &name(text), QueryType::A).unwrap(), served.note)
    }

    #[test]
    fn clients_should_begin_with_different_addresses() {
        let first = |id| ask(id, "hdls1.testns.svc.cluster.local").0.answers[0].to_string();
        let all: std::collections::BTreeSet<String> = (0..8).map(first).collect();
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn name_outside_should_be_refused_with_a_reason_for_client_and_log() {
        let (answer, note) = ask(1, "example.com");
        assert_eq!(answer.code, ResponseCode::Refused);
        let reason = answer.reason.unwrap();
        assert_eq!(note.unwrap(), format!("\"A IN example.com. tcp\" REFUSED: {reason}"));
        assert_eq!(ask(1, "svc1.testns.svc.cluster.local").1, None);
    }

    #[test]
    fn bytes_that_are_no_request_should_not_be_answered() {
        assert_eq!(serve(&zone(), b"", Transport::Tcp), None);
        assert_eq!(serve(&zone(), &[0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0], Transport::Tcp), None);
    }
}
