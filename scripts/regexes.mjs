import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'

const root = join(import.meta.dirname, '..')

/** The regular expressions of the sources of these packages; of all without names. */
export function regexesOf(...names) {
  const packages = names.length > 0 ? names : readdirSync(join(root, 'packages'))
  return packages.flatMap((name) => sourcesOf(name).flatMap(regexesIn))
}

/** The exported functions of the sources of one package. */
export function exportedFunctionsOf(name) {
  return sourcesOf(name).flatMap(exportsIn)
}

function sourcesOf(name) {
  const folder = join(root, 'packages', name, 'src')
  if (!existsSync(folder)) return [] // tests only
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .toSorted()
    .map((file) => join(folder, file))
}

function parse(path) {
  const file = relative(root, path).split(sep).join('/')
  const text = readFileSync(path, 'utf8')
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) throw new Error(`${file}: ${errors[0].message}`)
  return { file, text, program }
}

function regexesIn(path) {
  const { file, text, program } = parse(path)
  const found = []
  const lineOf = ({ start }) => text.slice(0, start).split('\n').length
  /** `RegExp(source, flags)`; text that is put together is beyond judgement. */
  function visitCall(node) {
    if (node.callee.type !== 'Identifier' || node.callee.name !== 'RegExp') return
    const [source, flags = { type: 'Literal', value: '' }] = node.arguments
    const line = lineOf(node)
    if (typeof source?.value !== 'string' || typeof flags.value !== 'string')
      throw new Error(`${file}:${line}: a RegExp must be made of literal text, or be a literal`)
    found.push({ file, line, source: source.value, flags: flags.value })
  }
  new Visitor({
    Literal(node) {
      if ('regex' in node)
        found.push({
          file,
          line: lineOf(node),
          source: node.regex.pattern,
          flags: node.regex.flags,
        })
    },
    NewExpression: visitCall,
    CallExpression: visitCall,
  }).visit(program)
  return found
}

function exportsIn(path) {
  const { file, program } = parse(path)
  const isFunction = (node) => /Function/.test(node?.type)
  return program.body
    .flatMap(({ type, declaration }) => (type === 'ExportNamedDeclaration' ? [declaration] : []))
    .flatMap((node) => {
      if (isFunction(node)) return [node.id.name]
      const declared = node?.type === 'VariableDeclaration' ? node.declarations : []
      return declared.flatMap(({ id, init }) => (isFunction(init) ? [id.name] : []))
    })
    .map((name) => ({ file, name }))
}
