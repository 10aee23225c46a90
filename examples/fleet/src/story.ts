import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { generateKeyPair, signPopRequest } from '@oauth-pop/client'
import { startFleet, type Fleet, type Settings } from './fleet.ts'
import { startRedis, type PrivateRedis } from './redis.ts'

/** One step of the story: what was seen and what had to be. */
export interface Step {
  readonly what: string
  readonly seen: string
  readonly expected: string
}

interface Answer {
  readonly status: number
  readonly code: string
  readonly process: string
  readonly handled: number
  readonly nonce: string | undefined
  readonly retryAfter: string | null
  readonly milliseconds: number
}

/** A signed request; whoever sees one can send it. */
type Signed = Readonly<Record<string, string>>

const accessToken = randomBytes(32).toString('base64url')

/** Plays the whole story, and tells each step as it happens. */
export async function playStory(tell: (step: Step) => void): Promise<readonly Step[]> {
  const redis = await startRedis()
  const key = await generateKeyPair({ algorithm: 'ES256' })
  const settingsOf = (url: string, nonceSecrets: readonly string[] = []): Settings => ({
    redisSocket: redis.socket,
    nonceSecrets,
    tokens: {
      [createHash('sha256').update(accessToken).digest('hex')]: {
        aud: url,
        sub: 'alice',
        scope: 'photos:read',
        cnf: { jwk: key.jwk },
      },
    },
  })
  const fleet = await startFleet((url) => settingsOf(url))
  const steps: Step[] = []
  const check = (what: string, seen: string, expected: string): void => {
    const step = { what, seen, expected }
    steps.push(step)
    tell(step)
  }
  const sign = async (nonce?: string): Promise<Signed> => {
    const request = { method: 'GET', url: `${fleet.url}/photos` }
    const credential = await signPopRequest({
      ...request,
      accessToken,
      key,
      ...(nonce && { nonce }),
    })
    return { authorization: `PoP ${credential}` }
  }
  try {
    // The memory of an empty Redis begins when the first process asks it.
    await delay(1200)
    for (const { url } of fleet.members())
      while ((await send(url, await sign())).status !== 200) await delay(50)
    await showReplay(fleet, sign, check)
    await showOutage(fleet, redis, sign, check)
    await showRollingRestart(fleet, settingsOf(fleet.url), sign, check)
    await showNonces(fleet, redis, (secrets) => settingsOf(fleet.url, secrets), sign, check)
  } finally {
    await fleet.close()
    await redis.stop()
  }
  return steps
}

type Sign = (nonce?: string) => Promise<Signed>
type Check = (what: string, seen: string, expected: string) => void

async function send(url: string, headers: Signed): Promise<Answer> {
  const startedAt = performance.now()
  const response = await fetch(`${url}/photos`, { headers })
  const { process = '', handled = 0, code = '' } = (await response.json()) as Partial<Answer>
  const challenge = response.headers.get('www-authenticate') ?? ''
  return {
    status: response.status,
    code,
    process,
    handled,
    nonce: /nonce="([^"]+)"/.exec(challenge)?.[1],
    retryAfter: response.headers.get('retry-after'),
    milliseconds: performance.now() - startedAt,
  }
}

const list = (values: readonly unknown[]): string =>
  [...new Set(values.map(String))].toSorted((a, b) => (a < b ? -1 : 1)).join(' ')

async function showReplay(fleet: Fleet, sign: Sign, check: Check): Promise<void> {
  const answers = []
  for (let count = 0; count < 8; count += 1) answers.push(await send(fleet.url, await sign()))
  const reached = answers.map(({ status, process }) => `${process}:${status}`)
  check('a client is served by', list(reached), 'api-1:200 api-2:200 api-3:200 api-4:200')

  const stolen = await sign()
  const first = await send(fleet.url, stolen)
  const others = fleet.members().filter(({ name }) => name !== first.process)
  const replays = await Promise.all(others.map(({ url }) => send(url, stolen)))
  const outcome = replays.map(({ status, code }) => `${status} ${code}`)
  check('a thief repeats its request at the others', list(outcome), '401 ERR_POP_PROOF_REPLAYED')
}

