//! Ranges of sorted sets: by rank, by score, by bytes
//! ([ZRANGE](https://redis.io/docs/latest/commands/zrange/)).

use crate::call::{Call, range};
use crate::fault::{Answer, Fault, said};
use crate::float;
use crate::resp::Reply;
use crate::value::{Score, SortedSet};

/// One end of a range: itself in it or not.
#[derive(Clone, PartialEq, Debug)]
enum Bound<T> {
    In(T),
    Out(T),
}

/// What the two ends are.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Rank,
    Score,
    Bytes,
}

/// Which members, and how they are answered.
struct Query {
    by: By,
    reversed: bool,
    skip: i64,
    most: i64,
    with_scores: bool,
}

type Member = (Score, Vec<u8>);

pub(super) fn zrange(call: &mut Call<'_>) -> Answer {
    answer(call, By::Rank, false, true)
}

pub(super) fn zrevrange(call: &mut Call<'_>) -> Answer {
    answer(call, By::Rank, true, false)
}

pub(super) fn zrangebyscore(call: &mut Call<'_>) -> Answer {
    answer(call, By::Score, false, false)
}

pub(super) fn zrevrangebyscore(call: &mut Call<'_>) -> Answer {
    answer(call, By::Score, true, false)
}

fn answer(call: &mut Call<'_>, by: By, reversed: bool, is_general: bool) -> Answer {
    let query = query(call, by, reversed, is_general)?;
    let found = find(call, &query)?;
    Ok(Reply::Array(found.into_iter().flat_map(|(score, member)| reply(&query, score, member)).collect()))
}

fn reply(query: &Query, score: Score, member: Vec<u8>) -> Vec<Reply> {
    let mut items = vec![Reply::Bulk(member)];
    if query.with_scores {
        items.push(Reply::Double(score.0));
    }
    items
}

