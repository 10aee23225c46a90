import { visit, type Step } from '@oauth-pop/example-visit'
import { expect, test } from 'vitest'
import { startApi } from '../src/start.ts'

test('client and thief get what they must', async () => {
  const steps: Step[] = []
  await visit(startApi, (step) => steps.push(step))
  expect(steps.map(({ what, status, code, answer }) => [what, status, code ?? answer])).toEqual(
    steps.map(({ what, expected }) => [what, ...expected]),
  )
  expect(steps).toHaveLength(10)
})
