import { asError } from '../errors.ts'

/**
 * The answer of a call, if it comes in time. An event loop that was blocked meanwhile first reads what
 * has arrived.
 *
 * @throws Error when the time is up, or what the call throws
 */
export function withinDeadline<T>(milliseconds: number, call: () => T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      setImmediate(reject, new Error(`no answer within ${milliseconds} ms`))
    }, milliseconds)
    const refuse = (error: unknown): void => {
      clearTimeout(timer)
      reject(asError(error))
    }
    const answer = (value: T): void => {
      clearTimeout(timer)
      resolve(value)
    }
    try {
      Promise.resolve(call()).then(answer, refuse)
    } catch (error) {
      refuse(error)
    }
  })
}
