import { isAsExpected, visit, type StartApi, type Step } from './visit.ts'

/** Visits an API and prints what happened; a step that comes out otherwise makes the process fail. */
export async function run(startApi: StartApi): Promise<void> {
  const steps: Step[] = []
  await visit(startApi, (step) => {
    steps.push(step)
    console.log(lineOf(step))
  })
  const failed = steps.filter((step) => !isAsExpected(step))
  for (const { what, status, code, expected } of failed) {
    console.error(`"${what}" should be ${expected.join(' ')}, was ${status} ${code ?? ''}`)
  }
  const verdict = failed.length === 0 ? 'as they must' : `, ${failed.length} of them wrong`
  console.log(`\n${steps.length} steps came out ${verdict}`)
  process.exitCode = failed.length === 0 ? 0 : 1
}

function lineOf(step: Step): string {
  const mark = isAsExpected(step) ? 'ok  ' : 'FAIL'
  return `${mark}  ${step.what.padEnd(36)} ${step.status}  ${step.answer}`
}
