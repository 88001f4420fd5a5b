//! Keys whatever they hold ([commands](https://redis.io/docs/latest/commands/?group=generic)); refusals are those of
//! Redis' `db.c` and `expire.c`.

use crate::call::{Call, DATABASES};
use crate::fault::{Answer, Fault, said};
use crate::pattern;
use crate::resp::{Reply, Request, number};

/// When something is over that was given a time in `EX`, `PX`, `EXAT` or `PXAT`, in milliseconds since 1970.
///
/// # Errors
/// When there is no such time.
pub(super) fn expiry(call: &Call<'_>, unit: &[u8], time: i64) -> Result<i64, Fault> {
    let milliseconds = if unit.starts_with(b"EX") { time.checked_mul(1000) } else { Some(time) };
    let start = if unit.ends_with(b"AT") { 0 } else { call.data.now };
    let at = milliseconds.filter(|_| time > 0).and_then(|time| time.checked_add(start));
    at.ok_or_else(|| Fault::expire_time(call.name))
}

/// Sets or clears the time of a key that is there.
pub(super) fn set_expiry(call: &mut Call<'_>, key: &[u8], time: Option<i64>) {
    match time {
        Some(time) if time <= call.data.now && !call.data.is_loading => {
            call.remove(key);
            return call.repeat_as(&[b"DEL", key]);
        }
        Some(time) => call.repeat_as(&[b"PEXPIREAT", key, time.to_string().as_bytes()]),
        None => call.repeat_as(&[b"PERSIST", key]),
    }
    call.database().expire(key, time);
    call.touch(key);
}

pub(super) fn del(call: &mut Call<'_>) -> Answer {
    let keys = &call.arguments[1..];
    Ok(Reply::count(keys.iter().filter(|key| call.remove(key)).count()))
}

pub(super) fn exists(call: &mut Call<'_>) -> Answer {
    let keys = &call.arguments[1..];
    Ok(Reply::count(keys.iter().filter(|key| call.value(key).is_some()).count()))
}

pub(super) fn expire(call: &mut Call<'_>) -> Answer {
    expire_by(call, 1000, true)
}

pub(super) fn pexpire(call: &mut Call<'_>) -> Answer {
    expire_by(call, 1, true)
}

pub(super) fn expireat(call: &mut Call<'_>) -> Answer {
    expire_by(call, 1000, false)
}

pub(super) fn pexpireat(call: &mut Call<'_>) -> Answer {
    expire_by(call, 1, false)
}

fn expire_by(call: &mut Call<'_>, unit: i64, from_now: bool) -> Answer {
    let start = if from_now { call.data.now } else { 0 };
    let time = call.integer(2)?.checked_mul(unit).and_then(|time| time.checked_add(start));
    let time = time.ok_or_else(|| Fault::expire_time(call.name))?;
    let key = call.argument(1);
    let is_wanted = expire_condition(call)?;
    call.data.expire_if_due(call.db, key);
    let Some(entry) = call.database().get(key) else { return Ok(Reply::Integer(0)) };
    let is_wanted = is_wanted(entry.expires_at, time);
    if is_wanted {
        set_expiry(call, key, Some(time));
    }
    Ok(Reply::flag(is_wanted))
}

/// `NX`, `XX`, `GT` and `LT`: whether a time replaces the present one. A key without a time lives for ever.
fn expire_condition(call: &Call<'_>) -> Result<impl Fn(Option<i64>, i64) -> bool + use<>, Fault> {
    let (mut new, mut old, mut greater, mut less) = (false, false, false, false);
    for option in &call.arguments[3..] {
        match option.to_ascii_uppercase().as_slice() {
            b"NX" => new = true,
            b"XX" => old = true,
            b"GT" => greater = true,
            b"LT" => less = true,
            _ => {
                return Err(Fault(
                    format!("ERR Unsupported option {}", String::from_utf8_lossy(option)).into(),
                ));
            }
        }
    }
    if new && (old || greater || less) {
        return Err(said("ERR NX and XX, GT or LT options at the same time are not compatible"));
    }
    if greater && less {
        return Err(said("ERR GT and LT options at the same time are not compatible"));
    }
    Ok(move |before: Option<i64>, time| {
        !(new && before.is_some()
            || old && before.is_none()
            || greater && before.is_none_or(|before| time <= before)
            || less && before.is_some_and(|before| time >= before))
    })
}

