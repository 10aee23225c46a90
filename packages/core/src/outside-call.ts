const most = 1000
const longest = 10_000

const waiting = new WeakMap<object, number>()

/**
 * Calls a function of the application: at most 1,000 calls of one function wait at a time, and none
 * for longer than 10 seconds. A request is held in memory while it waits.
 *
 * @param owner what the calls are counted by
 * @throws Error when too many wait or the time is up, or what the function throws
 */
export async function callOutside<T>(owner: object, call: () => T | Promise<T>): Promise<T> {
  const before = waiting.get(owner) ?? 0
  if (before >= most) throw new Error(`${most} requests are waiting for its answer already`)
  waiting.set(owner, before + 1)
  let timer: NodeJS.Timeout | undefined
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${longest} ms`)), longest)
    timer.unref()
  })
  try {
    return await Promise.race([call(), timeUp])
  } finally {
    clearTimeout(timer)
    waiting.set(owner, (waiting.get(owner) ?? 1) - 1)
  }
}
