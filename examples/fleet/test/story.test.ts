import { expect, test } from 'vitest'
import { hasRedis } from '../src/redis.ts'
import { playStory } from '../src/story.ts'

const missing = 'redis-server is missing: apt-get install -y --no-install-recommends redis-server'
if (!hasRedis()) {
  if (process.env['REQUIRE_SERVERS'] === '1') throw new Error(missing)
  console.warn(`\n*** SKIPPING THE FLEET: ${missing} ***\n`)
}

test.skipIf(!hasRedis())(
  'a fleet accepts each proof once, whatever of it fails',
  { timeout: 90_000 },
  async () => {
    const steps = await playStory(() => {})
    expect(steps.map(({ what, seen }) => [what, seen])).toEqual(
      steps.map(({ what, expected }) => [what, expected]),
    )
    expect(steps).toHaveLength(15)
  },
)
