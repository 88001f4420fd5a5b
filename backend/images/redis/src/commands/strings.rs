//! Bytes under a key ([commands](https://redis.io/docs/latest/commands/?group=string)); refusals are those of Redis'
//! `t_string.c`.

use super::keys::expiry;
use crate::call::{Call, range};
use crate::fault::{Answer, Fault, said};
use crate::float;
use crate::resp::{Reply, number};
use crate::value::Value;

/// The longest value, in bytes: `proto-max-bulk-len` unless it is set.
const LONGEST_BYTES: usize = 512 << 20;

pub(super) fn get(call: &mut Call<'_>) -> Answer {
    Ok(Reply::optional(call.string(call.argument(1))?))
}

/// What `SET` was told beside key and value.
#[derive(Default)]
struct SetOptions {
    only_new: bool,
    only_old: bool,
    returns_old: bool,
    keeps_expiry: bool,
    expires_at: Option<i64>,
}

pub(super) fn set(call: &mut Call<'_>) -> Answer {
    let options = set_options(call)?;
    let key = call.argument(1);
    let exists = call.value(key).is_some();
    let old = if options.returns_old { Reply::optional(call.string(key)?) } else { Reply::OK };
    if (options.only_new && exists) || (options.only_old && !exists) {
        return Ok(if options.returns_old { old } else { Reply::Nil });
    }
    let value = call.argument(2).to_vec();
    if options.keeps_expiry {
        call.replace(key, value);
        let kept = call.database().get(key).and_then(|entry| entry.expires_at);
        repeat_set(call, kept);
    } else {
        call.store(key, Value::String(value), options.expires_at);
        repeat_set(call, options.expires_at);
    }
    Ok(old)
}

/// A plain `SET` with an absolute time, whatever the words of the client were.
fn repeat_set(call: &mut Call<'_>, expires_at: Option<i64>) {
    let key = call.argument(1);
    let Some(Value::String(value)) = call.database().get(key).map(|entry| entry.value.clone()) else {
        return;
    };
    match expires_at {
        Some(time) => call.repeat_as(&[b"SET", key, &value, b"PXAT", time.to_string().as_bytes()]),
        None => call.repeat_as(&[b"SET", key, &value]),
    }
}

fn set_options(call: &Call<'_>) -> Result<SetOptions, Fault> {
    let mut options = SetOptions::default();
    let mut at = 3;
    while at < call.arguments.len() {
        let has_time = options.expires_at.is_some() || options.keeps_expiry;
        match call.argument(at).to_ascii_uppercase().as_slice() {
            b"NX" if !options.only_old => options.only_new = true,
            b"XX" if !options.only_new => options.only_old = true,
            b"GET" => options.returns_old = true,
            b"KEEPTTL" if !has_time => options.keeps_expiry = true,
            unit @ (b"EX" | b"PX" | b"EXAT" | b"PXAT") if !has_time && at + 1 < call.arguments.len() => {
                at += 1;
                options.expires_at = Some(expiry(call, unit, call.integer(at)?)?);
            }
            _ => return Err(Fault::SYNTAX),
        }
        at += 1;
    }
    Ok(options)
}

pub(super) fn setnx(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    let is_new = call.value(key).is_none();
    if is_new {
        call.store(key, Value::String(call.argument(2).to_vec()), None);
    }
    Ok(Reply::flag(is_new))
}

pub(super) fn setex(call: &mut Call<'_>) -> Answer {
    set_for(call, b"EX")
}

pub(super) fn psetex(call: &mut Call<'_>) -> Answer {
    set_for(call, b"PX")
}

fn set_for(call: &mut Call<'_>, unit: &[u8]) -> Answer {
    let time = expiry(call, unit, call.integer(2)?)?;
    call.store(call.argument(1), Value::String(call.argument(3).to_vec()), Some(time));
    repeat_set(call, Some(time));
    Ok(Reply::OK)
}

pub(super) fn getset(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    let old = Reply::optional(call.string(key)?);
    call.store(key, Value::String(call.argument(2).to_vec()), None);
    Ok(old)
}

pub(super) fn getdel(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    let old = Reply::optional(call.string(key)?);
    call.remove(key);
    Ok(old)
}

pub(super) fn getex(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    let time = match call.arguments.len() {
        2 => None,
        3 if call.is(2, "PERSIST") => Some(None),
        4 => {
            let unit = call.argument(2).to_ascii_uppercase();
            let is_unit = matches!(unit.as_slice(), b"EX" | b"PX" | b"EXAT" | b"PXAT");
            Some(Some(expiry(
                call,
                if is_unit { &unit } else { return Err(Fault::SYNTAX) },
                call.integer(3)?,
            )?))
        }
        _ => return Err(Fault::SYNTAX),
    };
    let value = Reply::optional(call.string(key)?);
    if let (Some(time), Reply::Bulk(_)) = (time, &value) {
        super::keys::set_expiry(call, key, time);
    }
    Ok(value)
}

