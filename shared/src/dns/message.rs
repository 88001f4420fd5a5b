//! DNS messages: questions and answers as values, and as bytes (RFC 1035, EDNS of RFC 6891, the reasons of
//! RFC 8914). The bytes are `simple-dns`'s work; here are the bounds for what strangers send.

mod wire;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::Name;

pub use wire::{Unreadable, read_answer, read_query, write_answer, write_query};

/// What a question asks for: the number of a record type, or of `ANY` and its like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueryType(pub u16);

impl QueryType {
    /// An IPv4 address.
    pub const A: QueryType = QueryType(1);
    /// A name server.
    pub const NS: QueryType = QueryType(2);
    /// Another name.
    pub const CNAME: QueryType = QueryType(5);
    /// The start of a zone.
    pub const SOA: QueryType = QueryType(6);
    /// The name of an address.
    pub const PTR: QueryType = QueryType(12);
    /// Text.
    pub const TXT: QueryType = QueryType(16);
    /// An IPv6 address.
    pub const AAAA: QueryType = QueryType(28);
    /// Where a named port is served.
    pub const SRV: QueryType = QueryType(33);

    /// The type of an address's record.
    pub fn of_address(address: IpAddr) -> QueryType {
        if address.is_ipv4() { QueryType::A } else { QueryType::AAAA }
    }
}

impl fmt::Display for QueryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            QueryType::A => "A",
            QueryType::NS => "NS",
            QueryType::CNAME => "CNAME",
            QueryType::SOA => "SOA",
            QueryType::PTR => "PTR",
            QueryType::TXT => "TXT",
            QueryType::AAAA => "AAAA",
            QueryType::SRV => "SRV",
            QueryType(number) => return write!(f, "TYPE{number}"),
        };
        f.write_str(name)
    }
}

/// A question to a name server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The number that its answer bears.
    pub id: u16,
    /// What is asked about.
    pub name: Name,
    /// What is asked for.
    pub kind: QueryType,
    /// Whether the question is about the Internet's names and not about another class.
    pub is_internet: bool,
    /// Whether the client wants others to be asked as well.
    pub recursion_desired: bool,
    /// Bytes that the client takes in a datagram, where it said so (EDNS).
    pub udp_bytes: Option<u16>,
}

/// The start of a zone, as every answer without records bears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The zone's name server.
    pub server: Name,
    /// The zone's mailbox, its `@` a dot.
    pub mailbox: Name,
    /// The number of the zone's revision.
    pub serial: u32,
    /// How long an absent name may be remembered.
    pub minimum_seconds: u32,
}

/// Seconds of a SOA record that nobody reads in a zone that is not transferred: refresh, retry, expire.
pub(crate) const SOA_SECONDS: [i32; 3] = [7200, 1800, 86400];

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name.
    Cname(Name),
    /// A name server.
    Ns(Name),
    /// The name of an address.
    Ptr(Name),
    /// Where a port is served.
    Srv {
        /// Lowest is tried first.
        priority: u16,
        /// Share among those of the same priority.
        weight: u16,
        /// The port.
        port: u16,
        /// Who serves it.
        target: Name,
    },
    /// The start of a zone.
    Soa(Soa),
    /// Text.
    Txt(String),
}

impl RecordData {
    /// The record of an address.
    pub fn address(address: IpAddr) -> RecordData {
        match address {
            IpAddr::V4(address) => RecordData::A(address),
            IpAddr::V6(address) => RecordData::Aaaa(address),
        }
    }

    /// The address of an address's record.
    pub fn as_address(&self) -> Option<IpAddr> {
        match self {
            RecordData::A(address) => Some((*address).into()),
            RecordData::Aaaa(address) => Some((*address).into()),
            _ => None,
        }
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub name: Name,
    /// How long it may be remembered.
    pub ttl_seconds: u32,
    /// What it says.
    pub data: RecordData,
}

/// As a line of a zone file.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN ", self.name, self.ttl_seconds)?;
        match &self.data {
            RecordData::A(address) => write!(f, "A {address}"),
            RecordData::Aaaa(address) => write!(f, "AAAA {address}"),
            RecordData::Cname(name) => write!(f, "CNAME {name}"),
            RecordData::Ns(name) => write!(f, "NS {name}"),
            RecordData::Ptr(name) => write!(f, "PTR {name}"),
            RecordData::Srv { priority, weight, port, target } => {
                write!(f, "SRV {priority} {weight} {port} {target}")
            }
            RecordData::Soa(soa) => {
                let [refresh, retry, expire] = SOA_SECONDS;
                let Soa { server, mailbox, serial, minimum_seconds } = soa;
                write!(f, "SOA {server} {mailbox} {serial} {refresh} {retry} {expire} {minimum_seconds}")
            }
            RecordData::Txt(text) => write!(f, "TXT {text:?}"),
        }
    }
}

/// How a question went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseCode {
    /// The name exists; whether it has records of the type is another question.
    #[default]
    NoError,
    /// The question could not be read.
    FormatError,
    /// The server could not find out.
    ServerFailure,
    /// There is no such name.
    NameError,
    /// The server does not know this kind of question.
    NotImplemented,
    /// The server will not answer.
    Refused,
    /// Another code.
    Other,
}

/// In the words of `dig` and CoreDNS's log.
impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResponseCode::NoError => "NOERROR",
            ResponseCode::FormatError => "FORMERR",
            ResponseCode::ServerFailure => "SERVFAIL",
            ResponseCode::NameError => "NXDOMAIN",
            ResponseCode::NotImplemented => "NOTIMP",
            ResponseCode::Refused => "REFUSED",
            ResponseCode::Other => "OTHER",
        })
    }
}

/// What a name server says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// How it went.
    pub code: ResponseCode,
    /// Whether the server is the one that knows.
    pub is_authoritative: bool,
    /// Whether records were left out because the answer was too long.
    pub is_truncated: bool,
    /// The records that were asked for.
    pub answers: Vec<Record>,
    /// Whose word this is; the zone's start where there are no records.
    pub authority: Vec<Record>,
    /// What the client will ask for next.
    pub additional: Vec<Record>,
    /// Why there is no better answer, as a sentence.
    pub reason: Option<String>,
}

/// How a message travels; what that means for its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In one datagram of 512 bytes, or what the client says.
    Udp,
    /// In a stream, each message after its length in two bytes.
    Tcp,
}

/// As CoreDNS's log names it.
impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        })
    }
}

#[cfg(test)]
mod tests;
