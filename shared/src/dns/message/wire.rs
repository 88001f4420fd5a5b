//! Messages as bytes. What may be in a query follows `DefaultMsgAcceptFunc` of miekg/dns (`acceptfunc.go`),
//! which CoreDNS serves with.

use simple_dns::rdata::{self, RData};
use simple_dns::{
    CLASS, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, SimpleDnsError, TYPE,
    header_buffer,
};

use super::{Answer, Query, QueryType, Record, RecordData, ResponseCode, SOA_SECONDS, Soa, Transport};
use crate::dns::name::Name;

/// Bytes of a datagram that every client takes.
const LEAST_UDP_BYTES: u16 = 512;
/// Bytes of a datagram that are sent at most, and that this client takes, as DNS Flag Day 2020 asks for.
const MOST_UDP_BYTES: u16 = 1232;
/// Bytes of a message in a stream.
const MOST_TCP_BYTES: usize = 65535;
/// Bytes of a header, which says how many records follow.
const HEADER_BYTES: usize = 12;
/// Records that are read of an answer; more would be work for nothing.
const MOST_RECORDS: u16 = 4096;
/// Bytes that few records exceed; so many more are left out at once as an answer is too long.
const LONG_RECORD_BYTES: usize = 64;
/// The option of EDNS that bears a reason.
const EXTENDED_ERROR: u16 = 15;
/// The reason's number: what was asked for is not given out here.
const PROHIBITED: u16 = 18;

/// What becomes of a query that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not even a query: it is not answered.
    Ignore,
    /// This is answered.
    Reply(Vec<u8>),
}

/// Reads a query.
///
/// # Errors
/// When it is none, or one that no server takes.
pub fn read_query(bytes: &[u8]) -> Result<Query, Unreadable> {
    let is_query = header_buffer::has_flags(bytes, PacketFlag::RESPONSE).is_ok_and(|response| !response);
    if bytes.len() < HEADER_BYTES || !is_query {
        return Err(Unreadable::Ignore);
    }
    if header_buffer::opcode(bytes) != Ok(OPCODE::StandardQuery) {
        return Err(refusal(bytes, RCODE::NotImplemented));
    }
    let [questions, answers, authority, additional] = counts(bytes);
    if questions != 1 || answers > 1 || authority > 1 || additional > 2 {
        return Err(refusal(bytes, RCODE::FormatError));
    }
    let packet = Packet::parse(bytes).map_err(|error| match error {
        SimpleDnsError::InvalidQType(_) => refusal(bytes, RCODE::NotImplemented),
        _ => refusal(bytes, RCODE::FormatError),
    })?;
    let udp_bytes = packet.opt().map(|opt| opt.udp_packet_size);
    let (id, recursion_desired) = (packet.id(), packet.has_flags(PacketFlag::RECURSION_DESIRED));
    let question = packet.questions.into_iter().next().ok_or(Unreadable::Ignore)?;
    Ok(Query {
        id,
        kind: QueryType(question.qtype.into()),
        is_internet: matches!(question.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY),
        name: Name::of_wire(question.qname),
        recursion_desired,
        udp_bytes,
    })
}

/// How many questions and records of each kind a header announces.
fn counts(bytes: &[u8]) -> [u16; 4] {
    [4, 6, 8, 10].map(|at| u16::from_be_bytes([bytes[at], bytes[at + 1]]))
}

/// A header alone, with a code.
fn refusal(bytes: &[u8], code: RCODE) -> Unreadable {
    let mut packet = Packet::new_reply(header_buffer::id(bytes).unwrap_or_default());
    *packet.rcode_mut() = code;
    packet.build_bytes_vec().map_or(Unreadable::Ignore, Unreadable::Reply)
}

/// Writes an answer, shortened to what the transport takes: then it says so.
pub fn write_answer(query: &Query, answer: &Answer, transport: Transport) -> Vec<u8> {
    let most = match transport {
        Transport::Tcp => MOST_TCP_BYTES,
        Transport::Udp => {
            usize::from(query.udp_bytes.unwrap_or_default().clamp(LEAST_UDP_BYTES, MOST_UDP_BYTES))
        }
    };
    let mut packet = packet(query, answer);
    loop {
        let bytes = packet.build_bytes_vec_compressed().unwrap_or_default();
        if bytes.len() <= most {
            return bytes;
        }
        packet.set_flags(PacketFlag::TRUNCATION);
        let excess = bytes.len() - most;
        let Some(section) = longest(&mut packet) else { return Vec::new() };
        let surplus = (excess / LONG_RECORD_BYTES).max(1);
        section.truncate(section.len().saturating_sub(surplus));
    }
}

