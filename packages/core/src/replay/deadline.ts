/**
 * The answer of a call, if it comes in time. An event loop that was blocked meanwhile first reads what
 * has arrived.
 *
 * @throws Error when the time is up, or what the call throws
 */
export async function withinDeadline<T>(
  milliseconds: number,
  call: () => T | Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      setImmediate(reject, new Error(`no answer within ${milliseconds} ms`))
    }, milliseconds)
  })
  try {
    return await Promise.race([call(), late])
  } finally {
    clearTimeout(timer)
  }
}
