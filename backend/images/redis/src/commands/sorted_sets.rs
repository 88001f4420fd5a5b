//! Sorted sets ([commands](https://redis.io/docs/latest/commands/?group=sorted-set)); refusals are those of Redis'
//! `t_zset.c`.

use super::keys::{ScanOptions, cursor};
use crate::call::Call;
use crate::fault::{Answer, Fault, said};
use crate::float;
use crate::resp::{Reply, number};
use crate::value::Score;

/// What `ZADD` was told beside scores and members.
#[derive(Default, Clone, Copy)]
struct AddOptions {
    only_new: bool,
    only_old: bool,
    greater: bool,
    less: bool,
    counts_changes: bool,
    increments: bool,
}

pub(super) fn zadd(call: &mut Call<'_>) -> Answer {
    let (options, first) = add_options(call)?;
    let pairs = &call.arguments[first..];
    if pairs.is_empty() || !pairs.len().is_multiple_of(2) {
        return Err(Fault::SYNTAX);
    }
    if options.increments && pairs.len() > 2 {
        return Err(said("ERR INCR option supports a single increment-element pair"));
    }
    let scores: Result<Vec<f64>, Fault> =
        pairs.iter().step_by(2).map(|score| float::parse(score).ok_or(Fault::NOT_FLOAT)).collect();
    let members = pairs.iter().skip(1).step_by(2);
    let (mut count, mut last) = (0, None);
    for (score, member) in scores?.into_iter().zip(members) {
        let (is_new, is_changed, score) = add(call, options, score, member)?;
        count += usize::from(is_new || options.counts_changes && is_changed);
        last = score;
    }
    match options.increments {
        true => Ok(last.map_or(Reply::Nil, Reply::Double)),
        false => Ok(Reply::count(count)),
    }
}

fn add_options(call: &Call<'_>) -> Result<(AddOptions, usize), Fault> {
    let (mut options, mut at) = (AddOptions::default(), 2);
    loop {
        match call.argument(at).to_ascii_uppercase().as_slice() {
            b"NX" => options.only_new = true,
            b"XX" => options.only_old = true,
            b"GT" => options.greater = true,
            b"LT" => options.less = true,
            b"CH" => options.counts_changes = true,
            b"INCR" => options.increments = true,
            _ => break,
        }
        at += 1;
    }
    if options.only_new && options.only_old {
        return Err(said("ERR XX and NX options at the same time are not compatible"));
    }
    let both = options.greater && options.less;
    if both || options.only_new && (options.greater || options.less) {
        return Err(said("ERR GT, LT, and/or NX options at the same time are not compatible"));
    }
    Ok((options, at))
}

/// Adds one member, or raises it. Whether it is new, whether it changed, and its score if it was not held back.
fn add(
    call: &mut Call<'_>,
    options: AddOptions,
    score: f64,
    member: &[u8],
) -> Result<(bool, bool, Option<f64>), Fault> {
    let key = call.argument(1);
    let before = call.sorted_set(key)?.and_then(|set| set.score(member));
    let score = if options.increments { before.unwrap_or(0.0) + score } else { score };
    if score.is_nan() {
        return Err(said("ERR resulting score is not a number (NaN)"));
    }
    let held_back = match before {
        None => options.only_old,
        Some(before) => {
            options.only_new || options.greater && score <= before || options.less && score >= before
        }
    };
    if held_back {
        return Ok((false, false, None));
    }
    let is_changed = before != Some(score);
    if is_changed {
        call.sorted_set_mut(key)?.insert(member, score);
        call.touch(key);
    }
    Ok((before.is_none(), is_changed, Some(score)))
}

pub(super) fn zincrby(call: &mut Call<'_>) -> Answer {
    let (by, member) = (call.float(2)?, call.argument(3));
    let options = AddOptions { increments: true, ..AddOptions::default() };
    let (_, _, score) = add(call, options, by, member)?;
    Ok(score.map_or(Reply::Nil, Reply::Double))
}

