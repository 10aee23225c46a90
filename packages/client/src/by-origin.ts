/** More servers than one client talks to. */
const mostServers = 100

/** What a fetch remembers of each server (of each origin); of too many, the one not heard of longest goes. */
export interface ByOrigin<T> {
  get(url: string): T | undefined
  set(url: string, value: T): void
  delete(url: string): void
}

export function rememberByOrigin<T>(): ByOrigin<T> {
  const values = new Map<string, T>()
  return {
    get: (url) => values.get(new URL(url).origin),
    set(url, value) {
      const { origin } = new URL(url)
      values.delete(origin)
      const [oldest] = values.keys()
      if (oldest !== undefined && values.size >= mostServers) values.delete(oldest)
      values.set(origin, value)
    },
    delete: (url) => void values.delete(new URL(url).origin),
  }
}
