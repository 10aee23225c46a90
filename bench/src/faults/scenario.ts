/** What a scenario is told and what it reports to. */
export interface Context {
  /** How much of it: seconds or a count, as its line in the table says. */
  readonly amount: number
  readonly short: boolean
  /** One row of the table that is printed. */
  readonly check: (criterion: string, figure: string, holds: boolean) => void
  /** A figure without a criterion. */
  readonly note: (what: string, figure: string) => void
  /** A word on the screen about what is going on. */
  readonly say: (text: string) => void
  /** Runs when the scenario has ended, however it did; the last that was given is the first to run. */
  readonly defer: (end: () => unknown) => void
}

export interface Scenario {
  readonly name: string
  readonly title: string
  /** What it must show; each part is a row of its own when it has run. */
  readonly criterion: string
  readonly unit: string
  readonly full: number
  /** `false` leaves it out of the short form. */
  readonly short: number | false
  readonly run: (context: Context) => Promise<void>
}

export interface Row {
  readonly scenario: string
  readonly criterion: string
  readonly figure: string
  readonly result: 'pass' | 'FAIL' | '-'
}

/** Runs one scenario. What it throws is a row too. */
export async function runScenario(scenario: Scenario, short: boolean): Promise<readonly Row[]> {
  const { name: scenarioName, full, short: inShort, run } = scenario
  const rows: Row[] = []
  const ends: (() => unknown)[] = []
  const add = (criterion: string, figure: string, result: Row['result']): void => {
    rows.push({ scenario: scenarioName, criterion, figure, result })
    console.log(`  ${result.padEnd(4)}  ${criterion}: ${figure}`)
  }
  try {
    await run({
      amount: short && inShort !== false ? inShort : full,
      short,
      check: (criterion, figure, holds) => add(criterion, figure, holds ? 'pass' : 'FAIL'),
      note: (what, figure) => add(what, figure, '-'),
      say: (text) => console.log(`        ${text}`),
      defer: (end) => void ends.unshift(end),
    })
  } catch (error) {
    add('runs to its end', error instanceof Error ? String(error.stack) : String(error), 'FAIL')
  }
  for (const end of ends) await end()
  return rows
}
