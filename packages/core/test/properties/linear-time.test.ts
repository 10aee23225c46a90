import { outcomeOf } from '@oauth-pop/testkit'
import { setImmediate } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { exportedFunctionsOf, regexesOf } from '../../../../scripts/regexes.mjs'
import { parsers } from './parsers.ts'
import { inputs, type Pattern } from './pumped-inputs.ts'
import { reach, unreachedPatterns } from './reach.ts'
import { reachedPatterns } from './reached-patterns.ts'

const packages = ['core', 'express', 'fastify', 'koa', 'nestjs']

describe('P7: no parser takes more than linear time', () => {
  const reached = new Map<string, readonly Pattern[]>()
  beforeAll(async () => {
    for (const [name, parse] of Object.entries(parsers))
      reached.set(name, await reachedPatterns(parse))
  }, 60_000)

  // No time is compared, because that fails on a busy machine: all inputs of 64 KiB together are a
  // second or two of linear work, while every quadratic pass over one of them adds seconds.
  test.for(Object.entries(parsers))(
    '%s',
    { timeout: 20_000, tags: ['attack-216'] },
    async ([name, parse], { signal }) => {
      for (const input of inputs(2 ** 16, reached.get(name) ?? [])) {
        const outcome = await outcomeOf((async () => parse(input))())
        expect(outcome).toMatch(/^accepted$|^ERR_POP_/)
        // Room for the timeout: what is quadratic should not go on for minutes.
        await setImmediate()
        signal.throwIfAborted()
      }
    },
  )

  test('every pattern is run by a parser, or listed with the reason why no request meets it', () => {
    const keyOf = ({ file, source }: Pattern): string => `${file} ${source}`
    const run = new Set([...reached.values()].flat().map(keyOf))
    const unrun = regexesOf(...packages).filter((pattern) => !run.has(keyOf(pattern)))
    expect(new Set(unrun.map(keyOf))).toEqual(new Set(Object.keys(unreachedPatterns)))
  })

  test('every exported function is driven by a parser, or listed with the reason', () => {
    const used = packages.flatMap(exportedFunctionsOf).map(({ file, name }) => {
      const short = file.replace('packages/', '')
      return reach.has(short) ? short : `${short} ${name}`
    })
    expect(new Set(used)).toEqual(new Set(reach.keys()))
    const drivers = [...reach.values()].flatMap(({ by }) => by ?? [])
    expect(drivers.filter((name) => parsers[name] === undefined)).toEqual([])
  })
})
