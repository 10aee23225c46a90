export type { Query } from './query.ts'
export { postgresReplayStore } from './replay-store.ts'
export type { PostgresReplayStore, PostgresReplayStoreOptions } from './replay-store.ts'
