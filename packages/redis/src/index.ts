export { redisReplayStore } from './replay-store.ts'
export type { RedisReplayStoreOptions } from './replay-store.ts'
