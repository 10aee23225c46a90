import { fork, type ChildProcess, type Serializable } from 'node:child_process'
import { once } from 'node:events'
import type { Cost } from './interleave.ts'
import type { Load } from './load.ts'

/** A child process, and what it said when it was ready. */
export interface Child<Ready> {
  readonly child: ChildProcess
  readonly ready: Ready
}

/** What a server has used: CPU time in microseconds, counted from its start. */
export interface Usage {
  readonly cpu: number
}

export async function startChild<Ready>(
  file: URL,
  args: readonly string[],
  execArgv: readonly string[] = process.execArgv,
): Promise<Child<Ready>> {
  const child = fork(file, args, { execArgv: [...execArgv] })
  const [ready] = (await once(child, 'message')) as [Ready]
  return { child, ready }
}

export async function ask<Answer>(child: ChildProcess, question: Serializable): Promise<Answer> {
  child.send(question)
  const [answer] = (await once(child, 'message')) as [Answer]
  return answer
}

/** The cost per request to the server, what each request had to wait, and what else the server says. */
export async function measureLoad<Reported extends Usage = Usage>(
  child: ChildProcess,
  load: Load,
  messages: readonly string[],
): Promise<Omit<Reported, 'cpu'> & Cost & { readonly waited: readonly number[] }> {
  const { cpu: before } = await ask<Reported>(child, 'usage')
  const start = performance.now()
  const waited = await load.send(messages)
  const wall = ((performance.now() - start) * 1000) / messages.length
  const { cpu: after, ...rest } = await ask<Reported>(child, 'usage')
  return { ...rest, cpu: (after - before) / messages.length, wall, waited }
}
