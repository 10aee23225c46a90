import { createHash } from 'node:crypto'

/** A Lua script, and the name under which Redis knows it once it has run. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

function script(...parts: readonly string[]): Script {
  const text = parts.join('\n')
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}

/**
 * Since when this Redis remembers, by its own clock: `began`. The epoch is of one history. A process
 * that starts anew, a replica that is promoted and a backup that is restored each have a history of
 * their own (`master_replid`), and none is known to hold what the one before had acknowledged; a
 * flushed Redis has no epoch. A clock that was ahead and came back may have let entries expire.
 */
const epoch = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = redis.call('HMGET', KEYS[1], 'history', 'began', 'ahead')
local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
if not history then
  return redis.error_reply('ERR INFO replication names no master_replid')
end
local began = tonumber(epoch[2])
if epoch[1] ~= history or not began or began > now or tonumber(epoch[3] or 0) > now then
  began = now
  redis.call('HSET', KEYS[1], 'history', history, 'began', now, 'ahead', 0)
end`

/**
 * One claim: see `Answer` in core for what it says and in which order.
 *
 * Live entries of one owner are counted by the time of their expiry, in spans of 32 seconds, so that
 * nothing is ever swept. Keys: epoch, entry, owner. Arguments: latest, ahead, behind (milliseconds),
 * issuedAt, forgetAt (seconds), maxEntriesPerOwner, number.
 */
export const claimScript = script(
  epoch,
  `
local latest, number = tonumber(ARGV[1]), tonumber(ARGV[7])
local offset = now - latest
if offset > tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], 'ahead', now)
  return {'clock', offset, number}
end
if offset < -tonumber(ARGV[3]) then return {'clock', offset, number} end

if redis.call('EXISTS', KEYS[2]) == 1 then return {'replay', 0, number} end

local remembers = latest - (now - began)
local vouched = math.ceil(remembers / 1000)
if tonumber(ARGV[4]) < vouched then return {'too-old', vouched, number} end

local oldest = math.floor(now / 32000)
local live = 0
local counts = redis.call('HGETALL', KEYS[3])
for at = 1, #counts, 2 do
  if tonumber(counts[at]) < oldest then
    redis.call('HDEL', KEYS[3], counts[at])
  else
    live = live + tonumber(counts[at + 1])
  end
end
if live >= tonumber(ARGV[6]) then return {'owner-full', 0, number} end

local forgetAt = tonumber(ARGV[5])
redis.call('SET', KEYS[2], '', 'PX', forgetAt * 1000 - now)
local span = math.floor(forgetAt / 32)
if redis.call('HINCRBY', KEYS[3], span, 1) == 1 then
  local left = (span + 1) * 32000 - now
  if redis.call('PTTL', KEYS[3]) < left then redis.call('PEXPIRE', KEYS[3], left) end
end
return {'first', remembers, number}`,
)

/** Begins the epoch where there is none, and tells what decides whether entries can be lost. Key: epoch. */
export const inspectScript = script(
  epoch,
  `return {redis.call('INFO', 'memory'), redis.call('INFO', 'replication'), redis.call('INFO', 'cluster')}`,
)
