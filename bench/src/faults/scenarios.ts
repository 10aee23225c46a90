import { latencyOfClaims, claimsPerSecond } from './claim-cost.ts'
import { steppedClocks } from './clocks.ts'
import { oneOwner, forgedProofs, memoryStore } from './floods.ts'
import { unsavedRedis, exhaustedPool, fullDisk, exhaustedLookup } from './exhaustion.ts'
import { heavyKeyLoad } from './heavy-keys.ts'
import { killRedis, killPostgres, failOverCluster } from './kills.ts'
import { killedApi, drained, blockedLoop } from './process-faults.ts'
import { killedRedis, hungRedis, appliedThenReset, answersOfFaults } from './redis-faults.ts'
import { throughputOfFleet } from './scaling.ts'
import { memoryOfRedis, memoryOfPostgres } from './server-memory.ts'
import { soak } from './soak.ts'
import { stormOnRedis, stormOnPostgres, identicalRequests, rollingRestart } from './storms.ts'
import { introspection, keySets, unknownKeys } from './token-sources.ts'
import { sustainedLoad, uncachedLoad, mixedLoad } from './valid-load.ts'
import type { Scenario } from './scenario.ts'

type Amounts = readonly [full: number, short: number | false, unit: string]

function scenario(
  name: string,
  [full, short, unit]: Amounts,
  run: Scenario['run'],
  title: string,
  criterion: string,
): Scenario {
  return { name, title, criterion, unit, full, short, run }
}