pub(super) fn ttl(call: &mut Call<'_>) -> Answer {
    time_left(call, |time, now| (time - now + 500) / 1000)
}

pub(super) fn pttl(call: &mut Call<'_>) -> Answer {
    time_left(call, |time, now| time - now)
}

pub(super) fn expiretime(call: &mut Call<'_>) -> Answer {
    time_left(call, |time, _| (time + 500) / 1000)
}

pub(super) fn pexpiretime(call: &mut Call<'_>) -> Answer {
    time_left(call, |time, _| time)
}

/// -2 where there is no key, -1 where it has no time.
fn time_left(call: &mut Call<'_>, tell: fn(i64, i64) -> i64) -> Answer {
    let (key, now) = (call.argument(1), call.data.now);
    call.data.expire_if_due(call.db, key);
    let time = call.database().get(key).map(|entry| entry.expires_at.map_or(-1, |time| tell(time, now)));
    Ok(Reply::Integer(time.unwrap_or(-2)))
}

pub(super) fn persist(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    call.data.expire_if_due(call.db, key);
    let has_time = call.database().get(key).is_some_and(|entry| entry.expires_at.is_some());
    if has_time {
        set_expiry(call, key, None);
    }
    Ok(Reply::flag(has_time))
}

pub(super) fn keys(call: &mut Call<'_>) -> Answer {
    let (pattern, now) = (call.argument(1), call.data.now);
    let found = call.database().iter().filter(|(key, entry)| {
        pattern::matches(pattern, key) && entry.expires_at.is_none_or(|time| time > now)
    });
    Ok(Reply::list(found.map(|(key, _)| key)))
}

/// `MATCH`, `COUNT`, `TYPE` and `NOVALUES` of the scans.
pub(super) struct ScanOptions {
    pub(super) pattern: Option<Vec<u8>>,
    pub(super) count: usize,
    type_name: Option<Vec<u8>>,
}

impl ScanOptions {
    /// Reads them from an argument on.
    ///
    /// # Errors
    /// When one is unknown or lacks its value.
    pub(super) fn read(call: &Call<'_>, first: usize) -> Result<Self, Fault> {
        let mut options = Self { pattern: None, count: 10, type_name: None };
        for pair in call.arguments[first..].chunks(2) {
            let [name, value] = pair else { return Err(Fault::SYNTAX) };
            match name.to_ascii_uppercase().as_slice() {
                b"MATCH" => options.pattern = Some(value.clone()),
                b"COUNT" => {
                    let count = number(value).ok_or(Fault::NOT_INTEGER)?;
                    options.count =
                        usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Fault::SYNTAX)?;
                }
                b"TYPE" if first == 2 => options.type_name = Some(value.to_ascii_lowercase()),
                _ => return Err(Fault::SYNTAX),
            }
        }
        Ok(options)
    }

    /// Whether the pattern lets a name through.
    pub(super) fn wants(&self, name: &[u8]) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| pattern::matches(pattern, name))
    }
}

/// The cursor of a scan.
///
/// # Errors
/// When it is no number.
pub(super) fn cursor(call: &Call<'_>, index: usize) -> Result<u64, Fault> {
    let text = std::str::from_utf8(call.argument(index)).ok();
    text.and_then(|text| text.parse().ok()).ok_or(said("ERR invalid cursor"))
}

pub(super) fn scan(call: &mut Call<'_>) -> Answer {
    let cursor = cursor(call, 1)?;
    let options = ScanOptions::read(call, 2)?;
    let (next, mut keys) = call.database().scan(cursor, options.count);
    keys.retain(|key| {
        let type_name = call.value(key).map(crate::value::Value::type_name);
        let is_type =
            options.type_name.as_ref().is_none_or(|wanted| type_name.map(str::as_bytes) == Some(wanted));
        type_name.is_some() && is_type && options.wants(key)
    });
    Ok(Reply::Array(vec![Reply::text(next.to_string()), Reply::list(keys)]))
}

