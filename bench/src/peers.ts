import { randomBytes } from 'node:crypto'
import { measureLoad, startChild, type Child } from './child.ts'
import { createDpopClient, type DpopClient } from './dpop-proofs.ts'
import { format, quartiles } from './interleave.ts'
import { openLoad, type Load } from './load.ts'

const rows = ['without nonces', 'nonces offered', 'nonces required', 'without token cache'] as const
const names = ['bare', 'theirs', ...rows] as const
const connections = 10
const requestsPerBlock = 250
const rounds = 48
const warmUp = 18

/** Bare Express, Express with `express-oauth2-jwt-bearer`, and Express with ours in four forms. */
export type PeerName = (typeof names)[number]

export interface PeerSetup {
  readonly name: PeerName
  readonly jwks: DpopClient['jwks']
  /** Of the nonces, in hex. */
  readonly secret: string
}

interface Peer extends Child<number> {
  readonly load: Load
  readonly messages: readonly string[]
}

/** Microseconds of server CPU time per request, in one round. */
type Costs = Readonly<Record<PeerName, number>>

/** What DPoP costs beyond bare Express, ours over `express-oauth2-jwt-bearer`. */
export async function benchPeers(): Promise<void> {
  console.log(
    '\nDPoP beyond bare Express, ours over express-oauth2-jwt-bearer, server CPU time, median (quartiles)',
  )
  const costs = await measure()
  for (const row of rows) {
    const ratio = quartiles(
      costs.map((cost) => (cost[row] - cost.bare) / (cost.theirs - cost.bare)),
    )
    const [own, theirs] = [row, 'theirs' as const].map(
      (name) => quartiles(costs.map((cost) => cost[name] - cost.bare)).median,
    ) as [number, number]
    console.log(
      `${row}  ${format(ratio)}   ${own.toFixed(0)} over ${theirs.toFixed(0)} microseconds`,
    )
  }
  console.log(
    `bare Express  ${quartiles(costs.map(({ bare }) => bare)).median.toFixed(0)} microseconds`,
  )
}

async function measure(): Promise<readonly Costs[]> {
  const peers = await startPeers()
  const costs: Costs[] = []
  for (let round = 0; round < rounds + warmUp; round += 1) {
    const measured = new Map<PeerName, number>()
    for (const name of orderOf(round)) {
      const { child, load, messages } = peers.get(name) as Peer
      const block = messages.slice(round * requestsPerBlock, (round + 1) * requestsPerBlock)
      measured.set(name, (await measureLoad(child, load, block)).cpu)
    }
    if (round >= warmUp) costs.push(Object.fromEntries(measured) as Costs)
  }
  for (const { load, child } of peers.values()) {
    load.close()
    child.disconnect()
  }
  return costs
}

/** Each has a process of its own, so that no other one's garbage and no other one's code is in its way. */
async function startPeers(): Promise<ReadonlyMap<PeerName, Peer>> {
  const client = createDpopClient()
  const secret = randomBytes(32).toString('hex')
  const children = new Map<PeerName, Child<number>>()
  for (const name of names) {
    const setup: PeerSetup = { name, jwks: client.jwks, secret }
    // Without the condition for sources: users run what is built.
    const file = new URL('./peer-server.ts', import.meta.url)
    children.set(name, await startChild(file, [JSON.stringify(setup)], ['--expose-gc']))
  }
  const count = requestsPerBlock * (rounds + warmUp)
  const plain = client.createMessages(count)
  const nonce = await askNonce((children.get('nonces required') as Child<number>).ready)
  const withNonce = client.createMessages(count, { nonce })
  const peers = new Map<PeerName, Peer>()
  for (const [name, { child, ready }] of children) {
    const messages = name.startsWith('nonces') ? withNonce : plain
    peers.set(name, { child, ready, messages, load: await openLoad(ready, connections) })
  }
  return peers
}

/** Both servers with nonces make them with one secret, for one URL: one nonce is good for both. */
async function askNonce(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/photos/0`)
  await response.arrayBuffer()
  const nonce = response.headers.get('dpop-nonce')
  if (nonce === null) throw new Error('no nonce')
  return nonce
}

/** Each name is in each place equally often, and every second round turns the order. */
function orderOf(round: number): readonly PeerName[] {
  const start = Math.floor(round / 2) % names.length
  const turned = [...names.slice(start), ...names.slice(0, start)]
  return round % 2 === 0 ? turned : turned.toReversed()
}
