import { pick, type Random } from '../../../packages/core/test/fuzz/mutator.ts'
import type { Line, Signed, Wire } from './signed.ts'

/** What an attacker, or somebody on the way, does to a request that is signed. */
type Change = (wire: Wire, random: Random, signed: Signed) => Wire

function insert<T>(list: readonly T[], at: number, ...items: readonly T[]): readonly T[] {
  return [...list.slice(0, at), ...items, ...list.slice(at)]
}

function repeat<T>(item: T, count: number): readonly T[] {
  return Array.from({ length: count }, () => item)
}

function shuffle<T>(list: readonly T[], random: Random): readonly T[] {
  return list
    .map((item) => ({ item, rank: random(1_000_000) }))
    .toSorted((one, other) => one.rank - other.rank)
    .map(({ item }) => item)
}

function addSegments(wire: Wire, random: Random, ...segments: readonly string[]): Wire {
  const query = wire.query ?? []
  const at = pick([0, query.length, random(query.length + 1)], random)
  return { ...wire, query: insert(query, at, ...segments) }
}

function addLines(wire: Wire, random: Random, ...lines: readonly Line[]): Wire {
  const at = pick([0, wire.headers.length, random(wire.headers.length + 1)], random)
  return { ...wire, headers: insert(wire.headers, at, ...lines) }
}

function setHeader(wire: Wire, wanted: string, value: string): Wire {
  const headers = wire.headers.map(([name, own]): Line => [
    name,
    name.toLowerCase() === wanted ? value : own,
  ])
  return { ...wire, headers }
}

/** Where parsers stop counting. */
const limits = [10, 63, 64, 999, 1000, 1001]

const fillQuery: Change = (wire, random) => {
  const segment = pick(['', '', '', 'z', 'z=1', '&', '='], random)
  // A name of its own for each: some parsers take a time that is quadratic in equal ones.
  const segments = repeat(segment, pick(limits, random)).map((text, index) =>
    text.replace('z', `z${index}`),
  )
  return addSegments(wire, random, ...segments)
}

/** In front of the headers, where those that count come last. */
const fillHeaders: Change = (wire, random) => {
  const name = pick(['a', 'a', 'A', 'X-A', '__proto__'], random)
  const line: Line = [name, pick(['', '', '1'], random)]
  const count = pick([...limits, 1100, 1980], random)
  const at = pick([0, random(wire.headers.length + 1)], random)
  return { ...wire, headers: insert(wire.headers, at, ...repeat(line, count)) }
}

function escape(text: string, at: number): string {
  const code = Buffer.from(text.slice(at, at + 1), 'latin1').toString('hex')
  return `${text.slice(0, at)}%${code}${text.slice(at + 1)}`
}

