import diagnostics from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'

/** What is published on a channel from now on, until the test ends. */
export function collectEvents<T>(channel: string): readonly T[] {
  const seen: T[] = []
  const listen = (event: unknown): void => void seen.push(event as T)
  diagnostics.subscribe(channel, listen)
  onTestFinished(() => void diagnostics.unsubscribe(channel, listen))
  return seen
}
