import { answers } from './requirements/answers.ts'
import { attacks } from './requirements/attacks.ts'
import { faults } from './requirements/faults.ts'
import { proofs } from './requirements/proofs.ts'
import { rules } from './requirements/rules.ts'

/** What the project claims to do. A test cites the ids that it proves as its `tags`. */
export interface Requirement {
  /** Where it comes from: a section of a specification, an advisory, or a rule of ours. */
  readonly source: string
  /** What happens, in one sentence. */
  readonly behaviour: string
}

/** Every requirement by its id. A run of all tests fails when one is not proved. */
export const requirements = { ...proofs, ...answers, ...rules, ...attacks, ...faults } as const

export type RequirementId = keyof typeof requirements
