import { outcomeOf } from '@oauth-pop/testkit'
import { inputs, type Pattern } from './pumped-inputs.ts'

const callerInSources = /\/(packages\/[^/]+\/src\/[^:?]+):/

/** The patterns of our packages that a parser runs on short inputs. */
export async function reachedPatterns(
  parse: (text: string) => unknown,
): Promise<readonly Pattern[]> {
  const found = new Map<string, Pattern>()
  const seen = new Map<string, number>()
  // The one door through which every method of strings and of patterns goes.
  // oxlint-disable-next-line unbound-method -- called with the pattern as its `this`
  const { exec } = RegExp.prototype
  const prepareStackTrace: unknown = Reflect.get(Error, 'prepareStackTrace')
  // What maps stacks to sources runs patterns itself.
  Reflect.deleteProperty(Error, 'prepareStackTrace')
  RegExp.prototype.exec = function recordingExec(this: RegExp, text: string) {
    const calls = (seen.get(this.source) ?? 0) + 1
    seen.set(this.source, calls)
    if (calls > 20) return exec.call(this, text)
    const [, file] = exec.call(callerInSources, String(new Error('here').stack)) ?? []
    if (file !== undefined) found.set(`${file} ${this.source}`, { file, source: this.source })
    return exec.call(this, text)
  }
  try {
    for (const input of inputs(24, [])) await outcomeOf((async () => parse(input))())
  } finally {
    RegExp.prototype.exec = exec
    if (prepareStackTrace !== undefined) Reflect.set(Error, 'prepareStackTrace', prepareStackTrace)
  }
  return [...found.values()]
}
