import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { disagreements, heading, renderSection } from './real-peers/page.ts'
import { reasons } from './real-peers/reasons.ts'
import { runVectors, type Outcome } from './real-peers/run.ts'

const place = new URL('../../docs/differences.md', import.meta.url)

let outcomes: readonly Outcome[]
beforeAll(async () => {
  outcomes = await runVectors()
}, 120_000)

describe('the same requests to ours, to express-oauth2-jwt-bearer and to oauth4webapi', () => {
  test('are enough for the comparison to mean something', () => {
    const accepted = (server: 'ours' | 'auth0' | 'oauth4webapi'): number =>
      outcomes.filter((outcome) => outcome[server] === 200).length
    expect(outcomes.length).toBeGreaterThan(160)
    expect(accepted('ours')).toBeGreaterThan(60)
    expect(accepted('auth0')).toBeGreaterThan(60)
    expect(accepted('oauth4webapi')).toBeGreaterThan(60)
  })

  test('are answered by ours as agreed', () => {
    const wrong = outcomes.filter(({ ours, expected }) => ours !== expected)
    expect(wrong.map(({ vector, step, ours }) => [vector.id, step, ours])).toEqual([])
  })

  test('never make a server fail', () => {
    const failed = outcomes.filter(
      ({ ours, auth0, oauth4webapi }) => Math.max(ours, auth0, oauth4webapi) >= 500,
    )
    expect(failed.map(({ vector }) => vector.id)).toEqual([])
  })

  test('are judged as the page says, for the reasons that it gives', () => {
    const section = renderSection(outcomes)
    const page = readFileSync(place, 'utf8')
    const [above = '', own = ''] = page.split(`\n${heading}\n`)
    const unused = Object.keys(reasons).filter(
      (id) => !disagreements(outcomes).some(({ vector }) => vector.id === id),
    )
    expect(unused).toEqual([])
    if (process.env['UPDATE_PAGES'] === '1') {
      writeFileSync(place, `${above}\n${section}`)
      return
    }
    expect(`${heading}\n${own}`).toBe(section)
  })
})
