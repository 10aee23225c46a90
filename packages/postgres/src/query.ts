/** Runs one statement; the rows come as a list, or as the member of that name. */
export type Query = (
  text: string,
  values: (string | number)[],
) => PromiseLike<readonly unknown[] | { readonly rows: readonly unknown[] }>

/** The only row of an answer; without members where there is no such row. */
export function rowOf(answer: unknown): Readonly<Record<string, unknown>> {
  const rows: unknown = Array.isArray(answer) ? answer : (answer as { rows?: unknown } | null)?.rows
  const [row] = Array.isArray(rows) && rows.length === 1 ? (rows as unknown[]) : []
  return typeof row === 'object' && row !== null ? (row as Record<string, unknown>) : {}
}
