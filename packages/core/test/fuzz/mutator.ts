/** Whole numbers from 0 up to, not including, `below`; they depend on nothing but the seed (mulberry32). */
export type Random = (below: number) => number

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const toOctets = (text: string): Buffer => Buffer.from(text, 'latin1')

/** What parsers stumble over. Each character is one octet. */
const tokens = [
  ['\n', '\n\n', '\r', '\0', ' ', '\t', ':', ',', ';', '&', '=', '?', '#', '\\', '/', '//', '..'],
  ['%', '%2', '%2F', '%5f', '%61', '%ff', '+', '[', ']', '[]', '.', '-', '_', '~', '@', '$', 'A'],
  ['"', '{', '}', '{}', '[[', '\\"', '\\\\', '\\u0061', '"a":1,', '"__proto__":1,', '0'],
  ['e30', 'e30.e30.AA', 'AA', '==', 'GET', 'POST', '/items', 'http://api.example.com', '\nx'],
  ['\xef\xbb\xbf', '\xff', '\xc3\xa9', '\xed\xa0\x80', 'api.example.com'],
  ['Host: api.example.com\n', 'Authorization: ', 'PoP ', 'DPoP ', 'Bearer ', 'DPoP: '],
  ['Content-Type: application/x-www-form-urlencoded\n', 'pop_access_token=', 'pop_access_token['],
  ['Authorization: Basic x\n', 'Authorization: PoP e30\n', 'pop%5Faccess%5ftoken=e30&'],
].flatMap((group) => group.map(toOctets))

/** What may stand where JSON has a value. */
const values = [
  ['null', 'true', '0', '-0', '-1', '1e999', '9007199254740993', '""', '"x"', '"\\ud800"', '[]'],
  [
    '1789999699',
    '1790000031',
    '{}',
    '["a"]',
    '[["a"],"x"]',
    '[[],""]',
    '{"toString":1}',
    '[{"toString":1}]',
    '"a","a":1',
  ],
].flatMap((group) => group.map(toOctets))

const longest = 8192

type Mutation = (bytes: Buffer, random: Random, corpus: readonly Uint8Array[]) => Buffer

/** Replaces the octets from `start` to `end`. */
function splice(bytes: Buffer, start: number, end: number, put: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(end)])
}

// Of JSON, its members, a header, a query, its parameters, a JWS, lines.
const delimiters = [',:{}[]\n', ',{}\n', ' :\n', '&=?\n', '&?\n', '."\n', '\n'].map((text) =>
  Buffer.from(text),
)

/** What stands between two delimiters. */
function pieceOf(bytes: Buffer, random: Random): [start: number, end: number] {
  const own = pick(delimiters, random)
  let start = random(bytes.length + 1)
  let end = start
  while (start > 0 && !own.includes(bytes[start - 1] ?? 0)) start -= 1
  while (end < bytes.length && !own.includes(bytes[end] ?? 0)) end += 1
  return [start, end]
}

/** Somewhere, or where a piece begins. */
function place(bytes: Buffer, random: Random): number {
  return random(2) === 0 ? random(bytes.length + 1) : pieceOf(bytes, random)[0]
}

/** A piece, without or with the delimiter behind it, or some octets, few or many. */
function range(bytes: Buffer, random: Random): [start: number, end: number] {
  const kind = random(4)
  const [start, end] = pieceOf(bytes, random)
  if (kind < 2) return [start, Math.min(bytes.length, end + kind)]
  const from = random(bytes.length + 1)
  const reach = kind === 2 ? 8 : bytes.length
  return [from, Math.min(bytes.length, from + random(reach + 1))]
}

export function pick<T>(list: readonly T[], random: Random): T {
  return list[random(list.length)] as T
}

const ends = [',"', '}']

const mutations: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random(bytes.length + 1)
    const flipped = (bytes[at] ?? 0) ^ (1 << random(8))
    return splice(bytes, at, at + 1, Uint8Array.of(flipped))
  },
  function setOctet(bytes, random) {
    const at = random(bytes.length + 1)
    return splice(bytes, at, at + 1, Uint8Array.of(random(256)))
  },
  function insertToken(bytes, random) {
    const at = place(bytes, random)
    return splice(bytes, at, at, pick(tokens, random))
  },
  function replaceByToken(bytes, random) {
    return splice(bytes, ...range(bytes, random), pick(tokens, random))
  },
  function replaceValue(bytes, random) {
    const from = bytes.indexOf('":', random(bytes.length + 1))
    if (from === -1) return bytes
    const end = Math.min(...ends.map((own) => bytes.indexOf(own, from)).filter((at) => at > from))
    return splice(bytes, from + 2, end, pick(values, random))
  },
  function remove(bytes, random) {
    return splice(bytes, ...range(bytes, random), Buffer.alloc(0))
  },
  function repeat(bytes, random) {
    const [start, end] = range(bytes, random)
    const times = random(8) === 0 ? 64 : 1
    const piece = Buffer.from(bytes.subarray(start, end))
    return splice(bytes, start, start, Buffer.alloc(piece.length * times, piece))
  },
  function copyElsewhere(bytes, random) {
    const piece = Buffer.from(bytes.subarray(...range(bytes, random)))
    const at = place(bytes, random)
    return splice(bytes, at, at, piece)
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, random(bytes.length + 1))
  },
  function cross(bytes, random, corpus) {
    const other = Buffer.from(pick(corpus, random))
    return splice(bytes, ...range(bytes, random), other.subarray(...range(other, random)))
  },
]

/**
 * An endless series of inputs: first the corpus as it is, then mutants of it, half of them with one
 * change, the others with up to eight. The same seed and corpus give the same series.
 */
export function createMutator(seed: number, corpus: readonly Uint8Array[]): () => Uint8Array {
  const random = createRandom(seed)
  let made = 0
  return () => {
    const untouched = corpus[made]
    made += 1
    if (untouched !== undefined) return untouched
    let bytes = Buffer.from(pick(corpus, random))
    const changes = random(2) === 0 ? 1 : 1 + random(8)
    for (let change = 0; change < changes; change += 1) {
      bytes = Buffer.from(pick(mutations, random)(bytes, random, corpus)).subarray(0, longest)
    }
    return bytes
  }
}
