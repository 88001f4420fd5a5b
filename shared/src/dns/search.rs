//! How a name is looked up: which names are asked for, in which order, and when the search is over.
//!
//! Follows `res_search` of glibc (`resolv/res_query.c`): a name with `ndots` dots or more is tried as it is first,
//! then within each domain of the search list, and a name with fewer dots the other way round. A dot at the end
//! leaves the list out. *No such name* and *no such record* go on to the next; a server that does not answer
//! ends the search, since the next name might be another machine's.

use std::net::IpAddr;

use super::message::{Answer, QueryType, RecordData, ResponseCode};
use super::name::Name;
use super::resolv_conf::ResolvConf;

/// How many names of an answer are followed from one to the next.
const MOST_ALIASES: usize = 16;

/// Why a name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such name, or it has no address.
    #[error("name does not resolve")]
    NotFound,
    /// Nobody could say now.
    #[error("temporary failure in name resolution")]
    Temporary,
    /// The server will not say; with its reason.
    #[error("name resolution refused: {0}")]
    Refused(String),
}

/// What came of asking for one name: an answer, or `None` where no server gave one.
pub type Response = Option<Answer>;

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the servers for this name, then tell [`Lookup::on_response`].
    Ask(Name),
    /// The search is over.
    Done(Result<Vec<IpAddr>, LookupError>),
}

/// The search for the addresses of one name.
#[derive(Debug)]
pub struct Lookup {
    /// What is still to be asked for, the last first.
    left: Vec<Name>,
    has_dots: bool,
    /// A server failed at one of the names.
    had_failure: bool,
    /// A server refused one of them, and said why.
    refusal: Option<String>,
    end: Option<Result<Vec<IpAddr>, LookupError>>,
}

impl Lookup {
    /// A search for `text` with a pod's settings.
    pub fn new(text: &str, conf: &ResolvConf) -> Lookup {
        let dots = text.matches('.').count();
        let as_it_is = Name::parse(text).ok();
        let within = |domain: &String| {
            let domain = domain.trim_end_matches('.');
            let whole = if domain.is_empty() { text.to_owned() } else { format!("{text}.{domain}") };
            Name::parse(&whole).ok()
        };
        let mut names: Vec<Name> = match text.ends_with('.') {
            true => as_it_is.into_iter().collect(),
            false if dots >= conf.ndots() => {
                as_it_is.into_iter().chain(conf.searches.iter().filter_map(within)).collect()
            }
            false => conf.searches.iter().filter_map(within).chain(as_it_is).collect(),
        };
        names.reverse();
        Lookup { left: names, has_dots: dots > 0, had_failure: false, refusal: None, end: None }
    }

    /// What to do now.
    pub fn step(&mut self) -> Step {
        if let Some(end) = self.end.take() {
            return Step::Done(end);
        }
        match self.left.pop() {
            Some(name) => Step::Ask(name),
            None => Step::Done(Err(self.failure())),
        }
    }

    /// Takes in what came of the name that was asked for.
    pub fn on_response(&mut self, name: &Name, response: Response) {
        let Some(answer) = response else {
            self.end = Some(Err(LookupError::Temporary));
            return;
        };
        match answer.code {
            ResponseCode::NoError => {
                let addresses = addresses(&answer, name);
                if !addresses.is_empty() {
                    self.end = Some(Ok(addresses));
                }
            }
            ResponseCode::NameError => {}
            ResponseCode::Refused => self.refusal = Some(answer.reason.unwrap_or_default()),
            _ => self.had_failure = true,
        }
    }

    /// Why nothing was found. A word without dots that nobody here knows is a name that does not exist, though
    /// the server may have refused to look elsewhere: no machine of the Internet has such a name.
    fn failure(&mut self) -> LookupError {
        match self.refusal.take() {
            _ if self.had_failure => LookupError::Temporary,
            Some(reason) if self.has_dots => LookupError::Refused(reason),
            _ => LookupError::NotFound,
        }
    }
}

/// The addresses of a name in an answer, by way of the other names that it leads to.
fn addresses(answer: &Answer, name: &Name) -> Vec<IpAddr> {
    let mut owner = name.clone();
    for _ in 0..MOST_ALIASES {
        let own = || answer.answers.iter().filter(|record| record.name == owner);
        let found: Vec<IpAddr> = own().filter_map(|record| record.data.as_address()).collect();
        let alias = own().find_map(|record| match &record.data {
            RecordData::Cname(target) => Some(target.clone()),
            _ => None,
        });
        match alias {
            Some(target) if found.is_empty() => owner = target,
            _ => return found,
        }
    }
    Vec::new()
}

