import { asStoreError, ReplayStoreError } from '@oauth-pop/core/replay'

const diskFull = '53100'
const deepest = 8

/** What to do about an error, by its code (PostgreSQL manual, appendix A). */
function hintFor(code: string, table: string): string | undefined {
  switch (code) {
    case '42P01':
    case '42883':
    case '3F000':
      return `${table} or its function does not exist: call store.migrate() once`
    case '42703':
    case '42804':
    case '42809':
    case '42P10':
    case '23502':
      return `${table} is of another shape: choose another name, or drop it and call store.migrate()`
    case '42501':
      return `the user needs rights on ${table}, ${table}_owner, ${table}_epoch and ${table}_claim`
    case '25006':
    case '0A000':
      return 'this is a standby: send to the primary'
    default:
      return undefined
  }
}

/** What PostgreSQL or its client threw, with what to do about it. */
export function describeError(error: unknown, table: string): ReplayStoreError {
  const { code, message } = innermost(error)
  if (code === diskFull) return new ReplayStoreError('ERR_POP_REPLAY_FULL', { cause: error })
  const hint = code === undefined ? undefined : hintFor(code, table)
  return asStoreError(hint === undefined ? error : new Error(`${code} ${message} (${hint})`))
}

/** Some clients put their own error around that of the server. */
function innermost(error: unknown): { code?: string; message?: string } {
  let inner = error
  for (let depth = 0; depth < deepest && inner instanceof Error; depth += 1) {
    const { message, cause } = inner
    if ('code' in inner && typeof inner.code === 'string') return { code: inner.code, message }
    inner = cause
  }
  return {}
}
