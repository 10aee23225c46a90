export interface Regex {
  /** From the top of the repository. */
  readonly file: string
  readonly line: number
  readonly source: string
  readonly flags: string
}

export function regexesOf(...names: readonly string[]): readonly Regex[]
export function exportedFunctionsOf(
  name: string,
): readonly { readonly file: string; readonly name: string }[]
