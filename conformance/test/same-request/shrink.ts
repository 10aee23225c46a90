import type { Host, Verdict } from './oracle.ts'
import { targetOf, type Signed, type Wire } from './signed.ts'

/** A request, and what its client signed. */
export interface Case {
  readonly signed: Signed
  readonly wire: Wire
}

export interface Finding extends Case {
  readonly host: string
  readonly verdict: Verdict
}

const mostAttempts = 120

/** The smallest request that still goes wrong in the same part: takes away what can be missed. */
export async function shrink(host: Host, found: Case, verdict: Verdict): Promise<Finding> {
  const parts = partsOf(verdict)
  let best: Finding = { ...found, verdict, host: host.setup.name }
  let attempts = 0
  for (let smaller = true; smaller && attempts < mostAttempts;) {
    smaller = false
    for (const candidate of candidates(best)) {
      if (attempts >= mostAttempts) break
      if (!carriesProof(candidate)) continue
      attempts += 1
      const own = await host.judge(candidate.signed, candidate.wire)
      const left = partsOf(own)
      if (left.length === 0 || !left.every((part) => parts.includes(part))) continue
      best = { ...candidate, verdict: own, host: best.host }
      smaller = true
      break
    }
  }
  return best
}

/** `query`, `header` and so on, without the names in them. */
function partsOf({ differences }: Verdict): readonly string[] {
  return differences.map(({ part }) => part.split(' ', 1)[0] ?? '')
}

/** Without it, a request is nobody's. */
function carriesProof({ wire }: Case): boolean {
  return wire.headers.some(([name, value]) => name.toLowerCase() !== 'dpop' && value.includes('$'))
}

function* candidates({ signed, wire }: Case): Generator<Case> {
  for (const group of signed.query) {
    const query = wire.query?.filter((segment) => !group.includes(segment))
    yield {
      signed: { ...signed, query: signed.query.filter((own) => own !== group) },
      wire: { ...wire, query },
    }
  }
  for (const line of signed.headers) {
    const headers = wire.headers.filter(([name]) => name.toLowerCase() !== line[0].toLowerCase())
    yield {
      signed: { ...signed, headers: signed.headers.filter((own) => own !== line) },
      wire: { ...wire, headers },
    }
  }
  if (signed.body !== undefined) {
    yield { signed: { ...signed, body: undefined }, wire: { ...wire, body: undefined } }
  }
  if (signed.method !== 'GET' && wire.body === undefined) {
    yield { signed: { ...signed, method: 'GET' }, wire: { ...wire, method: 'GET' } }
  }
  if (wire.authority !== '') yield { signed, wire: { ...wire, authority: '' } }
  for (const query of shorter(wire.query ?? [])) yield { signed, wire: { ...wire, query } }
  for (const headers of shorter(wire.headers)) yield { signed, wire: { ...wire, headers } }
}

/** The list without a half, a quarter and so on, down to one; of a long list not every one. */
function* shorter<T>(list: readonly T[]): Generator<readonly T[]> {
  for (let size = list.length; size >= 1; size = Math.floor(size / 2)) {
    const step = Math.max(size, Math.ceil(list.length / 8))
    for (let at = 0; at < list.length; at += step) {
      yield [...list.slice(0, at), ...list.slice(at + size)]
    }
  }
}

export function describeFinding({ host, signed, wire, verdict }: Finding): string {
  const headers = wire.headers.map(([name, value]) => `${name}: ${value}`)
  const lines = [
    `${host}: ${wire.method} ${abbreviate(targetOf(wire).split(/(?<=&)/)).join('')}`,
    ...abbreviate(headers),
    ...(wire.body === undefined ? [] : ['', wire.body]),
  ]
  const { scheme, method, host: name, path, form, query, headers: own, body } = signed
  const claims = { scheme, method, host: name, path, form, query, headers: own, body }
  lines.push(`signed: ${JSON.stringify(claims).slice(0, 600)}`)
  for (const { part, signed: expected, seen } of verdict.differences) {
    const [one = '', other = ''] = [expected, seen].map((value) =>
      JSON.stringify(value)?.slice(0, 300),
    )
    lines.push(`${part}: signed ${one}, seen ${other}`)
  }
  return lines.map((line) => line.slice(0, 700)).join('\n  ')
}

/** Repeated items once, with their count. */
function abbreviate(items: readonly string[]): readonly string[] {
  const runs: { item: string; count: number }[] = []
  for (const item of items) {
    const last = runs.at(-1)
    if (last?.item === item) last.count += 1
    else runs.push({ item, count: 1 })
  }
  return runs.map(({ item, count }) => (count === 1 ? item : `(${item} x ${count})`))
}
