//! Lists ([commands](https://redis.io/docs/latest/commands/?group=list)); refusals are those of Redis' `t_list.c` and
//! `timeout.c`.

use crate::call::{Call, Wait, index, range};
use crate::fault::{Answer, Fault, said};
use crate::float;
use crate::resp::{Reply, number};
use crate::value::End;

pub(super) fn lpush(call: &mut Call<'_>) -> Answer {
    push(call, End::Left)
}

pub(super) fn rpush(call: &mut Call<'_>) -> Answer {
    push(call, End::Right)
}

pub(super) fn lpushx(call: &mut Call<'_>) -> Answer {
    push_to_old(call, End::Left)
}

pub(super) fn rpushx(call: &mut Call<'_>) -> Answer {
    push_to_old(call, End::Right)
}

fn push_to_old(call: &mut Call<'_>, end: End) -> Answer {
    if call.list(call.argument(1))?.is_none() {
        return Ok(Reply::Integer(0));
    }
    push(call, end)
}

fn push(call: &mut Call<'_>, end: End) -> Answer {
    let key = call.argument(1);
    let items = &call.arguments[2..];
    let list = call.list_mut(key)?;
    items.iter().for_each(|item| list.push(end, item.clone()));
    let length = list.items().len();
    call.touch(key);
    Ok(Reply::count(length))
}

pub(super) fn lpop(call: &mut Call<'_>) -> Answer {
    pop(call, End::Left)
}

pub(super) fn rpop(call: &mut Call<'_>) -> Answer {
    pop(call, End::Right)
}

fn pop(call: &mut Call<'_>, end: End) -> Answer {
    let key = call.argument(1);
    if call.arguments.len() > 3 {
        return Err(Fault::arity(call.name));
    }
    let count = match call.arguments.get(2) {
        Some(count) => {
            Some(number(count).and_then(|count| usize::try_from(count).ok()).ok_or(Fault::NOT_POSITIVE)?)
        }
        None => None,
    };
    if call.list(key)?.is_none() {
        return Ok(if count.is_some() { Reply::NilArray } else { Reply::Nil });
    }
    let list = call.list_mut(key)?;
    let items: Vec<_> = std::iter::from_fn(|| list.pop(end)).take(count.unwrap_or(1)).collect();
    if !items.is_empty() {
        call.touch(key);
    }
    Ok(match count {
        Some(_) => Reply::list(items),
        None => Reply::optional(items.first()),
    })
}

pub(super) fn llen(call: &mut Call<'_>) -> Answer {
    Ok(Reply::count(call.list(call.argument(1))?.map_or(0, |list| list.items().len())))
}

pub(super) fn lrange(call: &mut Call<'_>) -> Answer {
    let (start, stop) = (call.integer(2)?, call.integer(3)?);
    let Some(list) = call.list(call.argument(1))? else { return Ok(Reply::Array(Vec::new())) };
    let (start, end) = range(start, stop, list.items().len());
    Ok(Reply::list(list.items().range(start..end)))
}

pub(super) fn lindex(call: &mut Call<'_>) -> Answer {
    let at = call.integer(2)?;
    let Some(list) = call.list(call.argument(1))? else { return Ok(Reply::Nil) };
    Ok(Reply::optional(index(at, list.items().len()).and_then(|at| list.items().get(at))))
}

pub(super) fn lset(call: &mut Call<'_>) -> Answer {
    let (key, at) = (call.argument(1), call.integer(2)?);
    if call.list(key)?.is_none() {
        return Err(Fault::NO_KEY);
    }
    let item = call.argument(3).to_vec();
    let list = call.list_mut(key)?;
    let at = index(at, list.items().len()).ok_or(said("ERR index out of range"))?;
    list.set(at, item);
    call.touch(key);
    Ok(Reply::OK)
}

pub(super) fn linsert(call: &mut Call<'_>) -> Answer {
    let behind = match (call.is(2, "BEFORE"), call.is(2, "AFTER")) {
        (true, _) => 0,
        (_, true) => 1,
        _ => return Err(Fault::SYNTAX),
    };
    let (key, pivot, item) = (call.argument(1), call.argument(3), call.argument(4).to_vec());
    if call.list(key)?.is_none() {
        return Ok(Reply::Integer(0));
    }
    let list = call.list_mut(key)?;
    let Some(at) = list.items().iter().position(|item| item == pivot) else { return Ok(Reply::Integer(-1)) };
    list.insert(at + behind, item);
    let length = list.items().len();
    call.touch(key);
    Ok(Reply::count(length))
}

pub(super) fn lrem(call: &mut Call<'_>) -> Answer {
    let (key, count, item) = (call.argument(1), call.integer(2)?, call.argument(3));
    if call.list(key)?.is_none() {
        return Ok(Reply::Integer(0));
    }
    let list = call.list_mut(key)?;
    let mut places: Vec<usize> =
        list.items().iter().enumerate().filter(|(_, other)| *other == item).map(|(at, _)| at).collect();
    let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count < 0 {
        places.drain(..places.len().saturating_sub(most));
    } else if count > 0 {
        places.truncate(most);
    }
    list.retain(|at, _| places.binary_search(&at).is_err());
    if !places.is_empty() {
        call.touch(key);
    }
    Ok(Reply::count(places.len()))
}

pub(super) fn ltrim(call: &mut Call<'_>) -> Answer {
    let (key, start, stop) = (call.argument(1), call.integer(2)?, call.integer(3)?);
    if call.list(key)?.is_some() {
        let list = call.list_mut(key)?;
        let (start, end) = range(start, stop, list.items().len());
        list.retain(|at, _| (start..end).contains(&at));
        call.touch(key);
    }
    Ok(Reply::OK)
}