pub(super) fn type_of(call: &mut Call<'_>) -> Answer {
    Ok(Reply::Simple(call.value(call.argument(1)).map_or("none", crate::value::Value::type_name)))
}

pub(super) fn rename(call: &mut Call<'_>) -> Answer {
    rename_to(call, true)?;
    Ok(Reply::OK)
}

pub(super) fn renamenx(call: &mut Call<'_>) -> Answer {
    Ok(Reply::flag(rename_to(call, false)?))
}

fn rename_to(call: &mut Call<'_>, replaces: bool) -> Result<bool, Fault> {
    let (from, to) = (call.argument(1), call.argument(2));
    let entry = call.value(from).is_some().then(|| call.database().get(from).cloned()).flatten();
    let entry = entry.ok_or(Fault::NO_KEY)?;
    if from == to {
        return Ok(replaces);
    }
    if call.value(to).is_some() && !replaces {
        return Ok(false);
    }
    call.remove(from);
    call.store(to, entry.value, entry.expires_at);
    Ok(true)
}

pub(super) fn copy(call: &mut Call<'_>) -> Answer {
    let (from, to) = (call.argument(1), call.argument(2));
    let (mut db, mut replaces, mut at) = (call.db, false, 3);
    while at < call.arguments.len() {
        if call.is(at, "REPLACE") {
            replaces = true;
        } else if call.is(at, "DB") && at + 1 < call.arguments.len() {
            at += 1;
            db = database_number(call, at)?;
        } else {
            return Err(Fault::SYNTAX);
        }
        at += 1;
    }
    if db == call.db && from == to {
        return Err(said("ERR source and destination objects are the same"));
    }
    transfer(call, db, to, replaces, false)
}

pub(super) fn move_to(call: &mut Call<'_>) -> Answer {
    let db = database_number(call, 2)?;
    if db == call.db {
        return Err(said("ERR source and destination objects are the same"));
    }
    transfer(call, db, call.argument(1), false, true)
}

fn transfer(call: &mut Call<'_>, db: usize, to: &[u8], replaces: bool, takes: bool) -> Answer {
    let from = call.argument(1);
    call.data.expire_if_due(db, to);
    let is_taken = call.data.databases[db].get(to).is_some() && !replaces;
    let entry = call.value(from).is_some().then(|| call.database().get(from).cloned()).flatten();
    let Some(entry) = entry.filter(|_| !is_taken) else { return Ok(Reply::Integer(0)) };
    call.data.databases[db].insert(to, entry.value, entry.expires_at);
    call.data.changes.push((db, to.to_vec()));
    if takes {
        call.remove(from);
    }
    Ok(Reply::Integer(1))
}

/// An argument as the number of a database.
fn database_number(call: &Call<'_>, index: usize) -> Result<usize, Fault> {
    let db = usize::try_from(call.integer(index)?).ok().filter(|db| *db < DATABASES);
    db.ok_or(said("ERR DB index is out of range"))
}

pub(super) fn randomkey(call: &mut Call<'_>) -> Answer {
    call.data.expire_due(usize::MAX);
    let key = call.data.databases[call.db].random_key(&mut call.data.random);
    Ok(Reply::optional(key))
}

pub(super) fn dbsize(call: &mut Call<'_>) -> Answer {
    Ok(Reply::count(call.database().len()))
}

pub(super) fn flushdb(call: &mut Call<'_>) -> Answer {
    flush(call, call.db..call.db + 1)
}

pub(super) fn flushall(call: &mut Call<'_>) -> Answer {
    flush(call, 0..DATABASES)
}

fn flush(call: &mut Call<'_>, databases: std::ops::Range<usize>) -> Answer {
    let is_known =
        call.arguments.len() == 1 || call.arguments.len() == 2 && (call.is(1, "SYNC") || call.is(1, "ASYNC"));
    if !is_known {
        return Err(Fault::SYNTAX);
    }
    for db in databases {
        let keys: Vec<_> = call.data.databases[db].iter().map(|(key, _)| (db, key.clone())).collect();
        call.data.databases[db] = Default::default();
        call.data.changes.extend(keys);
    }
    let words: Request = vec![call.name.to_ascii_uppercase().into_bytes()];
    call.repeated_by = Some(vec![words]);
    Ok(Reply::OK)
}
