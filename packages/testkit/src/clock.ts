/** A clock that stands still until it is told otherwise. */
export interface FakeClock {
  /** Milliseconds, for the `now` options. */
  readonly now: () => number
  /** Whole seconds, for claims. */
  readonly seconds: () => number
  set(seconds: number): void
  advance(seconds: number): void
}

export function createClock(start = 1_790_000_000): FakeClock {
  let seconds = start
  return {
    now: () => seconds * 1000,
    seconds: () => seconds,
    set(value) {
      seconds = value
    },
    advance(by) {
      seconds += by
    },
  }
}