/// Reads the options behind the two ends.
fn query(call: &Call<'_>, by: By, reversed: bool, is_general: bool) -> Result<Query, Fault> {
    let mut query = Query { by, reversed, skip: 0, most: -1, with_scores: false };
    let (mut at, mut is_limited) = (4, false);
    while at < call.arguments.len() {
        match call.argument(at).to_ascii_uppercase().as_slice() {
            b"WITHSCORES" => query.with_scores = true,
            b"BYSCORE" if is_general => query.by = By::Score,
            b"BYLEX" if is_general => query.by = By::Bytes,
            b"REV" if is_general => query.reversed = true,
            b"LIMIT" if at + 2 < call.arguments.len() => {
                (query.skip, query.most) = (call.integer(at + 1)?, call.integer(at + 2)?);
                (is_limited, at) = (true, at + 2);
            }
            _ => return Err(Fault::SYNTAX),
        }
        at += 1;
    }
    if is_limited && query.by == By::Rank {
        return Err(said(
            "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ));
    }
    if query.with_scores && query.by == By::Bytes {
        return Err(said("ERR syntax error, WITHSCORES not supported in combination with BYLEX"));
    }
    Ok(query)
}

fn find(call: &mut Call<'_>, query: &Query) -> Result<Vec<Member>, Fault> {
    // The ends of a reversed range by score or bytes are given the other way round.
    let is_swapped = query.reversed && query.by != By::Rank;
    let (from, to) = if is_swapped { (3, 2) } else { (2, 3) };
    let mut found = match query.by {
        By::Rank => return by_rank(call, query.reversed),
        By::Score => {
            let (from, to) = (score_bound(call.argument(from))?, score_bound(call.argument(to))?);
            matching(call, |score, _| is_above(&from, &score) && is_below(&to, &score))?
        }
        By::Bytes => {
            let (from, to) = (bytes_bound(call.argument(from))?, bytes_bound(call.argument(to))?);
            matching(call, |_, member| within(&from, &to, member))?
        }
    };
    if query.reversed {
        found.reverse();
    }
    let most = usize::try_from(query.most).unwrap_or(usize::MAX);
    let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
    Ok(found.into_iter().skip(skip).take(most).collect())
}

fn by_rank(call: &mut Call<'_>, reversed: bool) -> Result<Vec<Member>, Fault> {
    let (start, stop) = (call.integer(2)?, call.integer(3)?);
    let Some(set) = call.sorted_set(call.argument(1))? else { return Ok(Vec::new()) };
    let (start, end) = range(start, stop, set.order().len());
    let count = end - start;
    Ok(match reversed {
        true => set.order().iter().rev().skip(start).take(count).cloned().collect(),
        false => set.order().iter().skip(start).take(count).cloned().collect(),
    })
}

fn matching(call: &mut Call<'_>, wanted: impl Fn(f64, &[u8]) -> bool) -> Result<Vec<Member>, Fault> {
    let set = call.sorted_set(call.argument(1))?;
    let members = set.into_iter().flat_map(SortedSet::order);
    Ok(members.filter(|(score, member)| wanted(score.0, member)).cloned().collect())
}

fn is_above<T: PartialOrd>(bound: &Bound<T>, value: &T) -> bool {
    match bound {
        Bound::In(bound) => value >= bound,
        Bound::Out(bound) => value > bound,
    }
}

fn is_below<T: PartialOrd>(bound: &Bound<T>, value: &T) -> bool {
    match bound {
        Bound::In(bound) => value <= bound,
        Bound::Out(bound) => value < bound,
    }
}

/// `1`, `(1`, `-inf`.
fn score_bound(text: &[u8]) -> Result<Bound<f64>, Fault> {
    let bound = match text {
        [b'(', score @ ..] => float::parse(score).map(Bound::Out),
        score => float::parse(score).map(Bound::In),
    };
    bound.ok_or(said("ERR min or max is not a float"))
}

/// An end in the order of bytes: `-` and `+` are beyond all.
#[derive(Debug, PartialEq)]
enum BytesBound {
    Lowest,
    Highest,
    At(Bound<Vec<u8>>),
}

/// `[a`, `(a`, `-`, `+`.
fn bytes_bound(text: &[u8]) -> Result<BytesBound, Fault> {
    match text {
        b"-" => Ok(BytesBound::Lowest),
        b"+" => Ok(BytesBound::Highest),
        [b'[', bytes @ ..] => Ok(BytesBound::At(Bound::In(bytes.to_vec()))),
        [b'(', bytes @ ..] => Ok(BytesBound::At(Bound::Out(bytes.to_vec()))),
        _ => Err(said("ERR min or max not valid string range item")),
    }
}

fn within(from: &BytesBound, to: &BytesBound, member: &[u8]) -> bool {
    let member = member.to_vec();
    let is_above_from = match from {
        BytesBound::Lowest => true,
        BytesBound::Highest => false,
        BytesBound::At(bound) => is_above(bound, &member),
    };
    is_above_from
        && match to {
            BytesBound::Lowest => false,
            BytesBound::Highest => true,
            BytesBound::At(bound) => is_below(bound, &member),
        }
}

pub(super) fn zcount(call: &mut Call<'_>) -> Answer {
    let (from, to) = (score_bound(call.argument(2))?, score_bound(call.argument(3))?);
    let found = matching(call, |score, _| is_above(&from, &score) && is_below(&to, &score))?;
    Ok(Reply::count(found.len()))
}

pub(super) fn zremrangebyrank(call: &mut Call<'_>) -> Answer {
    let members = by_rank(call, false)?;
    remove(call, members)
}

pub(super) fn zremrangebyscore(call: &mut Call<'_>) -> Answer {
    let (from, to) = (score_bound(call.argument(2))?, score_bound(call.argument(3))?);
    let members = matching(call, |score, _| is_above(&from, &score) && is_below(&to, &score))?;
    remove(call, members)
}

fn remove(call: &mut Call<'_>, members: Vec<Member>) -> Answer {
    let key = call.argument(1);
    for (_, member) in &members {
        call.sorted_set_mut(key)?.remove(member);
    }
    if !members.is_empty() {
        call.touch(key);
    }
    Ok(Reply::count(members.len()))
}
