import { readFileSync } from 'node:fs'
import { transform } from 'esbuild'

export function readPage(name: string): string {
  return readFileSync(placeOf(name), 'utf8')
}

export function placeOf(name: string): URL {
  return new URL(`../../../docs/${name}`, import.meta.url)
}

/** The first block of code below a heading. */
export function blockBelow(page: string, heading: string): string {
  const found = page.split(`\n${heading}\n`)[1]?.match(/^```\w+\n(.*?)^```/ms)?.[1]
  if (found === undefined) throw new Error(`no code below ${heading}`)
  return found
}

/** What a block may import, by the name it writes. */
export type Modules = Readonly<Record<string, object>>

/** Runs a block as its reader would, and gives what it declares by this name. */
export async function runBlock(block: string, modules: Modules, result: string): Promise<unknown> {
  const imported = block.replaceAll(
    /^import (?:(\w+)(?:, )?)?(?:\{([^}]*)\})?(?: from )?'([^']+)'$/gm,
    (_, whole?: string, names?: string, from?: string) => {
      const members = [whole && `default: ${whole}`, names?.replaceAll(' as ', ': ')]
      return `const { ${members.filter(Boolean).join(', ')} } = modules['${from}']`
    },
  )
  const { code } = await transform(imported, {
    loader: 'ts',
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true } },
  })
  const body = `return (async () => { ${code}; return ${result} })()`
  // oxlint-disable-next-line typescript/no-implied-eval -- the pages are ours
  const runs = new Function('modules', body) as (given: Modules) => Promise<unknown>
  return runs(modules)
}

/** The cells of the rows of a page that have these columns, without those of the head. */
export function tableOf(page: string, columns: readonly string[]): readonly string[][] {
  const lines = page.split('\n')
  const at = lines.findIndex((line) => cellsOf(line).join() === columns.join())
  if (at === -1) throw new Error(`no table of ${columns.join()}`)
  const rest = lines.slice(at + 2)
  const end = rest.findIndex((line) => !line.startsWith('|'))
  return rest.slice(0, end === -1 ? rest.length : end).map(cellsOf)
}

/** The page with other rows in that table. */
export function withTable(
  page: string,
  columns: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = page.split('\n')
  const at = lines.findIndex((line) => cellsOf(line).join() === columns.join())
  const old = tableOf(page, columns).length
  const written = rows.map((cells) => `| ${cells.join(' | ')} |`)
  return lines.toSpliced(at + 2, old, ...written).join('\n')
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}
