import { warn } from '@oauth-pop/core/replay'

/** What decides whether this Redis can lose entries. */
export interface Inspection {
  readonly cluster: boolean
}

/**
 * Reads what the inspection script answered, and warns of a Redis that may drop entries.
 *
 * @param waits whether claims wait for replicas
 * @throws Error for an answer of another form
 */
export function readInspection(answer: unknown, waits: boolean): Inspection {
  const sections = Array.isArray(answer) ? (answer as readonly unknown[]) : []
  if (sections.length !== 3 || !sections.every((section) => typeof section === 'string')) {
    throw new Error('the answer is not one of this store: is something in between?')
  }
  const read = readInfo(sections.join('\n'))
  const policy = read('maxmemory_policy')
  if (policy !== 'noeviction' && read('maxmemory') !== '0') {
    warn(
      'ERR_POP_REPLAY_FULL',
      `Redis may drop used proofs when its memory is full (maxmemory-policy ${policy}): set noeviction`,
    )
  }
  if (read('connected_slaves') !== '0' && !waits) {
    warn(
      'ERR_POP_REPLAY_UNAVAILABLE',
      'Redis has replicas and may lose the last used proofs on a failover: set wait, or min-replicas-to-write on the server',
    )
  }
  return { cluster: read('cluster_enabled') === '1' }
}

/** Lines of `name:value`. */
function readInfo(text: string): (name: string) => string | undefined {
  const values = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':')
    if (colon > 0) values.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return (name) => values.get(name)
}
