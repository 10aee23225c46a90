/** A regular expression of a package, and where it stands. */
export interface Pattern {
  /** From the top of the repository. */
  readonly file: string
  readonly source: string
}

/** What is significant to a parser that has no patterns, too. */
const fillers = [' ', '\t', ',', '"', '\\', '\\"', '=', '.', '..', '../', '/', '/.', ':', ';']
  .concat(['&', '&a', 'a=&', '%', '%7e', '%2', '%zz&', '+', '[', '{"a":', ',"a":1', '-', '1', 'a'])
  .concat(['A ', 'pop_access_token&', 'pop_access_token[', 'charset=', '@', '#', '\u00e9', '0:'])

/**
 * What a match ends on after it has come as far as it can. Backtracking shows only where the end fails:
 * spaces alone, or before one letter, are trimmed or matched, and spaces before `a b` are neither.
 */
const endings = ['', 'a b', 'b', ' b', '"b', '/b', '\n', '?\n', '\u0000=']

/** Texts of a length: a beginning, a repeated filler, an ending. */
export function* inputs(length: number, patterns: readonly Pattern[]): Generator<string> {
  const own = new Set(patterns.flatMap(({ source }) => alphabetOf(source)).filter(isMark))
  for (const filler of new Set([...fillers, ...own])) {
    const text = filler.repeat(length / filler.length)
    yield `a${text}b`
    for (const ending of own.has(filler) ? endings : endings.slice(0, 2)) yield text + ending
  }
}

/** One letter and one digit stand for all, and are among the fillers. */
const isMark = (character: string): boolean => !/^[a-z0-9]$/i.test(character)

/** The characters that a pattern names, and one of each class that it names. */
function alphabetOf(source: string): readonly string[] {
  const classes: Readonly<Record<string, string>> = { s: ' ', t: '\t', n: '\n', d: '1', w: 'a' }
  const tokens = source.match(/\\u[0-9a-f]{4}|\\.|./gs) ?? []
  return tokens.map((token) => {
    if (token.startsWith('\\u')) return String.fromCharCode(Number.parseInt(token.slice(2), 16))
    return token.startsWith('\\') ? (classes[token.charAt(1)] ?? token.charAt(1)) : token
  })
}
