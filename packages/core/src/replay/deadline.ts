import { asError } from '../errors.ts'

const pieces = 4

/**
 * The answer of a call, if it comes in time. The time is counted in pieces, each from the end of the one
 * before: an event loop that is blocked loses one of them, and then still sends what it had to send
 * and reads what has arrived.
 *
 * @throws Error when the time is up, or what the call throws
 */
export function withinDeadline<T>(milliseconds: number, call: () => T | Promise<T>): Promise<T> {
  const piece = Math.max(1, Math.floor(milliseconds / pieces))
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const wait = (left: number): void => {
      const isLast = left < 2 * piece
      const next = (): void => {
        if (!isLast) wait(left - piece)
        else setImmediate(reject, new Error(`no answer within ${milliseconds} ms`))
      }
      timer = setTimeout(next, isLast ? left : piece)
    }
    const refuse = (error: unknown): void => {
      clearTimeout(timer)
      reject(asError(error))
    }
    const answer = (value: T): void => {
      clearTimeout(timer)
      resolve(value)
    }
    wait(milliseconds)
    try {
      Promise.resolve(call()).then(answer, refuse)
    } catch (error) {
      refuse(error)
    }
  })
}