/** Names that some parser may take for `name`, for a part of it, or for what it is a part of. */
function lookAlikes(name: string, random: Random): readonly string[] {
  const root = name.split(/[[.]|%5B/i, 1)[0] ?? ''
  return [
    name,
    root,
    ...[name, root].flatMap((own) => [
      `[${own}]`,
      `[${own}`,
      `${own}]`,
      `${own}[]`,
      `${own}[0]`,
      `${own}[x]`,
      `${own}[owner]`,
      `${own}[`,
      `${own}[]x`,
      `${own}.a`,
      `${own}%5B%5D`,
      `${own}%5b0]`,
      `%5B${own}%5D`,
      `[${own}][]`,
      `[]${own}`,
      `[${own}]x`,
      escape(own, random(own.length)),
      own.toUpperCase(),
      `?${own}`,
      `%3F${own}`,
      `;${own}`,
      `+${own}`,
      `${own}+`,
      `%20${own}`,
      `${own}%20`,
      `${own}%00`,
      `%00${own}`,
      `${own}%00[]`,
      `\u00ad${own}`,
      `a=1?${own}`,
      `amp;${own}`,
      `__proto__[${own}]`,
      `constructor[prototype][${own}]`,
      `${own}[__proto__]`,
      `${own}[length]`,
      `${own}[toString]`,
      `${own}[hasOwnProperty]`,
    ]),
  ]
}

const imitateName: Change = (wire, random, { query }) => {
  if (query.length === 0) return addSegments(wire, random, 'to=mallory')
  const segment = pick(pick(query, random), random)
  const like = pick(lookAlikes(segment.split('=', 1)[0] ?? '', random), random)
  const value = pick(['=mallory', '=mallory', '=9', '=', ''], random)
  return addSegments(wire, random, ...repeat(`${like}${value}`, pick([1, 1, 1, 2, 25], random)))
}

/** `??to=mallory&to=alice`: what stands in front of the first name. */
const secondMark: Change = (wire, random, { query }) => {
  const name = pick(query.flat().concat('to='), random).split('=', 1)[0] ?? ''
  return { ...wire, query: [`?${name}=mallory`, ...(wire.query ?? [])] }
}

const reorderQuery: Change = (wire, random) =>
  wire.query === undefined ? wire : { ...wire, query: shuffle(wire.query, random) }

const addEmpty: Change = (wire, random) => addSegments(wire, random, ...repeat('', 1 + random(3)))

const addHarmless: Change = (wire, random) =>
  addSegments(wire, random, pick(['page=2', 'sort=asc', 'flag'], random))

/** All of it: a list in two letter cases would be two. */
const caseQuery: Change = (wire) => ({
  ...wire,
  query: wire.query?.map((text) => text.toUpperCase()),
})

const slashQuery: Change = (wire) => ({
  ...wire,
  query: wire.query?.map((text, index, { length }) => (index === length - 1 ? `${text}/` : text)),
})

const repeatHeader: Change = (wire, random, { headers }) => {
  if (headers.length === 0) return addLines(wire, random, ['X-Tenant', 'mallory'])
  const [name, value] = pick(headers, random)
  const spelled = pick(
    [
      name,
      name.toLowerCase(),
      name.toUpperCase(),
      name.replace(/[-_]/, '_'),
      `${name}-`,
      name.replaceAll('-', ''),
    ],
    random,
  )
  return addLines(wire, random, [spelled, pick(['mallory', value, ''], random)])
}

const unrelatedHeaders: readonly Line[] = [
  ['X-Request-Id', '1'],
  ['Accept-Language', 'en'],
  ['X-Forwarded-For', '192.0.2.1'],
  ['X-HTTP-Method-Override', 'DELETE'],
  ['X-Original-URL', '/admin'],
  ['X-Rewrite-URL', '/admin?to=mallory'],
  ['Forwarded', 'host=mallory.example.net'],
  ['Connection', 'X-Tenant, If-Match'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
]

const addHeader: Change = (wire, random) => addLines(wire, random, pick(unrelatedHeaders, random))

const reorderHeaders: Change = (wire, random) => ({
  ...wire,
  headers: shuffle(wire.headers, random),
})

const caseHeaders: Change = (wire) => ({
  ...wire,
  headers: wire.headers.map(([name, value]): Line => [name.toUpperCase(), value]),
})

const padHeaders: Change = (wire) => ({
  ...wire,
  headers: wire.headers.map(([name, value]): Line => [
    name,
    name === 'Host' ? value : ` ${value}\t`,
  ]),
})

const changeMethod: Change = (wire, random) => ({
  ...wire,
  method: pick(['GET', 'POST', 'DELETE', 'PATCH'], random),
})

const absoluteForm: Change = (wire, random, { host }) => ({
  ...wire,
  authority: pick(
    [
      `https://${host}`,
      `https://${host}`,
      `HTTPS://${host.toUpperCase()}`,
      `https://${host}:443`,
      `http://${host}`,
      'https://b.example.com',
      `https://u@${host}`,
    ],
    random,
  ),
})

/** `https://api.example.com?/admin?id=7`: some routers look for the first slash. */
const absoluteWithoutPath: Change = (wire, random, { host }) => ({
  ...wire,
  authority: `https://${host}`,
  path: '',
  query: [pick(['/admin', '/photos', '/photos/7?', '/admin?', '/'], random), ...(wire.query ?? [])],
})

const spellPath: Change = (wire, random) => {
  const { path } = wire
  const at = 1 + random(Math.max(1, path.length - 1))
  return {
    ...wire,
    path: pick(
      [
        `${path}/`,
        path.replace(/\/$/, ''),
        `/${path}`,
        path.replace('/', '/./'),
        path.replace('/', '/admin/../'),
        path.toUpperCase(),
        path.toLowerCase(),
        path.replaceAll('%2F', '%2f'),
        path.replaceAll('%2F', '/'),
        path.replaceAll('%61', 'a'),
        escape(path, at),
        `${path};x=1`,
        `${path}%3F`,
        `${path}%23`,
        `${path}%00`,
        `${path}%2F`,
        path.replace('/', '%2F'),
        path.replace('/', '\\'),
        `${path}#`,
      ],
      random,
    ),
  }
}

/** What a mount path adds and a router takes away. */
const shiftPath: Change = (wire, random) => ({
  ...wire,
  path: pick(
    [
      `/billing${wire.path}`,
      `/billing${wire.path}`,
      wire.path.replace(/^\/billing/, ''),
      `/x${wire.path}`,
      '/admin',
    ],
    random,
  ),
})

function spellHost(host: string, random: Random): string {
  return pick(
    [host, host, host, host.toUpperCase(), `${host}:443`, `${host}:8080`, `${host}.`, `${host}:`],
    random,
  )
}

const otherHosts = ['a.example.com', 'b.example.com', 'api.example.com', 'mallory.example.net']

const changeHost: Change = (wire, random) =>
  setHeader(wire, 'host', spellHost(pick(otherHosts, random), random))

const repeatHost: Change = (wire, random) =>
  addLines(wire, random, ['Host', pick(otherHosts, random)])

const changeForwardedHost: Change = (wire, random, { host }) => {
  const value = pick(
    [
      `${host}/billing`,
      `${host}/`,
      `${host}/x`,
      `${host}?`,
      `${host}#`,
      `u@${host}`,
      `mallory.example.net, ${host}`,
      `${host}, mallory.example.net`,
      `mallory.example.net`,
      spellHost(host, random),
    ],
    random,
  )
  return setHeader(wire, 'x-forwarded-host', value)
}

/** The path that a client signed, cut in two. */
const movePrefix: Change = (wire, _random, { host, path }) => ({
  ...setHeader(wire, 'x-forwarded-host', `${host}/billing`),
  path: path.replace(/^\/billing/, ''),
})

const addForwardedHost: Change = (wire, random) =>
  addLines(wire, random, ['X-Forwarded-Host', pick(otherHosts, random)])

const chunkBody: Change = (wire, random) =>
  wire.body === undefined ? wire : { ...wire, chunkBytes: 1 + random(9) }

const changeBody: Change = (wire, random) => ({
  ...wire,
  body: pick([`${wire.body ?? ''} `, '{"to":"mallory"}', wire.body], random),
})

const changeType: Change = (wire, random) => {
  const type = pick(['application/json', 'application/x-www-form-urlencoded', 'text/plain'], random)
  return pick([setHeader, (own: Wire) => addLines(own, random, ['Content-Type', type])], random)(
    wire,
    'content-type',
    type,
  )
}

const encodeBody: Change = (wire, random) =>
  addLines(wire, random, ['Content-Encoding', pick(['identity', 'gzip'], random)])

/** Of each subject: what changes nothing that is signed, and what should not be let through. */
interface Family {
  readonly gentle: readonly Change[]
  readonly sharp: readonly Change[]
}

export const families = {
  limits: { gentle: [addEmpty, reorderQuery], sharp: [fillQuery] },
  names: { gentle: [addEmpty, reorderQuery, addHarmless], sharp: [imitateName, secondMark] },
  text: { gentle: [caseQuery], sharp: [caseQuery, slashQuery, addEmpty, imitateName] },
  headers: {
    gentle: [reorderHeaders, addHeader, caseHeaders, padHeaders],
    sharp: [fillHeaders, fillHeaders, repeatHeader],
  },
  targets: {
    gentle: [absoluteForm, spellPath],
    sharp: [absoluteForm, absoluteWithoutPath, spellPath, changeMethod],
  },
  hosts: { gentle: [addHeader, reorderHeaders], sharp: [changeHost, repeatHost, absoluteForm] },
  forwarded: {
    gentle: [addHeader, reorderHeaders],
    sharp: [changeForwardedHost, addForwardedHost, movePrefix, shiftPath, changeHost],
  },
  mounts: { gentle: [addHeader, reorderHeaders], sharp: [shiftPath, shiftPath, spellPath] },
  bodies: {
    gentle: [chunkBody, addHeader],
    sharp: [changeBody, changeType, encodeBody, chunkBody],
  },
} satisfies Readonly<Record<string, Family>>

export type FamilyName = keyof typeof families

/** One or more changes of some families; a third of all requests meets gentle ones only. */
export function changeWire(
  wire: Wire,
  names: readonly FamilyName[],
  random: Random,
  signed: Signed,
): Wire {
  const isGentle = random(3) === 0
  let changed = wire
  for (let count = pick([1, 1, 2, 3], random); count > 0; count -= 1) {
    const family = families[pick(names, random)]
    const change = pick<Change>(isGentle ? family.gentle : family.sharp, random)
    changed = change(changed, random, signed)
  }
  return changed
}
