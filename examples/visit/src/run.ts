import { findFreePort, isAsExpected, visit, type StartApi, type Step } from './visit.ts'

/**
 * Visits an API and prints what happened; a step that comes out otherwise makes the process fail.
 * `PORT` chooses the port, `--serve` keeps the API running.
 */
export async function run(startApi: StartApi): Promise<void> {
  const port = Number(process.env['PORT']) || (await findFreePort())
  const serve = process.argv.includes('--serve')
  const url = `http://127.0.0.1:${port}`
  console.log(`${url}\n`)
  const steps: Step[] = []
  const tell = (step: Step): void => {
    steps.push(step)
    console.log(lineOf(step))
  }
  await visit(startApi, tell, { port, serve })
  report(steps)
  if (serve) console.log(`serving ${url} until stopped`)
}

function report(steps: readonly Step[]): void {
  const failed = steps.filter((step) => !isAsExpected(step))
  for (const { what, status, code, expected } of failed) {
    console.error(`"${what}" should be ${expected.join(' ')}, was ${status} ${code ?? ''}`)
  }
  const verdict =
    failed.length === 0 ? ' came out as they must' : `, ${failed.length} of them wrong`
  console.log(`\n${steps.length} steps${verdict}`)
  process.exitCode = failed.length === 0 ? 0 : 1
}

function lineOf(step: Step): string {
  const mark = isAsExpected(step) ? 'ok  ' : 'FAIL'
  return `${mark}  ${step.what.padEnd(36)} ${step.status}  ${step.answer}`
}
