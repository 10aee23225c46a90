import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { runScenario, type Row } from './scenario.ts'
import { scenarios } from './scenarios.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { short: { type: 'boolean', default: false } },
})
const { short } = values
const unknown = positionals.filter((name) => !scenarios.some((each) => each.name === name))
if (unknown.length > 0) {
  const names = scenarios.map(({ name }) => name).join(' ')
  throw new Error(`${unknown.join(' ')} is none of ${names}`)
}
const chosen = scenarios.filter(({ name, short: inShort }) =>
  positionals.length > 0 ? positionals.includes(name) : !short || inShort !== false,
)

const start = performance.now()
console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`)
const rows: Row[] = []
for (const scenario of chosen) {
  const { name, title, criterion, unit, full, short: inShort } = scenario
  const amount = short && inShort !== false ? inShort : full
  console.log(`\n${name}  ${title} (${amount} ${unit}): ${criterion}`)
  const began = performance.now()
  rows.push(...(await runScenario(scenario, short)))
  console.log(`        ${name} took ${seconds(began)}`)
}

const failed = rows.filter(({ result }) => result === 'FAIL')
console.log('\n| scenario | criterion | figure | result |')
console.log('| --- | --- | --- | --- |')
for (const { scenario, criterion, figure, result } of rows) {
  console.log(`| ${scenario} | ${criterion} | ${figure.split('\n')[0]} | ${result} |`)
}
console.log(`\n${rows.length} rows, ${failed.length} FAIL, in ${seconds(start)}`)
// Clients of servers that were killed on purpose may still be trying.
process.exit(failed.length === 0 ? 0 : 1)

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
