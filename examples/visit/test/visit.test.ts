import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { isAsExpected, visit, type StartApi, type Step } from '@oauth-pop/example-visit'

/** Answers everything, and verifies nothing. */
const startCareless: StartApi = async (port) => {
  const server = createServer((_request, response) => response.end('{}'))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return async () => {
    server.close().closeAllConnections()
  }
}

test('an API that checks nothing is not what a visit expects, in any step', async () => {
  const steps: Step[] = []
  await visit(startCareless, (step) => steps.push(step))
  expect(steps.map(isAsExpected)).toEqual(Array.from({ length: 10 }, () => false))
})
