/** What the stores for a fleet share: everything but the step that runs on their server. */
export { optionError } from './errors.ts'
export { warn } from './events.ts'
export { readOptions } from './option-readers.ts'
export { createSharedStore, sharedStoreOptionNames } from './replay/shared-store.ts'
export type { Answer, Question, SharedStoreOptions } from './replay/shared-store.ts'
export { asStoreError, ReplayStoreError } from './replay/store.ts'
export type { ReplayEntry, ReplayStore } from './replay/store.ts'
