import { isDeepStrictEqual } from 'node:util'
import { encodeRequest } from '@oauth-pop/testkit'
import { openConnection, type Answer, type Connection } from './connection.ts'
import { startSetup, type Setup } from './setups.ts'
import { toRaw, type Group, type Holders, type Line, type Signed, type Wire } from './signed.ts'
import type { View } from './view.ts'

/** A part of a request of which the handler sees something else than what was signed. */
interface Difference {
  readonly part: string
  readonly signed: unknown
  readonly seen: unknown
}

export interface Verdict {
  readonly status: number
  readonly accepted: boolean
  readonly differences: readonly Difference[]
}

export interface Host {
  readonly setup: Setup
  /** Sends the request with a fresh proof and judges what the handler saw. */
  judge(signed: Signed, wire: Wire): Promise<Verdict>
  close(): Promise<void>
}

export const connectionsOfHost = 4

export async function openHost(
  setup: Setup,
  holders: Holders & { tokens: Parameters<typeof startSetup>[1] },
): Promise<Host> {
  const server = await startSetup(setup, holders.tokens, holders.nowSeconds)
  const connections = Array.from({ length: connectionsOfHost }, () => openConnection(server.port))
  const idle = [...connections]
  const waiting: ((connection: Connection) => void)[] = []
  const references = new Map<string, Promise<View | undefined>>()

  async function send(bytes: Uint8Array): Promise<Answer> {
    const connection =
      idle.pop() ?? (await new Promise<Connection>((resolve) => waiting.push(resolve)))
    const answer = await connection.send(bytes)
    const next = waiting.shift()
    if (next === undefined) idle.push(connection)
    else next(connection)
    return answer
  }

  /** A server may close a connection that is not in use just when it is used again. */
  async function sendAgain(bytes: Uint8Array): Promise<Answer> {
    const answer = await send(bytes)
    return answer.status === 0 ? send(bytes) : answer
  }

  /** How the host reads a request that nobody signed and nobody changed; undefined without a route. */
  function read(method: string, target: string, body?: readonly [string, string]) {
    const key = [method, target, body?.join(' ') ?? ''].join(' ')
    const known = references.get(key)
    if (known !== undefined) return known
    const headers: Line[] = [['Host', setup.hosts[0] ?? '']]
    if (body !== undefined) headers.push(['Content-Type', body[0]])
    const bytes = body && Buffer.from(body[1], 'latin1')
    const view = sendAgain(encodeRequest({ method, target, headers, body: bytes })).then((answer) =>
      answer.status === 200 ? (JSON.parse(answer.body) as View) : undefined,
    )
    references.set(key, view)
    return view
  }

  const home = `${setup.mount}/photos`
  const readGroup = async (group: Group): Promise<unknown> =>
    (await read('GET', `${home}?${group.join('&')}`))?.query

  async function queryDifferences(signed: Signed, { query }: View): Promise<Difference[]> {
    const fold = signed.form === 'text' ? foldText : (value: unknown) => value
    const expected = await Promise.all(signed.query.map(readGroup))
    return expected.flatMap((group, index) => {
      const own = fold(group)
      return isPartOf(own, fold(query))
        ? []
        : [
            {
              part: `query ${signed.query[index]?.slice(0, 4).join('&')}`,
              signed: own,
              seen: query,
            },
          ]
    })
  }

  async function routeDifferences(signed: Signed, view: View): Promise<Difference[]> {
    const { scheme, method, path } = signed
    const isLenient = scheme === 'PoP' && setup.uncoveredQuery === 'allow'
    const slashed = path.endsWith('/') ? path.slice(0, -1) : `${path}/`
    const spellings = isLenient ? [path, slashed] : [path]
    const expected = await Promise.all(spellings.map((spelling) => read(method, spelling || '/')))
    const place = placeOf(view)
    if (expected.some((own) => own !== undefined && isDeepStrictEqual(placeOf(own), place)))
      return []
    return [{ part: 'path', signed: [path, expected[0] && placeOf(expected[0])], seen: place }]
  }

  function hostDifferences(signed: Signed, view: View): Difference[] {
    const seen = view.host.toLowerCase()
    // A single name is compared with the configuration: `Host` may be that of a proxy.
    const counts = setup.isForwarded || setup.hosts.includes(seen)
    return counts && seen !== signed.host ? [{ part: 'host', signed: signed.host, seen }] : []
  }

  async function bodyDifferences(signed: Signed, wire: Wire, view: View): Promise<Difference[]> {
    if (signed.body === undefined) return []
    const about = wire.headers.filter(([name]) => /^content-(?:type|encoding)$/i.test(name))
    // What the octets mean is not signed by `b`.
    if (about.length !== 1 || about[0]?.[1].trim() !== signed.body[0]) return []
    const expected = (await read('POST', home, signed.body))?.body
    if (isDeepStrictEqual(expected, view.body)) return []
    return [{ part: 'body', signed: expected, seen: view.body }]
  }

  async function compare(signed: Signed, wire: Wire, view: View): Promise<Difference[]> {
    const wrong: Difference[] = []
    const check = (part: string, expected: unknown, seen: unknown): void => {
      if (expected !== seen) wrong.push({ part, signed: expected, seen })
    }
    check('scheme', signed.scheme, view.scheme)
    check('method', signed.method, view.method)
    for (const [name, value] of signed.headers) {
      check(`header ${name}`, value, view.headers[name.toLowerCase()])
    }
    // Whoever finds the path in such a target by its first slash finds it in the query.
    if (wire.authority !== '' && wire.path === '') wrong.push(noPath)
    wrong.push(...hostDifferences(signed, view), ...(await routeDifferences(signed, view)))
    wrong.push(...(await queryDifferences(signed, view)))
    wrong.push(...(await bodyDifferences(signed, wire, view)))
    return wrong
  }

  return {
    setup,
    async judge(signed, wire) {
      const { status, body } = await send(encodeRequest(toRaw(wire, signed, holders)))
      if (status !== 200) return { status, accepted: false, differences: [] }
      return { status, accepted: true, differences: await compare(signed, wire, JSON.parse(body)) }
    },
    async close() {
      for (const connection of connections) connection.close()
      await server.close()
    },
  }
}

const noPath: Difference = {
  part: 'target',
  signed: 'a target that names its path',
  seen: 'an absolute form without one',
}

function placeOf({ route, params, path }: View): unknown {
  return { route, params, path: decodePath(path) }
}

/** The same path in one spelling; a trailing slash is the router's business. */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path).replace(/(?<=.)\/$/, '')
  } catch {
    return path
  }
}

/**
 * Whether every text of `expected` is in the same place of `seen`. Objects may have more members,
 * which have names of their own; a text or a list is what it is.
 */
function isPartOf(expected: unknown, seen: unknown): boolean {
  if (!isObject(expected)) return isDeepStrictEqual(expected, seen)
  if (!isObject(seen)) return false
  return Object.keys(expected).every(
    (name) => Object.hasOwn(seen, name) && isPartOf(expected[name], seen[name]),
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What MSAL.js leaves of a query: no letter case, and perhaps no slash at its end. */
function foldText(query: unknown): unknown {
  const text = JSON.stringify(query)
  return text && JSON.parse(text.toLowerCase().replaceAll('/"', '"'))
}
