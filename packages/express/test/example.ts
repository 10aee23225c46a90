import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import type { RequestListener } from 'node:http'
import { runInThisContext } from 'node:vm'
import * as popExpress from '@oauth-pop/express'
import * as express from 'express'

/** The first fenced block of a language on a page of the repository, after a text or at all. */
export function readBlock(page: string, language: string, after = ''): string {
  const text = readFileSync(new URL(`../../../${page}`, import.meta.url), 'utf8')
  const [, block] =
    new RegExp(`${after}.*?^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(text) ?? []
  if (block === undefined) throw new Error(`${page} has no block of ${language} ${after}`)
  return block
}

export interface Setting {
  /** What its imports get. */
  readonly modules?: Readonly<Record<string, unknown>>
  /** What stands for a text of the example in a test. */
  readonly replacements?: Readonly<Record<string, string>>
  /** What it takes from its reader. */
  readonly given?: Readonly<Record<string, unknown>>
}

/** Runs the text of an example in this process and returns one of its constants. */
export async function runExample(
  code: string,
  result: string,
  { modules = {}, replacements = {}, given = {} }: Setting,
): Promise<unknown> {
  let script = stripTypeScriptTypes(code).replaceAll(
    /^import (.+) from ('.+')$/gm,
    (_, names: string, from: string) =>
      names.startsWith('{')
        ? `const ${names} = modules[${from}]`
        : `const ${names} = modules[${from}].default`,
  )
  for (const [text, replacement] of Object.entries(replacements)) {
    if (!script.includes(text)) throw new Error(`the example does not name ${text}`)
    script = script.replace(text, replacement)
  }
  const names = Object.keys(given).join(', ')
  const run = runInThisContext(
    `async (modules, { ${names} }) => {${script}\nreturn ${result}\n}`,
  ) as (available: typeof modules, values: typeof given) => Promise<unknown>
  return run(modules, given)
}

/** The Express application of an example. */
export async function appOf(
  code: string,
  replacements: NonNullable<Setting['replacements']>,
): Promise<RequestListener> {
  const modules = { express, '@oauth-pop/express': popExpress }
  const app = (await runExample(code, 'app', { modules, replacements })) as RequestListener & {
    set(name: string, value: string): void
  }
  app.set('env', 'test') // Express prints errors in every other environment.
  return app
}
