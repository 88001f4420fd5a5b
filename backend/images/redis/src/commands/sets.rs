//! Sets ([commands](https://redis.io/docs/latest/commands/?group=set)); refusals are those of Redis' `t_set.c`.

use super::keys::{ScanOptions, cursor};
use crate::call::Call;
use crate::fault::{Answer, Fault};
use crate::resp::{Reply, number};
use crate::value::{Set, Value};

pub(super) fn sadd(call: &mut Call<'_>) -> Answer {
    let (key, members) = (call.argument(1), &call.arguments[2..]);
    let set = call.set_mut(key)?;
    let added = members.iter().filter(|member| set.insert((*member).clone())).count();
    if added > 0 {
        call.touch(key);
    }
    Ok(Reply::count(added))
}

pub(super) fn srem(call: &mut Call<'_>) -> Answer {
    let (key, members) = (call.argument(1), &call.arguments[2..]);
    if call.set(key)?.is_none() {
        return Ok(Reply::Integer(0));
    }
    let set = call.set_mut(key)?;
    let removed = members.iter().filter(|member| set.remove(member)).count();
    if removed > 0 {
        call.touch(key);
    }
    Ok(Reply::count(removed))
}

pub(super) fn smembers(call: &mut Call<'_>) -> Answer {
    members(call, 1)
}

fn members(call: &mut Call<'_>, index: usize) -> Answer {
    let set = call.set(call.argument(index))?;
    Ok(Reply::Set(set.into_iter().flat_map(|set| set.members()).map(Reply::text).collect()))
}

pub(super) fn sismember(call: &mut Call<'_>) -> Answer {
    let member = call.argument(2);
    Ok(Reply::flag(call.set(call.argument(1))?.is_some_and(|set| set.members().contains(member))))
}

pub(super) fn smismember(call: &mut Call<'_>) -> Answer {
    let members = &call.arguments[2..];
    let set = call.set(call.argument(1))?;
    let is_member = |member: &Vec<u8>| Reply::flag(set.is_some_and(|set| set.members().contains(member)));
    Ok(Reply::Array(members.iter().map(is_member).collect()))
}

pub(super) fn scard(call: &mut Call<'_>) -> Answer {
    Ok(Reply::count(call.set(call.argument(1))?.map_or(0, |set| set.members().len())))
}

pub(super) fn smove(call: &mut Call<'_>) -> Answer {
    let (from, to, member) = (call.argument(1), call.argument(2), call.argument(3));
    call.set(to)?;
    if !call.set(from)?.is_some_and(|set| set.members().contains(member)) {
        return Ok(Reply::Integer(0));
    }
    if from != to {
        call.set_mut(from)?.remove(member);
        call.touch(from);
        call.set_mut(to)?.insert(member.to_vec());
        call.touch(to);
    }
    Ok(Reply::Integer(1))
}

/// The count behind the key, if one is given.
fn count(call: &Call<'_>) -> Result<Option<i64>, Fault> {
    match call.arguments.len() {
        2 => Ok(None),
        3 => call.integer(2).map(Some),
        _ => Err(Fault::SYNTAX),
    }
}

pub(super) fn spop(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    let count = match call.arguments.get(2) {
        Some(count) => {
            Some(number(count).and_then(|count| usize::try_from(count).ok()).ok_or(Fault::NOT_POSITIVE)?)
        }
        None => None,
    };
    if call.arguments.len() > 3 {
        return Err(Fault::SYNTAX);
    }
    let chosen = choose(call, key, count.unwrap_or(1))?;
    for member in &chosen {
        call.set_mut(key)?.remove(member);
    }
    if !chosen.is_empty() {
        call.touch(key);
        let mut words: Vec<&[u8]> = vec![b"SREM", key];
        words.extend(chosen.iter().map(Vec::as_slice));
        call.repeat_as(&words);
    }
    Ok(match count {
        Some(_) => Reply::Set(chosen.iter().map(Reply::text).collect()),
        None => Reply::optional(chosen.first()),
    })
}

/// At most `count` different members by chance.
fn choose(call: &mut Call<'_>, key: &[u8], count: usize) -> Result<Vec<Vec<u8>>, Fault> {
    let mut members: Vec<Vec<u8>> =
        call.set(key)?.map(|set| set.members().iter().cloned().collect()).unwrap_or_default();
    for at in 0..count.min(members.len()) {
        let other = at + call.data.random.below(members.len() - at);
        members.swap(at, other);
    }
    members.truncate(count);
    Ok(members)
}

/// A negative count lets members come more than once.
pub(super) fn srandmember(call: &mut Call<'_>) -> Answer {
    let key = call.argument(1);
    let Some(count) = count(call)? else {
        return Ok(Reply::optional(choose(call, key, 1)?.first()));
    };
    let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count >= 0 {
        return Ok(Reply::list(choose(call, key, most)?));
    }
    let members: Vec<Vec<u8>> = choose(call, key, usize::MAX)?;
    let most = if members.is_empty() { 0 } else { most.min(1 << 20) };
    Ok(Reply::list((0..most).map(|_| &members[call.data.random.below(members.len())]).collect::<Vec<_>>()))
}

/// What becomes of several sets.
type Combine = fn(&Set, &Set) -> Set;

fn inter(left: &Set, right: &Set) -> Set {
    left.members().iter().filter(|member| right.members().contains(*member)).cloned().collect()
}

fn union(left: &Set, right: &Set) -> Set {
    left.members().iter().chain(right.members()).cloned().collect()
}

fn diff(left: &Set, right: &Set) -> Set {
    left.members().iter().filter(|member| !right.members().contains(*member)).cloned().collect()
}

pub(super) fn sinter(call: &mut Call<'_>) -> Answer {
    combined(call, 1, inter).map(reply)
}

pub(super) fn sunion(call: &mut Call<'_>) -> Answer {
    combined(call, 1, union).map(reply)
}

pub(super) fn sdiff(call: &mut Call<'_>) -> Answer {
    combined(call, 1, diff).map(reply)
}

pub(super) fn sinterstore(call: &mut Call<'_>) -> Answer {
    store(call, inter)
}

pub(super) fn sunionstore(call: &mut Call<'_>) -> Answer {
    store(call, union)
}

pub(super) fn sdiffstore(call: &mut Call<'_>) -> Answer {
    store(call, diff)
}

fn reply(set: Set) -> Reply {
    Reply::Set(set.members().iter().map(Reply::text).collect())
}

fn combined(call: &mut Call<'_>, first: usize, combine: Combine) -> Result<Set, Fault> {
    let mut result: Option<Set> = None;
    for key in &call.arguments[first..] {
        let set = call.set(key)?.cloned().unwrap_or_default();
        result = Some(result.map_or_else(|| set.clone(), |before| combine(&before, &set)));
    }
    Ok(result.unwrap_or_default())
}

fn store(call: &mut Call<'_>, combine: Combine) -> Answer {
    let set = combined(call, 2, combine)?;
    let (key, count) = (call.argument(1), set.members().len());
    if count == 0 {
        call.remove(key);
    } else {
        call.store(key, Value::Set(set), None);
    }
    Ok(Reply::count(count))
}

/// All at once: the cursor comes back as 0, as Redis does with small sets.
pub(super) fn sscan(call: &mut Call<'_>) -> Answer {
    cursor(call, 2)?;
    let options = ScanOptions::read(call, 3)?;
    let set = call.set(call.argument(1))?;
    let members = set.into_iter().flat_map(|set| set.members()).filter(|member| options.wants(member));
    Ok(Reply::Array(vec![Reply::text("0"), Reply::list(members)]))
}
