import { hashOf, signDpop, signPop, type Holder, type RawRequest } from '@oauth-pop/testkit'
import { pick, type Random } from '../../../packages/core/test/fuzz/mutator.ts'
import type { Setup } from './setups.ts'

export type Line = readonly [name: string, value: string]

/** Segments of a query that make one member of what a parser gives. */
export type Group = readonly string[]

/** What the client signs. */
export interface Signed {
  readonly scheme: 'PoP' | 'DPoP'
  readonly method: string
  readonly host: string
  readonly path: string
  /** `list`: `q` lists names. `text`: the whole query as MSAL.js signs it. DPoP signs none. */
  readonly form: 'list' | 'text' | 'none'
  readonly query: readonly Group[]
  readonly headers: readonly Line[]
  /** With its content type, which is not signed by `b`. */
  readonly body: readonly [type: string, text: string] | undefined
}

/** What arrives. `$` in a header or in the query stands for the proof, made anew each time. */
export interface Wire {
  readonly method: string
  /** `https://host` in front of the path, or nothing. */
  readonly authority: string
  readonly path: string
  /** Undefined: no `?`. */
  readonly query: readonly string[] | undefined
  readonly headers: readonly Line[]
  readonly body: string | undefined
  readonly chunkBytes: number | undefined
}

const groups: readonly Group[] = [
  ['to=alice'],
  ['id=7'],
  ['dryRun=true'],
  ['note=a+b%20c'],
  ['v=%zz'],
  ['empty='],
  ['x==y'],
  ['%74wo=2'],
  ['caf%C3%A9=1'],
  ['bad%E9=1'],
  ['list=a,b;c'],
  ['filter[owner]=alice'],
  ['where[a]=1', 'where[b]=2'],
  ['ids[]=1'],
  ['nrs[0]=1', 'nrs[1]=2'],
  ['deep[a][b][c]=1'],
  ['dot.ted=1'],
  ['enc%5Ba%5D=1'],
  ['constructor=1'],
  ['__proto__=1'],
]

const headerPool: readonly Line[] = [
  ['X-Tenant', 't1'],
  ['If-Match', '"abc"'],
  ['X-List', 'a, b'],
  ['Cookie', 'a=1; b=2'],
  ['Accept', 'application/json'],
  ['X-Latin', 'caf\xe9'],
  ['X-Under_score', 'u'],
  ['User-Agent', 'test'],
]

const bodies: readonly (readonly [type: string, text: string])[] = [
  ['application/json', '{"to":"alice","amounts":[1,2]}'],
  ['application/x-www-form-urlencoded', 'to=alice&amounts=1&amounts=2'],
  ['text/plain', 'to alice'],
]

const paths = [
  '/',
  '/',
  '/photos',
  '/photos/7',
  '/photos/a%2Fb',
  '/photos/%61',
  '/admin',
  '/x',
  '/billing/x',
]

/** Some members of a list, in its order. */
function some<T>(list: readonly T[], most: number, random: Random): readonly T[] {
  const wanted = random(most + 1)
  return list
    .map((value) => ({ value, rank: random(1_000_000) }))
    .toSorted((one, other) => one.rank - other.rank)
    .slice(0, wanted)
    .map(({ value }) => value)
}

const nothing: Group = Array.from({ length: 1000 }, () => '')

/** Whoever signs a text may sign one that is longer than parsers read. */
function longText(form: Signed['form'], random: Random): readonly Group[] {
  return form === 'text' && random(20) === 0 ? [nothing] : []
}

export function generateSigned(setup: Setup, random: Random): Signed {
  const scheme = random(6) === 0 ? 'DPoP' : 'PoP'
  const isPop = scheme === 'PoP'
  const method = pick(['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE'], random)
  const takesBody = method === 'POST' || method === 'PUT'
  const form = isPop ? pick(['list', 'list', 'list', 'text', 'none'] as const, random) : 'none'
  return {
    scheme,
    method,
    host: pick(setup.hosts, random),
    // An application that is mounted must not take a path for its own that lacks the mount path.
    path: (random(3) === 0 ? '' : setup.mount) + pick(paths, random),
    form,
    query: form === 'none' ? [] : [...longText(form, random), ...some(groups, 4, random)],
    headers: isPop && random(2) === 0 ? some(headerPool, 3, random) : [],
    body: takesBody && isPop && random(2) === 0 ? pick(bodies, random) : undefined,
  }
}

/** The request as the client means it. */
export function honestWire(signed: Signed, setup: Setup): Wire {
  const { scheme, method, host, path, query, headers, body } = signed
  const named: readonly Line[] = setup.isForwarded
    ? [
        ['Host', 'internal.example.net'],
        ['X-Forwarded-Host', host],
        ['X-Forwarded-Proto', 'https'],
      ]
    : [['Host', host]]
  const credential: readonly Line[] =
    scheme === 'PoP'
      ? [['Authorization', 'PoP $']]
      : [
          ['Authorization', 'DPoP $token'],
          ['DPoP', '$'],
        ]
  const type: readonly Line[] = body === undefined ? [] : [['Content-Type', body[0]]]
  return {
    method,
    authority: '',
    path,
    query: query.length === 0 ? undefined : query.flat(),
    headers: [...named, ...credential, ...type, ...headers],
    body: body?.[1],
    chunkBytes: undefined,
  }
}

export interface Holders {
  readonly pop: Holder
  readonly dpop: Holder
  readonly nowSeconds: number
}

function signProof(signed: Signed, { pop, dpop, nowSeconds }: Holders): string {
  const { method, host, path, form, query, headers, body } = signed
  if (signed.scheme === 'DPoP') {
    return signDpop(dpop, nowSeconds, { htm: method, htu: `https://${host}${path}` })
  }
  const segments = query.flat()
  const text = segments.join('&')
  const names = segments.map((segment) => segment.split('=', 1)[0])
  const lines = headers.map(([name, value]) => `${name}: ${value}`).join('\n')
  return signPop(pop, nowSeconds, {
    m: method,
    u: host,
    p: path,
    ...(form === 'list' && { q: [names, hashOf(text)] }),
    ...(form === 'text' && { q: [[], text === '' ? hashOf('') : text.toLowerCase()] }),
    ...(headers.length > 0 && {
      h: [headers.map(([name]) => name), hashOf(Buffer.from(lines, 'latin1'))],
    }),
    ...(body && { b: hashOf(body[1]) }),
  })
}

/** Puts a fresh proof in. */
export function toRaw(wire: Wire, signed: Signed, holders: Holders): RawRequest {
  const proof = signProof(signed, holders)
  const insert = (text: string): string =>
    text.includes('$') ? text.replace('$token', holders.dpop.accessToken).replace('$', proof) : text
  const { method, headers, body, chunkBytes } = wire
  return {
    method,
    target: insert(targetOf(wire)),
    headers: headers.map(([name, value]) => [name, insert(value)] as const),
    body: body === undefined ? undefined : Buffer.from(body, 'latin1'),
    ...(chunkBytes !== undefined && { chunkBytes }),
  }
}

export function targetOf({ authority, path, query }: Wire): string {
  return `${authority}${path}${query === undefined ? '' : `?${query.join('&')}`}`
}