async function showOutage(
  fleet: Fleet,
  redis: PrivateRedis,
  sign: Sign,
  check: Check,
): Promise<void> {
  const used = await sign()
  await send(fleet.url, used)
  await redis.kill()
  const refused: Answer[] = []
  for (let round = 0; round < 15; round += 1) {
    for (const { url } of fleet.members()) refused.push(await send(url, await sign()))
    await delay(20)
  }
  const outcome = refused.map((one) => `${one.status} ${one.code} Retry-After ${one.retryAfter}`)
  const expected = '503 ERR_POP_REPLAY_UNAVAILABLE Retry-After 1'
  check('Redis is killed, and every process answers', list(outcome), expected)
  const counts = new Set(refused.map(({ process, handled }) => `${process} ${handled}`))
  check('the handler runs for none of them', `${counts.size} counts of 4`, '4 counts of 4')
  check('none of them waits for long', list(refused.map((one) => one.milliseconds < 1000)), 'true')
  check('and each tells of the outage once', String(fleet.outages()), '4')

  // The proof of before is older than the memory of the new Redis.
  await delay(1200)
  await redis.start()
  const backAt = performance.now()
  let back: Answer
  do back = await send(fleet.url, await sign())
  while (back.status !== 200 && performance.now() - backAt < 5000)
  const soon = performance.now() - backAt < 3500
  check(
    'Redis is back, empty, and a new request gets',
    `${back.status} soon: ${soon}`,
    '200 soon: true',
  )
  const replays: Answer[] = []
  for (const { url } of fleet.members()) replays.push(await send(url, used))
  const accepted = replays.filter(({ status }) => status === 200).length
  check('the request of before is accepted', `${accepted} times`, '0 times')
}

async function showRollingRestart(
  fleet: Fleet,
  settings: Settings,
  sign: Sign,
  check: Check,
): Promise<void> {
  await delay(1200)
  const used: Signed[] = []
  const tally = { lost: 0, served: 0, replayed: 0 }
  let restarting = true
  const load = (async () => {
    while (restarting) {
      const signed = await sign()
      if ((await send(fleet.url, signed)).status === 200) tally.served += 1
      else tally.lost += 1
      used.push(signed)
      const earlier = used[Math.floor(Math.random() * used.length)] as Signed
      if ((await send(fleet.url, earlier)).status === 200) tally.replayed += 1
    }
  })()
  await fleet.restart(settings)
  restarting = false
  await load
  check('a rolling restart of all four loses', `${tally.lost} requests`, '0 requests')
  check('and accepts', `${tally.replayed} replays`, '0 replays')
  check('while it serves', tally.served > 10 ? 'many' : `only ${tally.served}`, 'many')
}

async function showNonces(
  fleet: Fleet,
  redis: PrivateRedis,
  settingsOf: (secrets: readonly string[]) => Settings,
  sign: Sign,
  check: Check,
): Promise<void> {
  const [old, fresh] = [randomBytes(32), randomBytes(32)].map((secret) =>
    secret.toString('base64url'),
  ) as [string, string]
  await fleet.restart(settingsOf([old]))
  const asked = await send(fleet.url, await sign())
  check(
    'with server nonces, a proof without one gets',
    `${asked.status} ${asked.code}`,
    '401 ERR_POP_NONCE_MISSING',
  )
  const everywhere = async (): Promise<string> => {
    const answers = []
    for (const { url } of fleet.members()) answers.push(await send(url, await sign(asked.nonce)))
    return list(answers.map(({ status }) => status))
  }
  check('a nonce of one process is good at all', await everywhere(), '200')
  await fleet.restart(settingsOf([old, fresh]))
  await fleet.restart(settingsOf([fresh, old]))
  check('also after the secret has been changed', await everywhere(), '200')

  await redis.kill()
  await redis.start()
  await delay(1500)
  // On a busy machine the processes find their way back a little later.
  let back = await everywhere()
  for (let tries = 0; tries < 10 && back !== '200'; tries += 1) {
    await delay(500)
    back = await everywhere()
  }
  check('Redis forgets everything, and a second later', back, '200')
}
