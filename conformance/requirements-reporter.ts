import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node'
import { requirements, type RequirementId } from './requirements.ts'

const table = 'docs/requirements.md'
const shownProofs = 3
/** More cases than these of one table are shown by the name of their suite. */
const shownCases = 2

/**
 * After a run of all tests: fails when a requirement is proved by no passed test, and when
 * `docs/requirements.md` is not what this run proves; with `UPDATE_REQUIREMENTS=1` writes it.
 */
export class RequirementsReporter implements Reporter {
  #vitest: Vitest | undefined

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  async onTestRunEnd(
    modules: readonly TestModule[],
    _errors: unknown,
    reason: string,
  ): Promise<void> {
    const vitest = this.#vitest
    if (vitest === undefined || reason !== 'passed' || !(await isWhole(vitest, modules))) return
    const proofs = collectProofs(modules)
    const unproved = idsOf(requirements).filter((id) => !proofs.has(id))
    if (unproved.length > 0) fail(`no passed test cites ${unproved.join(', ')}`)
    else publish(join(vitest.config.root, table), render(proofs, vitest.config.root))
  }
}

/** A part of the tests proves a part of the requirements. */
async function isWhole(vitest: Vitest, modules: readonly TestModule[]): Promise<boolean> {
  const { project, testNamePattern, tagsFilter } = vitest.config
  if (project.length > 0 || testNamePattern !== undefined || tagsFilter !== undefined) return false
  return modules.length === (await vitest.globTestSpecifications()).length
}

type Proofs = ReadonlyMap<string, readonly TestCase[]>

/** The passed tests that cite each id. */
function collectProofs(modules: readonly TestModule[]): Proofs {
  const proofs = new Map<string, TestCase[]>()
  for (const test of modules.flatMap((module) => [...module.children.allTests('passed')])) {
    // A test that must fail proves the opposite.
    if (test.options.fails === true) continue
    for (const id of test.tags) proofs.set(id, [...(proofs.get(id) ?? []), test])
  }
  return proofs
}

function render(proofs: Proofs, root: string): string {
  const rows = idsOf(requirements).map((id) => {
    const { source, behaviour } = requirements[id]
    const names = namesOf(proofs.get(id) ?? [], root)
    const more = names.length > shownProofs ? ['and more'] : []
    const tests = [...names.slice(0, shownProofs), ...more].map(escapeCell).join('<br>')
    return `| \`${id}\` | ${escapeCell(behaviour)} | ${escapeCell(source)} | ${tests} |`
  })
  return [
    '# Requirements',
    '',
    'What the project claims, and tests that prove it. Written by the test run from',
    '`conformance/requirements.ts`: `pnpm requirements`.',
    '',
    '<!-- oxfmt-ignore -->',
    '| id | behaviour | source | tests |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}

/** Names in an order that does not depend on the run. */
function namesOf(tests: readonly TestCase[], root: string): readonly string[] {
  const suites = new Map<string, string[]>()
  for (const test of tests) {
    const suite = suiteOf(test, root)
    suites.set(suite, [...(suites.get(suite) ?? []), `${suite} > ${test.name}`])
  }
  const names = [...suites].flatMap(([suite, cases]) =>
    cases.length > shownCases ? [suite] : cases,
  )
  return names.toSorted()
}

function suiteOf({ module, parent }: TestCase, root: string): string {
  const file = module.moduleId.slice(root.length + 1)
  return parent.type === 'suite' ? `${file}: ${parent.fullName}` : file
}

function escapeCell(text: string): string {
  return text
    .replaceAll('|', String.raw`\|`)
    .replaceAll('<', '&lt;')
    .replaceAll('*', String.raw`\*`)
}

function publish(file: string, text: string): void {
  const count = `${idsOf(requirements).length} requirements are proved`
  if (process.env['UPDATE_REQUIREMENTS'] !== undefined) writeFileSync(file, text)
  else if (read(file) !== text) return fail(`${table} is out of date: run pnpm requirements`)
  console.log(count)
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function fail(why: string): void {
  console.error(`requirements: ${why}`)
  process.exitCode = 1
}

function idsOf(all: typeof requirements): readonly RequirementId[] {
  return Object.keys(all) as RequirementId[]
}