pub(super) fn mget(call: &mut Call<'_>) -> Answer {
    let keys = &call.arguments[1..];
    // A key of another type has no value here, and is no mistake.
    Ok(Reply::Array(keys.iter().map(|key| Reply::optional(call.string(key).ok().flatten())).collect()))
}

pub(super) fn mset(call: &mut Call<'_>) -> Answer {
    set_all(call)?;
    Ok(Reply::OK)
}

pub(super) fn msetnx(call: &mut Call<'_>) -> Answer {
    let keys = call.arguments[1..].iter().step_by(2);
    let is_free = keys.into_iter().all(|key| call.value(key).is_none());
    if is_free {
        set_all(call)?;
    }
    Ok(Reply::flag(is_free))
}

fn set_all(call: &mut Call<'_>) -> Result<(), Fault> {
    if call.arguments.len().is_multiple_of(2) {
        return Err(Fault::arity(call.name));
    }
    for pair in call.arguments[1..].chunks_exact(2) {
        call.store(&pair[0], Value::String(pair[1].clone()), None);
    }
    Ok(())
}

pub(super) fn incr(call: &mut Call<'_>) -> Answer {
    add(call, Some(1))
}

pub(super) fn decr(call: &mut Call<'_>) -> Answer {
    add(call, Some(-1))
}

pub(super) fn incrby(call: &mut Call<'_>) -> Answer {
    let by = call.integer(2)?;
    add(call, Some(by))
}

pub(super) fn decrby(call: &mut Call<'_>) -> Answer {
    let by = call.integer(2)?.checked_neg().ok_or(said("ERR decrement would overflow"))?;
    add(call, Some(by))
}

fn add(call: &mut Call<'_>, by: Option<i64>) -> Answer {
    let key = call.argument(1);
    let value = match call.string(key)? {
        Some(bytes) => number(bytes).ok_or(Fault::NOT_INTEGER)?,
        None => 0,
    };
    let sum = by.and_then(|by| value.checked_add(by)).ok_or(Fault::OVERFLOW)?;
    call.replace(key, sum.to_string().into_bytes());
    Ok(Reply::Integer(sum))
}

pub(super) fn incrbyfloat(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    let value = match call.string(key)? {
        Some(bytes) => float::parse(bytes).ok_or(Fault::NOT_FLOAT)?,
        None => 0.0,
    };
    let sum = value + call.float(2)?;
    if !sum.is_finite() {
        return Err(Fault::NOT_A_NUMBER);
    }
    let text = float::sum_text(sum).into_bytes();
    call.replace(key, text.clone());
    call.repeat_as(&[b"SET", key, &text, b"KEEPTTL"]);
    Ok(Reply::Bulk(text))
}

pub(super) fn append(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    let mut bytes = call.string(key)?.cloned().unwrap_or_default();
    bytes.extend_from_slice(call.argument(2));
    let length = bytes.len();
    if length > LONGEST_BYTES {
        return Err(Fault::TOO_LONG);
    }
    call.replace(key, bytes);
    Ok(Reply::count(length))
}

pub(super) fn strlen(call: &mut Call<'_>) -> Answer {
    Ok(Reply::count(call.string(call.argument(1))?.map_or(0, Vec::len)))
}

pub(super) fn getrange(call: &mut Call<'_>) -> Answer {
    let (start, stop) = (call.integer(2)?, call.integer(3)?);
    let bytes = call.string(call.argument(1))?.cloned().unwrap_or_default();
    let (start, end) = range(start, stop, bytes.len());
    Ok(Reply::text(&bytes[start..end]))
}

pub(super) fn setrange(call: &mut Call<'_>) -> Answer {
    let (key, patch) = (call.argument(1), call.argument(3));
    let offset = usize::try_from(call.integer(2)?).map_err(|_| said("ERR offset is out of range"))?;
    let mut bytes = call.string(key)?.cloned().unwrap_or_default();
    if patch.is_empty() {
        return Ok(Reply::count(bytes.len()));
    }
    let end = offset.checked_add(patch.len()).filter(|end| *end <= LONGEST_BYTES).ok_or(Fault::TOO_LONG)?;
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[offset..end].copy_from_slice(patch);
    let length = bytes.len();
    call.replace(key, bytes);
    Ok(Reply::count(length))
}