pub(super) fn lpos(call: &mut Call<'_>) -> Answer {
    let (mut rank, mut count, mut most) = (1, None, 0);
    for pair in call.arguments[3..].chunks(2) {
        let [name, value] = pair else { return Err(Fault::SYNTAX) };
        let value = number(value).ok_or(Fault::NOT_INTEGER)?;
        match name.to_ascii_uppercase().as_slice() {
            b"RANK" if value == 0 || value == i64::MIN => {
                return Err(said(
                    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
                ));
            }
            b"RANK" => rank = value,
            b"COUNT" if value >= 0 => count = Some(usize::try_from(value).unwrap_or(usize::MAX)),
            b"COUNT" => return Err(said("ERR COUNT can't be negative")),
            b"MAXLEN" if value >= 0 => most = usize::try_from(value).unwrap_or(usize::MAX),
            b"MAXLEN" => return Err(said("ERR MAXLEN can't be negative")),
            _ => return Err(Fault::SYNTAX),
        }
    }
    let item = call.argument(2);
    let found = call.list(call.argument(1))?.map(|list| {
        let mut places: Vec<usize> = (0..list.items().len()).collect();
        if rank < 0 {
            places.reverse();
        }
        places.truncate(if most == 0 { usize::MAX } else { most });
        places.retain(|at| list.items().get(*at).is_some_and(|other| other == item));
        places.into_iter().skip(usize::try_from(rank.unsigned_abs() - 1).unwrap_or(usize::MAX))
    });
    let found = found.into_iter().flatten();
    Ok(match count {
        Some(0) => Reply::Array(found.map(Reply::count).collect()),
        Some(count) => Reply::Array(found.take(count).map(Reply::count).collect()),
        None => found.map(Reply::count).next().unwrap_or(Reply::Nil),
    })
}

pub(super) fn lmove(call: &mut Call<'_>) -> Answer {
    let (from, to) = (end(call, 3)?, end(call, 4)?);
    Ok(take_over(call, from, to)?.unwrap_or(Reply::Nil))
}

pub(super) fn rpoplpush(call: &mut Call<'_>) -> Answer {
    Ok(take_over(call, End::Right, End::Left)?.unwrap_or(Reply::Nil))
}

fn end(call: &Call<'_>, index: usize) -> Result<End, Fault> {
    match (call.is(index, "LEFT"), call.is(index, "RIGHT")) {
        (true, _) => Ok(End::Left),
        (_, true) => Ok(End::Right),
        _ => Err(Fault::SYNTAX),
    }
}

/// Moves an element from the list of the first argument to that of the second.
fn take_over(call: &mut Call<'_>, from: End, to: End) -> Result<Option<Reply>, Fault> {
    let (source, target) = (call.argument(1), call.argument(2));
    if call.list(source)?.is_none() {
        return Ok(None);
    }
    call.list(target)?;
    let Some(item) = call.list_mut(source)?.pop(from) else { return Ok(None) };
    // The list itself is still there where source and target are one.
    call.list_mut(target)?.push(to, item.clone());
    call.touch(source);
    call.touch(target);
    let word = |end| if end == End::Left { b"LEFT".as_slice() } else { b"RIGHT" };
    call.repeat_as(&[b"LMOVE", source, target, word(from), word(to)]);
    Ok(Some(Reply::Bulk(item)))
}

pub(super) fn blpop(call: &mut Call<'_>) -> Answer {
    blocking_pop(call, End::Left)
}

pub(super) fn brpop(call: &mut Call<'_>) -> Answer {
    blocking_pop(call, End::Right)
}

fn blocking_pop(call: &mut Call<'_>, end: End) -> Answer {
    let last = call.arguments.len() - 1;
    let until = timeout(call, last)?;
    let keys = &call.arguments[1..last];
    for key in keys {
        if call.list(key)?.is_none() {
            continue;
        }
        if let Some(item) = call.list_mut(key)?.pop(end) {
            call.touch(key);
            call.repeat_as(&[if end == End::Left { b"LPOP" } else { b"RPOP" }, key]);
            return Ok(Reply::list([key, &item]));
        }
    }
    call.wait = Some(Wait { keys: keys.to_vec(), until });
    Ok(Reply::NilArray)
}

pub(super) fn blmove(call: &mut Call<'_>) -> Answer {
    let (from, to) = (end(call, 3)?, end(call, 4)?);
    blocking_move(call, from, to, 5)
}

pub(super) fn brpoplpush(call: &mut Call<'_>) -> Answer {
    blocking_move(call, End::Right, End::Left, 3)
}

fn blocking_move(call: &mut Call<'_>, from: End, to: End, timeout_index: usize) -> Answer {
    let until = timeout(call, timeout_index)?;
    if let Some(reply) = take_over(call, from, to)? {
        return Ok(reply);
    }
    call.wait = Some(Wait { keys: vec![call.argument(1).to_vec()], until });
    Ok(Reply::Nil)
}

/// When to stop waiting; 0 seconds mean never.
fn timeout(call: &Call<'_>, index: usize) -> Result<Option<i64>, Fault> {
    let seconds = float::parse(call.argument(index)).filter(|seconds| seconds.is_finite());
    let seconds = seconds.ok_or(said("ERR timeout is not a float or out of range"))?;
    if seconds < 0.0 {
        return Err(said("ERR timeout is negative"));
    }
    if seconds * 1000.0 > 9e15 {
        return Err(said("ERR timeout is out of range"));
    }
    // Less than a millisecond is one.
    #[expect(clippy::cast_possible_truncation, reason = "it is within bounds, see above")]
    let milliseconds = (seconds * 1000.0).ceil() as i64;
    Ok((milliseconds > 0).then(|| call.data.now + milliseconds))
}
