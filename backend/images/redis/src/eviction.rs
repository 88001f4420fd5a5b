//! Which key goes when memory is full: like Redis, the best of a few chosen by chance
//! ([eviction](https://redis.io/docs/latest/develop/reference/eviction/)).

use crate::call::Data;
use crate::config::Policy;
use crate::database::Key;

/// How many keys are compared: Redis' `maxmemory-samples`.
const SAMPLES: usize = 5;

/// The next key to go, with its database; `None` when the policy lets none go.
pub(crate) fn choose(data: &mut Data, policy: Policy) -> Option<(usize, Key)> {
    if policy == Policy::NoEviction {
        return None;
    }
    let only_expiring = !matches!(policy, Policy::AllKeysLru | Policy::AllKeysRandom);
    let mut best: Option<(i64, usize, Key)> = None;
    for (db, database) in data.databases.iter().enumerate() {
        for _ in 0..SAMPLES {
            let random = &mut data.random;
            let key = match only_expiring {
                true => database.random_expiring_key(random),
                false => database.random_key(random),
            };
            let Some((key, entry)) = key.and_then(|key| Some((key, database.get(key)?))) else { break };
            let rank = match policy {
                Policy::VolatileTtl => entry.expires_at.unwrap_or(i64::MAX),
                Policy::AllKeysLru | Policy::VolatileLru => i64::try_from(entry.used).unwrap_or(i64::MAX),
                _ => i64::try_from(random.next() >> 1).unwrap_or(i64::MAX),
            };
            if best.as_ref().is_none_or(|(other, _, _)| rank < *other) {
                best = Some((rank, db, key.clone()));
            }
        }
    }
    best.map(|(_, db, key)| (db, key))
}
