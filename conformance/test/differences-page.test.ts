import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import dpop from '../vectors/dpop.json' with { type: 'json' }
import pop from '../vectors/pop.json' with { type: 'json' }

const page = readFileSync(new URL('../../docs/differences.md', import.meta.url), 'utf8')
const [read = ''] = page.split('\n## Run against real packages\n')
const rows = read.split('\n').filter((line) => /^\|.*`d?pop-[a-z]+-\d+`/.test(line))
const statuses = new Map<string, string>(
  [...pop.cases, ...dpop.cases].map(({ id, steps }) => [
    id,
    steps.map(({ expect: { status } }) => status).join(' '),
  ]),
)

describe('each difference from peers is what the agreed cases say', () => {
  test.each(rows)('%s', (row) => {
    const cited = [...row.matchAll(/`(d?pop-[a-z]+-\d+)`((?: \d{3})+)/g)]
    expect(cited.length).toBeGreaterThan(0)
    for (const [, id = '', said = ''] of cited) {
      expect([id, statuses.get(id)]).toEqual([id, said.trim()])
    }
  })

  test('every row of the page names cases', () => {
    const lines = read.split('\n').filter((line) => /^\| (?!what|-)/.test(line))
    expect(rows).toEqual(lines)
  })
})
