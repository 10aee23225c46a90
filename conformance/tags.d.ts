import type { RequirementId } from './requirements.ts'

declare module 'vitest' {
  interface TestTags {
    requirement: RequirementId
  }
}