/// The section that is shortened first: what was not asked for goes before what was.
fn longest<'a, 'p>(packet: &'a mut Packet<'p>) -> Option<&'a mut Vec<ResourceRecord<'p>>> {
    let sections = [&mut packet.additional_records, &mut packet.name_servers, &mut packet.answers];
    sections.into_iter().find(|section| !section.is_empty())
}

fn packet(query: &Query, answer: &Answer) -> Packet<'static> {
    let mut packet = Packet::new_reply(query.id);
    let flags = [
        (query.recursion_desired, PacketFlag::RECURSION_DESIRED),
        (answer.is_authoritative, PacketFlag::AUTHORITATIVE_ANSWER),
        (answer.is_truncated, PacketFlag::TRUNCATION),
    ];
    flags.into_iter().filter(|(set, _)| *set).for_each(|(_, flag)| packet.set_flags(flag));
    *packet.rcode_mut() = rcode(answer.code);
    let class = if query.is_internet { QCLASS::CLASS(CLASS::IN) } else { QCLASS::CLASS(CLASS::CH) };
    if let Ok(kind) = QTYPE::try_from(query.kind.0) {
        packet.questions.push(Question::new(query.name.wire(), kind, class, false));
    }
    packet.answers = answer.answers.iter().map(to_wire).collect();
    packet.name_servers = answer.authority.iter().map(to_wire).collect();
    packet.additional_records = answer.additional.iter().map(to_wire).collect();
    if query.udp_bytes.is_some() {
        *packet.opt_mut() = Some(edns(answer.reason.as_deref()));
    }
    packet
}

/// What this side says of itself, and why it gave no better answer.
fn edns(reason: Option<&str>) -> rdata::OPT<'static> {
    let opt_codes = reason.into_iter().map(|reason| {
        let data = [&PROHIBITED.to_be_bytes(), reason.as_bytes()].concat();
        rdata::OPTCode { code: EXTENDED_ERROR, data: data.into() }
    });
    rdata::OPT { opt_codes: opt_codes.collect(), udp_packet_size: MOST_UDP_BYTES, version: 0 }
}

fn rcode(code: ResponseCode) -> RCODE {
    match code {
        ResponseCode::NoError => RCODE::NoError,
        ResponseCode::FormatError => RCODE::FormatError,
        ResponseCode::ServerFailure | ResponseCode::Other => RCODE::ServerFailure,
        ResponseCode::NameError => RCODE::NameError,
        ResponseCode::NotImplemented => RCODE::NotImplemented,
        ResponseCode::Refused => RCODE::Refused,
    }
}

fn response_code(code: RCODE) -> ResponseCode {
    match code {
        RCODE::NoError => ResponseCode::NoError,
        RCODE::FormatError => ResponseCode::FormatError,
        RCODE::ServerFailure => ResponseCode::ServerFailure,
        RCODE::NameError => ResponseCode::NameError,
        RCODE::NotImplemented => ResponseCode::NotImplemented,
        RCODE::Refused => ResponseCode::Refused,
        _ => ResponseCode::Other,
    }
}

fn to_wire(record: &Record) -> ResourceRecord<'static> {
    let data = match &record.data {
        RecordData::A(address) => RData::A((*address).into()),
        RecordData::Aaaa(address) => RData::AAAA((*address).into()),
        RecordData::Cname(name) => RData::CNAME(name.wire().into()),
        RecordData::Ns(name) => RData::NS(name.wire().into()),
        RecordData::Ptr(name) => RData::PTR(name.wire().into()),
        RecordData::Srv { priority, weight, port, target } => RData::SRV(rdata::SRV {
            priority: *priority,
            weight: *weight,
            port: *port,
            target: target.wire(),
        }),
        RecordData::Soa(soa) => RData::SOA(rdata::SOA {
            mname: soa.server.wire(),
            rname: soa.mailbox.wire(),
            serial: soa.serial,
            refresh: SOA_SECONDS[0],
            retry: SOA_SECONDS[1],
            expire: SOA_SECONDS[2],
            minimum: soa.minimum_seconds,
        }),
        RecordData::Txt(text) => RData::TXT(txt(text)),
    };
    ResourceRecord::new(record.name.wire(), CLASS::IN, record.ttl_seconds, data)
}

