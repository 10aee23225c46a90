import { isAsExpected, playStory, type Step } from './story.ts'

function line(step: Step): string {
  const mark = isAsExpected(step) ? 'ok  ' : 'FAIL'
  const told = `${step.who} ${step.what}`.padEnd(34)
  return `${mark}  ${told} ${step.status}  ${step.answer}`
}

const { token, steps } = await playStory((step) => console.log(line(step)))
const failed = steps.filter((step) => !isAsExpected(step))
console.log(
  `\ntoken: ${token.token_type}, scope "${token.scope}", expires in ${token.expires_in} s`,
)
for (const { what, expected, status, code } of failed) {
  console.error(
    `"${what}" should be ${expected.status} ${expected.code ?? ''}, was ${status} ${code ?? ''}`,
  )
}
console.log(
  failed.length === 0
    ? `all ${steps.length} steps came out as they must`
    : `${failed.length} steps failed`,
)
process.exitCode = failed.length === 0 ? 0 : 1
