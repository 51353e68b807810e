//! What runs inside the server, each as one step that nobody sees half of.
//!
//! A record is one hash: `commit` and `head`; `state:NAME` → the name of that state's blob; `blob:NAME` → its bytes.
//! So a load needs one round trip, and erasing a record is one `UNLINK`. The records of an application are listed in
//! a sorted set of their keys; those of them that lead to other homes in one more, sorted by when they end.
//!
//! The first line of each makes the server refuse it as a whole, before its first write, when it is read-only, out of
//! memory or cannot write its log; without it, a script could stop half-way. It needs Redis 7.

use redis::Script;

/// KEYS: record. ARGV: states. Gives the head and, for each state, the bytes of its blob if it has one; or nothing.
const LOAD: &str = "#!lua flags=no-writes
local head = redis.call('HGET', KEYS[1], 'head')
if not head then return false end
local found = {head}
for at = 1, #ARGV do
  local blob = redis.call('HGET', KEYS[1], 'state:' .. ARGV[at])
  found[at + 1] = blob and redis.call('HGET', KEYS[1], 'blob:' .. blob)
end
return found
";

/// KEYS: record, index, forwards. ARGV: the commit that must stand or nothing, the new one, its head, the record's key,
/// what stands before a record's key, in how many ms it goes or 0 for a forward, when it ends, how many fields to keep,
/// these, and then fields and their values. Gives 1, or 0 and the head that stands.
///
/// What can fail by the type of a key comes before the first write. A record that goes by itself leaves its key in
/// the index: each that comes looks at some others, so that most of the index is of records that are there.
const COMMIT: &str = "#!lua
local stands = redis.call('HGET', KEYS[1], 'commit') or ''
if stands ~= ARGV[1] then
  return {0, redis.call('HGET', KEYS[1], 'head')}
end
redis.call('ZREM', KEYS[3], ARGV[4])
if stands == '' then
  for _, key in ipairs(redis.call('ZRANDMEMBER', KEYS[2], 4)) do
    if redis.call('EXISTS', ARGV[5] .. key) == 0 then redis.call('ZREM', KEYS[2], key) end
  end
  redis.call('ZADD', KEYS[2], 0, ARGV[4])
end
local keep = {commit = true, head = true}
local first = 9 + tonumber(ARGV[8])
for at = 9, first - 1 do keep[ARGV[at]] = true end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if not keep[field] then redis.call('HDEL', KEYS[1], field) end
end
for at = first, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1]) end
redis.call('HSET', KEYS[1], 'commit', ARGV[2], 'head', ARGV[3])
if ARGV[6] == '0' then
  redis.call('PERSIST', KEYS[1])
  redis.call('ZADD', KEYS[3], ARGV[7], ARGV[4])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
end
return {1}
";

/// KEYS: index. ARGV: first key, at most how many, what stands before a record's key. Gives the last key that was
/// looked at if there may be more, those whose record has gone, and keys and heads in turn.
const LIST: &str = "#!lua flags=no-writes
local found, gone = {}, {}
local keys = redis.call('ZRANGE', KEYS[1], ARGV[1], '+', 'BYLEX', 'LIMIT', 0, ARGV[2])
for _, key in ipairs(keys) do
  local head = redis.call('HGET', ARGV[3] .. key, 'head')
  if head then
    found[#found + 1] = key
    found[#found + 1] = head
  else
    gone[#gone + 1] = key
  end
end
return {#keys == tonumber(ARGV[2]) and keys[#keys] or '', gone, found}
";

/// KEYS: index. ARGV: what stands before a record's key, keys. Those whose record has gone go from the index.
const TIDY: &str = "#!lua
for at = 2, #ARGV do
  if redis.call('EXISTS', ARGV[1] .. ARGV[at]) == 0 then redis.call('ZREM', KEYS[1], ARGV[at]) end
end
return 1
";

/// KEYS: record, index, forwards. ARGV: the record's key.
const ERASE: &str = "#!lua
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return redis.call('UNLINK', KEYS[1])
";

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) load: Script,
    pub(super) commit: Script,
    pub(super) list: Script,
    pub(super) tidy: Script,
    pub(super) erase: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            load: Script::new(LOAD),
            commit: Script::new(COMMIT),
            list: Script::new(LIST),
            tidy: Script::new(TIDY),
            erase: Script::new(ERASE),
        }
    }

    pub(super) fn all(&self) -> [&Script; 5] {
        [&self.load, &self.commit, &self.list, &self.tidy, &self.erase]
    }
}