/// Text in strings of at most 255 bytes.
fn txt(text: &str) -> rdata::TXT<'static> {
    let strings = text.as_bytes().chunks(255).filter_map(|part| simple_dns::CharacterString::new(part).ok());
    strings.fold(rdata::TXT::new(), |txt, string| txt.with_char_string(string.into_owned()))
}

/// The record of a type that this program knows.
fn of_wire(record: ResourceRecord<'_>) -> Option<Record> {
    let data = match record.rdata {
        RData::A(a) => RecordData::A(a.address.into()),
        RData::AAAA(aaaa) => RecordData::Aaaa(aaaa.address.into()),
        RData::CNAME(cname) => RecordData::Cname(Name::of_wire(cname.0)),
        RData::NS(ns) => RecordData::Ns(Name::of_wire(ns.0)),
        RData::PTR(ptr) => RecordData::Ptr(Name::of_wire(ptr.0)),
        RData::SRV(srv) => RecordData::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: Name::of_wire(srv.target),
        },
        RData::SOA(soa) => RecordData::Soa(Soa {
            server: Name::of_wire(soa.mname),
            mailbox: Name::of_wire(soa.rname),
            serial: soa.serial,
            minimum_seconds: soa.minimum,
        }),
        RData::TXT(txt) => RecordData::Txt(String::try_from(txt).ok()?),
        _ => return None,
    };
    Some(Record { name: Name::of_wire(record.name), ttl_seconds: record.ttl, data })
}

/// Writes a query of a client that wants others to be asked as well.
pub fn write_query(id: u16, name: &Name, kind: QueryType) -> Vec<u8> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let kind = QTYPE::try_from(kind.0).unwrap_or(QTYPE::TYPE(TYPE::A));
    packet.questions.push(Question::new(name.wire(), kind, QCLASS::CLASS(CLASS::IN), false));
    *packet.opt_mut() = Some(edns(None));
    packet.build_bytes_vec().unwrap_or_default()
}

/// Reads the answer to a question; `None` for bytes that are not one.
pub fn read_answer(bytes: &[u8], id: u16, name: &Name, kind: QueryType) -> Option<Answer> {
    let is_answer = header_buffer::has_flags(bytes, PacketFlag::RESPONSE).unwrap_or(false);
    if !is_answer || bytes.len() < HEADER_BYTES || header_buffer::id(bytes) != Ok(id) {
        return None;
    }
    if counts(bytes).iter().any(|count| *count > MOST_RECORDS) {
        return None;
    }
    let packet = Packet::parse(bytes).ok()?;
    let is_about = |question: &Question<'_>| {
        u16::from(question.qtype) == kind.0 && Name::of_wire(question.qname.clone()) == *name
    };
    let (code, reason) = (response_code(packet.rcode()), reason(&packet));
    // A server that could not read the question has none to repeat.
    if !packet.questions.iter().all(is_about) || packet.questions.is_empty() && code == ResponseCode::NoError
    {
        return None;
    }
    Some(Answer {
        code,
        is_authoritative: packet.has_flags(PacketFlag::AUTHORITATIVE_ANSWER),
        is_truncated: packet.has_flags(PacketFlag::TRUNCATION),
        answers: packet.answers.into_iter().filter_map(of_wire).collect(),
        authority: packet.name_servers.into_iter().filter_map(of_wire).collect(),
        additional: packet.additional_records.into_iter().filter_map(of_wire).collect(),
        reason,
    })
}

fn reason(packet: &Packet<'_>) -> Option<String> {
    let option = packet.opt()?.opt_codes.iter().find(|option| option.code == EXTENDED_ERROR)?;
    Some(String::from_utf8_lossy(option.data.get(2..)?).into_owned())
}
