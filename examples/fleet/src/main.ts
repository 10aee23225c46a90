import { hasRedis } from './redis.ts'
import { playStory } from './story.ts'

if (!hasRedis()) {
  console.error('redis-server is missing: apt-get install -y --no-install-recommends redis-server')
  process.exit(2)
}
const steps = await playStory(({ what, seen, expected }) => {
  const mark = seen === expected ? 'ok  ' : 'FAIL'
  console.log(`${mark}  ${what.padEnd(46)} ${seen}`)
})
const failed = steps.filter(({ seen, expected }) => seen !== expected)
for (const { what, seen, expected } of failed)
  console.error(`"${what}" should be ${expected}, was ${seen}`)
console.log(
  failed.length === 0
    ? `all ${steps.length} steps came out as they must`
    : `${failed.length} steps failed`,
)
process.exitCode = failed.length === 0 ? 0 : 1
