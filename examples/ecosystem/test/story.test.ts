import { expect, test } from 'vitest'
import { playStory } from '../src/story.ts'

test('the client gets in, the thief gets nowhere, each for the reason intended', async () => {
  const { token, steps } = await playStory()
  expect(token).toMatchObject({
    token_type: 'PoP',
    scope: 'photos:read photos:write',
    expires_in: 600,
  })
  expect(steps.map(({ status, code }) => ({ status, code }))).toEqual(
    steps.map(({ expected }) => ({ status: expected.status, code: expected.code })),
  )
  expect(steps.filter(({ who }) => who === 'thief')).toHaveLength(8)
})
