export { describeReplayStore } from './describe-replay-store.ts'
export type { ContractOptions, Runner } from './describe-replay-store.ts'
export { replayStoreContract } from './replay-store-contract.ts'
export type {
  CreateStore,
  StoreCase,
  StoreLimits,
  StoreUnderTest,
} from './replay-store-contract.ts'
