//! Hashes ([commands](https://redis.io/docs/latest/commands/?group=hash)); refusals are those of Redis' `t_hash.c`.

use super::keys::{ScanOptions, cursor};
use crate::call::Call;
use crate::fault::{Answer, Fault, said};
use crate::float;
use crate::resp::{Reply, number};

pub(super) fn hset(call: &mut Call<'_>) -> Answer {
    Ok(Reply::count(set_fields(call)?))
}

pub(super) fn hmset(call: &mut Call<'_>) -> Answer {
    set_fields(call)?;
    Ok(Reply::OK)
}

/// Sets fields to values and counts the new ones.
fn set_fields(call: &mut Call<'_>) -> Result<usize, Fault> {
    if !call.arguments.len().is_multiple_of(2) {
        return Err(Fault::arity(call.name));
    }
    let (key, pairs) = (call.argument(1), call.arguments[2..].chunks_exact(2));
    let hash = call.hash_mut(key)?;
    let added = pairs.filter(|pair| hash.insert(&pair[0], pair[1].clone())).count();
    call.touch(key);
    Ok(added)
}

pub(super) fn hsetnx(call: &mut Call<'_>) -> Answer {
    let (key, field) = (call.argument(1), call.argument(2));
    if call.hash(key)?.is_some_and(|hash| hash.fields().contains_key(field)) {
        return Ok(Reply::Integer(0));
    }
    let value = call.argument(3).to_vec();
    call.hash_mut(key)?.insert(field, value);
    call.touch(key);
    Ok(Reply::Integer(1))
}

/// The value of a field.
fn field(call: &mut Call<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let name = call.argument(2);
    Ok(call.hash(call.argument(1))?.and_then(|hash| hash.fields().get(name)).cloned())
}

pub(super) fn hget(call: &mut Call<'_>) -> Answer {
    Ok(Reply::optional(field(call)?))
}

pub(super) fn hexists(call: &mut Call<'_>) -> Answer {
    Ok(Reply::flag(field(call)?.is_some()))
}

pub(super) fn hstrlen(call: &mut Call<'_>) -> Answer {
    Ok(Reply::count(field(call)?.map_or(0, |value| value.len())))
}

pub(super) fn hmget(call: &mut Call<'_>) -> Answer {
    let names = &call.arguments[2..];
    let hash = call.hash(call.argument(1))?;
    let value = |name: &Vec<u8>| Reply::optional(hash.and_then(|hash| hash.fields().get(name)));
    Ok(Reply::Array(names.iter().map(value).collect()))
}

pub(super) fn hdel(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    if call.hash(key)?.is_none() {
        return Ok(Reply::Integer(0));
    }
    let names = &call.arguments[2..];
    let hash = call.hash_mut(key)?;
    let removed = names.iter().filter(|name| hash.remove(name)).count();
    if removed > 0 {
        call.touch(key);
    }
    Ok(Reply::count(removed))
}

pub(super) fn hlen(call: &mut Call<'_>) -> Answer {
    Ok(Reply::count(call.hash(call.argument(1))?.map_or(0, |hash| hash.fields().len())))
}

pub(super) fn hgetall(call: &mut Call<'_>) -> Answer {
    let hash = call.hash(call.argument(1))?;
    let pairs = hash.into_iter().flat_map(|hash| hash.fields());
    Ok(Reply::Map(pairs.map(|(name, value)| (Reply::text(name), Reply::text(value))).collect()))
}

pub(super) fn hkeys(call: &mut Call<'_>) -> Answer {
    let hash = call.hash(call.argument(1))?;
    Ok(Reply::list(hash.into_iter().flat_map(|hash| hash.fields().keys())))
}

pub(super) fn hvals(call: &mut Call<'_>) -> Answer {
    let hash = call.hash(call.argument(1))?;
    Ok(Reply::list(hash.into_iter().flat_map(|hash| hash.fields().values())))
}

pub(super) fn hincrby(call: &mut Call<'_>) -> Answer {
    let by = call.integer(3)?;
    let value = match field(call)? {
        Some(bytes) => number(&bytes).ok_or(said("ERR hash value is not an integer"))?,
        None => 0,
    };
    let sum = value.checked_add(by).ok_or(Fault::OVERFLOW)?;
    let (key, name) = (call.argument(1), call.argument(2));
    call.hash_mut(key)?.insert(name, sum.to_string().into_bytes());
    call.touch(key);
    Ok(Reply::Integer(sum))
}

pub(super) fn hincrbyfloat(call: &mut Call<'_>) -> Answer {
    let by = call.float(3)?;
    let value = match field(call)? {
        Some(bytes) => float::parse(&bytes).ok_or(said("ERR hash value is not a float"))?,
        None => 0.0,
    };
    if !(value + by).is_finite() {
        return Err(Fault::NOT_A_NUMBER);
    }
    let (key, name) = (call.argument(1), call.argument(2));
    let text = float::sum_text(value + by).into_bytes();
    call.hash_mut(key)?.insert(name, text.clone());
    call.touch(key);
    call.repeat_as(&[b"HSET", key, name, &text]);
    Ok(Reply::Bulk(text))
}

/// All at once: the cursor comes back as 0, as Redis does with small hashes.
pub(super) fn hscan(call: &mut Call<'_>) -> Answer {
    cursor(call, 2)?;
    let options = ScanOptions::read(call, 3)?;
    let hash = call.hash(call.argument(1))?;
    let pairs = hash.into_iter().flat_map(|hash| hash.fields()).filter(|(name, _)| options.wants(name));
    let items = Reply::list(pairs.flat_map(|(name, value)| [name, value]));
    Ok(Reply::Array(vec![Reply::text("0"), items]))
}