/** Names as in the plan for load and faults, how much in the full and in the short form, and what runs. */
// oxfmt-ignore
export const scenarios: readonly Scenario[] = [
  scenario('L1', [120, 3, 's'], sustainedLoad,
    'valid requests on 20 connections, tokens remembered',
    'all answered; rate over plain at least 0.25 (Express 0.45), p99 at most 6 times plain and under 150 ms, event-loop delay p99 under 50 ms'),
  scenario('L2', [60, false, 's'], uncachedLoad,
    'the same, tokens verified each time',
    'all answered; rate over plain at least 0.10 (Express 0.25)'),
  scenario('L3', [120, false, 's'], mixedLoad,
    'as many attacks as valid requests',
    'valid goodput at least 0.80; no attack accepted; no 5xx'),
  scenario('L4-redis', [10_000, 1000, 'proofs'], stormOnRedis,
    'every proof 10 times in random order over 4 processes, Redis',
    'each accepted exactly once'),
  scenario('L4-postgres', [10_000, 500, 'proofs'], stormOnPostgres,
    'the same, PostgreSQL',
    'each accepted exactly once'),
  scenario('L5', [200, 4, 'rounds'], identicalRequests,
    '1,000 identical requests at once, memory and Redis',
    'one accepted in each round'),
  scenario('L6', [60, false, 's'], heavyKeyLoad,
    'keys that are costly to verify with, at 500 per second',
    'refused for under 0.3 ms of CPU time each; valid p99 under 200 ms, goodput at least 0.80'),
  scenario('L7', [1_000_000, 200_000, 'claims'], oneOwner,
    'one key claims without end, memory store',
    'its limit holds; heap, resident set and event loop stay within limits; others are not refused'),
  scenario('L8', [1_000_000, 100_000, 'proofs'], forgedProofs,
    'forged proofs',
    'the store is not asked; resident set under 20 MB more; under 0.5 ms of CPU time each'),
  scenario('L9', [600, false, 's'], soak,
    '500 valid requests and 50 attacks per second for long',
    'heap of the last quarter at most 1.05 of the first; no more handles'),
  scenario('F1', [20, 3, 's'], killedRedis,
    'Redis killed under load',
    'from 300 ms on all 503 with Retry-After, none over 500 ms; back within 2 s; no replay accepted'),
  scenario('F2', [20, 3, 's'], hungRedis,
    'Redis hangs',
    'all 503 within 350 ms; at most one new connection per second; heap flat'),
  scenario('F3', [60, 5, 's'], appliedThenReset,
    'Redis does 5 % of what it is asked and resets the connection',
    'none accepted twice; those are 503; new proofs are accepted'),
  scenario('F4', [10, 1, 's each'], answersOfFaults,
    'READONLY, OOM, LOADING, MOVED, garbage, reset',
    'all 503; at most one line per second'),
  scenario('F5', [20, false, 's each'], introspection,
    'introspection: late, 500, 429, hang, reset, drip, 300 MB',
    '503 within 2.5 s; at most 16 at once; remembered tokens accepted; back within 5 s'),
  scenario('F6', [30, 3, 's'], keySets,
    'key set: down at boot, down at refresh, rotated, 300 MB, HTML, empty',
    '503 without keys; the last good ones serve for an hour; removed ones are refused'),
  scenario('F7', [60, 5, 's'], unknownKeys,
    '1,000 tokens per second with unknown keys',
    'at most 2 fetches in 30 s'),
  scenario('F8', [1, 1, 'times over'], steppedClocks,
    'clock steps of one process: an hour, a second, a drift',
    'no replay accepted; accepted again once the clocks agree; nothing throws'),
  scenario('F9', [60, 10, 's'], killedApi,
    'API killed every 5 s, all proofs come again',
    'no replay accepted, Redis and memory store'),
  scenario('F10', [20, 20, 'requests each'], drained,
    'SIGTERM with requests under way',
    'all are answered; the process ends by itself within 5 s'),
  scenario('F11', [20, 3, 'blocks'], blockedLoop,
    'the application blocks the event loop for 500 ms',
    'at most one deadline fires for each block; nothing else is refused'),
  scenario('F12-redis', [20, 2, 's'], unsavedRedis,
    'Redis cannot save, and refuses writes',
    'all 503 within 350 ms; back within 2 s; no replay accepted'),
  scenario('F12-pool', [20, 2, 's'], exhaustedPool,
    'PostgreSQL store whose pool of one connection is held',
    'all 503 within 350 ms; back within 2 s; no replay accepted'),
  scenario('F12-disk', [20, false, 's'], fullDisk,
    'PostgreSQL store whose table cannot grow, then a restart with room',
    'all 503 within 350 ms; accepted by every process after the restart; no replay accepted'),
  scenario('F12-lookup', [15, false, 's each'], exhaustedLookup,
    'storedTokens whose pool is held, with a limit of 1 s of its own and without',
    '503 within its limit, or the 10 s that a lookup has; accepted when it is released'),
  scenario('F13', [10_000, 1000, 'proofs'], rollingRestart,
    'rolling restart of 4 processes under replays, Redis',
    'no replay accepted'),
  scenario('K1', [10, 3, 's each'], killRedis,
    'kill -9 of Redis under replay, without and with persistence',
    'no replay accepted'),
  scenario('K2', [10, 3, 's'], killPostgres,
    'kill -9 of PostgreSQL under replay',
    'no replay accepted'),
  scenario('K3', [10, 4, 's each'], failOverCluster,
    'failover in a Redis Cluster under replay, also to a replica that lags',
    'no replay accepted'),
  scenario('C1', [120, false, 'rounds'], latencyOfClaims,
    'time of a claim over that of one bare round trip of the same client',
    'at most 1.1'),
  scenario('C2', [5, false, 's each'], claimsPerSecond,
    'claims per second at 64 in flight, each client',
    'all are answered'),
  scenario('C3', [15, false, 'rounds'], throughputOfFleet,
    '4 processes over 1, Redis',
    'requests for a second of CPU time at least 0.95'),
  scenario('M1', [1_000_000, 1_000_000, 'entries'], memoryStore,
    'live entries in the memory store, 1,000 owners',
    'heap at most 64 bytes each; no turn of the event loop over 50 ms'),
  scenario('M2', [1_000_000, false, 'entries'], memoryOfRedis,
    'live entries in Redis, 1,000 owners',
    'all there'),
  scenario('M3', [1_000_000, false, 'entries'], memoryOfPostgres,
    'live entries in PostgreSQL, 1,000 owners',
    'all there'),
]