/// What a pod's programs ask for: the cluster has IPv4 addresses alone.
pub const KIND: QueryType = QueryType::A;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::message::Record;

    fn pod() -> ResolvConf {
        ResolvConf::parse(
            "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n\
             options ndots:5\n",
        )
    }

    fn record(owner: &str, data: RecordData) -> Record {
        Record { name: Name::parse(owner).unwrap(), ttl_seconds: 30, data }
    }

    fn code(code: ResponseCode) -> Response {
        let reason = (code == ResponseCode::Refused).then(|| "because".to_owned());
        Some(Answer { code, reason, ..Answer::default() })
    }

    fn found(owner: &str) -> Response {
        let answers = vec![record(owner, RecordData::A([10, 96, 0, 7].into()))];
        Some(Answer { answers, ..Answer::default() })
    }

    /// Searches to the end: what was asked for, and what came of it.
    fn search(text: &str, conf: &ResolvConf, server: impl Fn(&str) -> Response) -> (Vec<String>, String) {
        let mut lookup = Lookup::new(text, conf);
        let mut asked = Vec::new();
        loop {
            match lookup.step() {
                Step::Ask(name) => {
                    asked.push(name.to_string());
                    lookup.on_response(&name, server(&name.to_string()));
                }
                Step::Done(Ok(addresses)) => return (asked, format!("{addresses:?}")),
                Step::Done(Err(error)) => return (asked, error.to_string()),
            }
        }
    }

    #[test]
    fn search_should_try_names_in_the_order_that_dots_ask_for() {
        let host = ResolvConf::parse("search a.example b.example.");
        let cases: [(&str, &ResolvConf, &[&str]); 6] = [
            (
                "db",
                &pod(),
                &["db.default.svc.cluster.local.", "db.svc.cluster.local.", "db.cluster.local.", "db."],
            ),
            (
                "db.other",
                &pod(),
                &[
                    "db.other.default.svc.cluster.local.",
                    "db.other.svc.cluster.local.",
                    "db.other.cluster.local.",
                    "db.other.",
                ],
            ),
            (
                "a.b.c.d.e.f",
                &pod(),
                &[
                    "a.b.c.d.e.f.",
                    "a.b.c.d.e.f.default.svc.cluster.local.",
                    "a.b.c.d.e.f.svc.cluster.local.",
                    "a.b.c.d.e.f.cluster.local.",
                ],
            ),
            ("example.com.", &pod(), &["example.com."]),
            ("web.c", &host, &["web.c.", "web.c.a.example.", "web.c.b.example."]),
            ("web", &ResolvConf::default(), &["web."]),
        ];
        for (text, conf, expected) in cases {
            let (asked, end) = search(text, conf, |_| code(ResponseCode::NameError));
            assert_eq!(
                (asked, end.as_str()),
                (expected.iter().map(|name| (*name).to_owned()).collect(), "name does not resolve")
            );
        }
    }

    #[test]
    fn search_should_end_as_the_servers_answers_ask_for() {
        use ResponseCode::{NameError, NoError, Refused, ServerFailure};
        let second = "db.other.svc.cluster.local.";
        type Server = fn(&str) -> Response;
        let cases: [(&str, Server, usize, &str); 8] = [
            (
                "an address of the second name",
                |name| if name == "db.other.svc.cluster.local." { found(name) } else { code(NameError) },
                2,
                "[10.96.0.7]",
            ),
            ("a name without an address", |_| code(NoError), 4, "name does not resolve"),
            ("no server", |_| None, 1, "temporary failure in name resolution"),
            ("a server that fails", |_| code(ServerFailure), 4, "temporary failure in name resolution"),
            (
                "a server that fails once",
                |name| {
                    if name.starts_with("db.other.default") { code(ServerFailure) } else { code(NameError) }
                },
                4,
                "temporary failure in name resolution",
            ),
            (
                "a refusal at the end",
                |name| if name == "db.other." { code(Refused) } else { code(NameError) },
                4,
                "name resolution refused: because",
            ),
            ("another's address", |_| found("evil.example"), 4, "name does not resolve"),
            (
                "a fraction of a server",
                |name| if name.ends_with("svc.cluster.local.") { code(NameError) } else { None },
                3,
                "temporary failure in name resolution",
            ),
        ];
        for (what, server, asked, expected) in cases {
            let (names, end) = search("db.other", &pod(), server);
            assert_eq!((names.len(), end.as_str()), (asked, expected), "{what}");
            assert!(asked < 2 || names[1] == second);
        }
        let (_, end) =
            search("db", &pod(), |name| if name == "db." { code(Refused) } else { code(NameError) });
        assert_eq!(end, "name does not resolve", "a word is no name of the Internet");
    }

    #[test]
    fn aliases_should_be_followed_to_their_addresses_and_not_in_circles() {
        let cname = |from: &str, to: &str| record(from, RecordData::Cname(Name::parse(to).unwrap()));
        let address = record("c.", RecordData::A([10, 0, 0, 1].into()));
        let search = |answers: Vec<Record>| {
            let answer = Answer { answers, ..Answer::default() };
            search("a.", &pod(), move |_| Some(answer.clone())).1
        };
        assert_eq!(search(vec![cname("b.", "c."), address.clone(), cname("a.", "b.")]), "[10.0.0.1]");
        assert_eq!(search(vec![cname("a.", "b."), cname("b.", "a."), address]), "name does not resolve");
    }
}
