// Judges every regular expression of the packages: none may take more than linear time on any text.
import recheck from 'recheck'
import { regexesOf } from './regexes.mjs'

/** Patterns that are not linear, and why nobody but their owner can make them slow. */
const exempt = [
  {
    where: 'packages/core/src/',
    source: String.raw`^(https?:\/\/)\*\.([^/:]+\.[^/:]+.*)$`,
    why: 'publicUrl, which the application writes, read once at start-up',
  },
  {
    where: 'packages/client/src/',
    source: String.raw`[\t\r\n ]+$`,
    why: 'the value of a header that the application itself is about to send',
  },
  {
    where: 'packages/testkit/src/',
    source: String.raw`\bat .*:\d+:\d+`,
    why: 'what a server of our tests has answered; the package is private',
  },
]

// The other engines of recheck are programs for Java and for single platforms.
process.env.RECHECK_SYNC_BACKEND = 'pure'

const regexes = regexesOf()
const slow = regexes.filter((regex) => !isLinear(regex))
const used = new Set(slow.map(exemptionOf))
const refused = slow.filter((regex) => exemptionOf(regex) === undefined)
const unused = exempt.filter((exemption) => !used.has(exemption))

for (const { source } of unused) console.log(`FAIL no pattern needs its exemption: /${source}/`)
console.log(
  `${regexes.length} patterns judged: ${regexes.length - slow.length} linear, ${slow.length - refused.length} exempt, ${refused.length} refused`,
)
process.exitCode = refused.length + unused.length > 0 ? 1 : 0

function exemptionOf({ file, source }) {
  return exempt.find(({ where, source: own }) => file.startsWith(where) && own === source)
}

/** Whether recheck has proved it; not knowing is no proof. */
function isLinear(regex) {
  const { file, line, source, flags } = regex
  const verdict = recheck.checkSync(source, flags, { timeout: 20_000 })
  const word = verdict.complexity?.summary ?? verdict.error?.kind
  if (verdict.status === 'safe') return true
  if (exemptionOf(regex) === undefined)
    console.log(`FAIL ${file}:${line} /${source}/${flags} ${word}: ${verdict.attack?.pattern}`)
  return false
}
