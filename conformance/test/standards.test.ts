import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { requirements } from '../requirements.ts'

const top = new URL('../../', import.meta.url)
const read = (page: string): string => readFileSync(new URL(page, top), 'utf8')

const pages = ['docs/standards.md', 'SECURITY.md']
const tables = [
  'RFC 8725',
  'RFC 9700',
  'RFC 9449',
  'OWASP ASVS',
  'FAPI',
  'PoP architecture',
] as const

/** What a page has between backticks, and where its links lead. */
function namesIn(text: string): readonly string[] {
  const code = [...text.matchAll(/`([^`\n]+)`/g)].map(([, name = '']) => name)
  const links = [...text.matchAll(/\]\((?!#)([^)#]+)/g)].map(([, target = '']) => target)
  return [...code, ...links]
}

const isId = (name: string): boolean =>
  /^(?:attack|shr|answer|rule|step-up|issuer-dpop)-[a-z0-9-]+$/.test(name)
const isFile = (name: string): boolean => /^[\w./-]+\.(?:ts|mjs|json|md)$/.test(name)
const isTest = (name: string): boolean => /^[\w./-]+\.test\.ts$/.test(name)

/** The rows of the table below a heading, without its head. */
function rowsOf(page: string, heading: string): readonly (readonly string[])[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const [body = ''] = section.split('\n## ')
  const lines = body.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) => line.slice(1, -1).split('|'))
}

describe.each(pages)('%s', (page) => {
  const names = namesIn(read(page))

  test('names files that are there', () => {
    const from = new URL(page, top)
    const isThere = (name: string): boolean =>
      [new URL(name, top), new URL(name, from)].some((file) => existsSync(file))
    expect(names.filter(isFile).filter((name) => !isThere(name))).toEqual([])
  })

  test('names requirements that are there', () => {
    expect(names.filter(isId).filter((name) => !Object.hasOwn(requirements, name))).toEqual([])
  })
})

test('the tables are these', () => {
  const headings = [...read('docs/standards.md').matchAll(/^## (.+)$/gm)].map(([, name]) => name)
  expect(headings).toEqual(tables)
})

describe.each(tables)('the table of %s', (heading) => {
  const rows = rowsOf(read('docs/standards.md'), heading)

  test('has rows, and four filled cells in each', () => {
    expect(rows.length).toBeGreaterThan(0)
    const broken = rows.filter((row) => row.length !== 4 || row.some((cell) => cell.trim() === ''))
    expect(broken).toEqual([])
  })

  test('names a proof in each row, or who else must do it', () => {
    const unproved = rows.filter(([, how = '', where = '', tests = '']) => {
      const proofs = namesIn(tests)
      const isProved = proofs.length > 0 && proofs.every((name) => isId(name) || isTest(name))
      const places = namesIn(where)
      const isSomewhere = places.length > 0 && places.every(isFile)
      const isLeft = how.startsWith(' Not by us: ') && `${where}${tests}`.trim() === '-  -'
      return !(isProved && isSomewhere) && !isLeft
    })
    expect(unproved).toEqual([])
  })
})