pub(super) fn zrem(call: &mut Call<'_>) -> Answer {
    let (key, members) = (call.argument(1), &call.arguments[2..]);
    if call.sorted_set(key)?.is_none() {
        return Ok(Reply::Integer(0));
    }
    let set = call.sorted_set_mut(key)?;
    let removed = members.iter().filter(|member| set.remove(member)).count();
    if removed > 0 {
        call.touch(key);
    }
    Ok(Reply::count(removed))
}

pub(super) fn zcard(call: &mut Call<'_>) -> Answer {
    Ok(Reply::count(call.sorted_set(call.argument(1))?.map_or(0, |set| set.order().len())))
}

pub(super) fn zscore(call: &mut Call<'_>) -> Answer {
    let member = call.argument(2);
    let score = call.sorted_set(call.argument(1))?.and_then(|set| set.score(member));
    Ok(score.map_or(Reply::Nil, Reply::Double))
}

pub(super) fn zmscore(call: &mut Call<'_>) -> Answer {
    let members = &call.arguments[2..];
    let set = call.sorted_set(call.argument(1))?;
    let score = |member: &Vec<u8>| set.and_then(|set| set.score(member)).map_or(Reply::Nil, Reply::Double);
    Ok(Reply::Array(members.iter().map(score).collect()))
}

pub(super) fn zrank(call: &mut Call<'_>) -> Answer {
    rank(call, false)
}

pub(super) fn zrevrank(call: &mut Call<'_>) -> Answer {
    rank(call, true)
}

fn rank(call: &mut Call<'_>, from_end: bool) -> Answer {
    let member = call.argument(2);
    let with_score = match call.arguments.len() {
        3 => false,
        4 if call.is(3, "WITHSCORE") => true,
        _ => return Err(Fault::SYNTAX),
    };
    let Some(set) = call.sorted_set(call.argument(1))? else { return Ok(Reply::Nil) };
    let Some(score) = set.score(member) else { return Ok(Reply::Nil) };
    let before = set.order().range(..(Score(score), member.to_vec())).count();
    let rank = Reply::count(if from_end { set.order().len() - 1 - before } else { before });
    Ok(if with_score { Reply::Array(vec![rank, Reply::Double(score)]) } else { rank })
}

pub(super) fn zpopmin(call: &mut Call<'_>) -> Answer {
    pop(call, false)
}

pub(super) fn zpopmax(call: &mut Call<'_>) -> Answer {
    pop(call, true)
}

fn pop(call: &mut Call<'_>, from_end: bool) -> Answer {
    let key = call.argument(1);
    let count = match call.arguments.get(2) {
        Some(count) => {
            number(count).and_then(|count| usize::try_from(count).ok()).ok_or(Fault::NOT_POSITIVE)?
        }
        None => 1,
    };
    if call.arguments.len() > 3 {
        return Err(Fault::SYNTAX);
    }
    let Some(set) = call.sorted_set(key)? else { return Ok(Reply::Array(Vec::new())) };
    let taken: Vec<(Score, Vec<u8>)> = match from_end {
        true => set.order().iter().rev().take(count).cloned().collect(),
        false => set.order().iter().take(count).cloned().collect(),
    };
    for (_, member) in &taken {
        call.sorted_set_mut(key)?.remove(member);
    }
    if !taken.is_empty() {
        call.touch(key);
    }
    let pair = |(score, member): &(Score, Vec<u8>)| [Reply::text(member), Reply::Double(score.0)];
    Ok(Reply::Array(taken.iter().flat_map(pair).collect()))
}

/// All at once: the cursor comes back as 0, as Redis does with small sets.
pub(super) fn zscan(call: &mut Call<'_>) -> Answer {
    cursor(call, 2)?;
    let options = ScanOptions::read(call, 3)?;
    let set = call.sorted_set(call.argument(1))?;
    let members = set.into_iter().flat_map(|set| set.order()).filter(|(_, member)| options.wants(member));
    let items = members.flat_map(|(score, member)| [Reply::text(member), Reply::text(float::text(score.0))]);
    Ok(Reply::Array(vec![Reply::text("0"), Reply::Array(items.collect())]))
}
