import {
  createSharedStore,
  optionError,
  readOptions,
  sharedStoreOptionNames,
  type Question,
  type ReplayStore,
  type SharedStoreOptions,
} from '@oauth-pop/core/replay'
import { describeError } from './postgres-error.ts'
import { rowOf, type Query } from './query.ts'
import { writeStatements } from './statements.ts'
import { createSweeper } from './sweeper.ts'

export interface PostgresReplayStoreOptions extends SharedStoreOptions {
  /**
   * Runs one statement in a transaction of its own and resolves to its rows:
   *
   * - pg: `(text, values) => pool.query(text, values)`
   * - postgres.js: `(text, values) => sql.unsafe(text, values)`
   * - Kysely: `(text, values) => db.executeQuery(CompiledQuery.raw(text, values))`
   * - Drizzle on pg: `(text, values) => db.$client.query(text, values)`
   */
  readonly query: Query
  /** The table, with its schema if need be. Default `oauth_pop_replay`. APIs that share a database need different ones. */
  readonly table?: string
}

export interface PostgresReplayStore extends ReplayStore {
  /**
   * Creates the tables where they do not exist. For start-up or for a migration of yours.
   *
   * @throws ReplayStoreError that says what to do
   */
  readonly migrate: () => Promise<void>
}

/**
 * Used proofs in PostgreSQL (12 or newer), for any number of processes: one statement for each claim,
 * never sent twice.
 *
 * A server that was restarted, restored or promoted, or whose tables were emptied, does not know what
 * was used before. Proofs from before are then refused (503 with `Retry-After`), but those with a
 * server nonce of after. What is not noticed: rows that somebody deletes, and two primaries at once.
 *
 * @throws TypeError with `code` for wrong options
 */
export function postgresReplayStore(options: PostgresReplayStoreOptions): PostgresReplayStore {
  const known = ['query', 'table', ...sharedStoreOptionNames]
  const own = readOptions('postgresReplayStore', options, known)
  const { query, table = 'oauth_pop_replay', ...rest } = own
  if (typeof query !== 'function') {
    throw optionError(
      'ERR_POP_OPTION_MISSING',
      'postgresReplayStore query is missing: write query: (text, values) => pool.query(text, values)',
    )
  }
  if (!/^(?:[a-z_][a-z0-9_]{0,40}\.)?[a-z_][a-z0-9_]{0,40}$/.test(table)) {
    throw optionError(
      'ERR_POP_OPTION_INVALID',
      'postgresReplayStore table must be at most 41 lower-case letters, digits and _, with or without a schema',
    )
  }
  const statements = writeStatements(table)
  const sweep = createSweeper(query, statements.forget, own.now)

  async function ask(question: Question): Promise<unknown> {
    const { id, owner, latest, ahead, behind, issuedAt, forgetAt, maxEntriesPerOwner, number } =
      question
    const limits = [latest, ahead, behind, issuedAt, forgetAt, maxEntriesPerOwner, number]
    try {
      const answer = await query(statements.claim, [
        id.toString('hex'),
        owner.toString('hex'),
        ...limits,
      ])
      const { status, amount, number: of } = rowOf(answer)
      return [status, amount, of]
    } catch (error) {
      throw describeError(error, table)
    } finally {
      sweep()
    }
  }

  return {
    ...createSharedStore('postgresReplayStore', rest, ask),
    async migrate() {
      try {
        await query(statements.migrate, [])
      } catch (error) {
        throw describeError(error, table)
      }
    },
  }
}
