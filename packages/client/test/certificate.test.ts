import { createDpopFetch, createPopFetch } from '@oauth-pop/client'
import { dpop, memoryReplayStore, mtls, pop, popMiddleware } from '@oauth-pop/express'
import {
  identityOf,
  listen,
  readCertificate,
  serverTls,
  type CertificateHolder,
} from '@oauth-pop/testkit'
import express from 'express'
import { Agent } from 'undici'
import { expect, onTestFinished, test } from 'vitest'
import { dpopTokens, key, tokens } from './bound-key.ts'

const ca = readCertificate('ca').cert
const alice = readCertificate('alice')

test.each([
  ['createDpopFetch', createDpopFetch, dpopTokens],
  ['createPopFetch', createPopFetch, tokens],
] as const)(
  '%s over a dispatcher with a certificate: a token that is bound to both needs both',
  { tags: ['mtls-both'] },
  async (_, create, known) => {
    const app = express()
    app.set('env', 'test')
    app.use(
      popMiddleware({
        publicUrl: 'request',
        tokens: {
          async resolve(...asked) {
            const token = await known.resolve(...asked)
            const confirmation = { ...token?.confirmation, 'x5t#S256': alice.thumbprint }
            return token && { ...token, confirmation }
          },
        },
        schemes: [pop(), dpop(), mtls()],
        replay: memoryReplayStore({ restartGuard: 'off' }),
      }),
      (_request, response) => void response.send('in'),
    )
    const server = await listen(app, undefined, serverTls())
    onTestFinished(server.close)
    const ask = async (name?: CertificateHolder): Promise<number> => {
      const dispatcher = new Agent({ connect: { ca, ...identityOf(name) } })
      onTestFinished(() => dispatcher.destroy())
      const proved = create({
        accessToken: 'a-token',
        key,
        fetch: (url, init) => fetch(url, Object.assign({ dispatcher }, init)),
      })
      const url = `https://127.0.0.1:${server.port}/items`
      const answers = [await proved(url), await proved(url, { method: 'POST', body: 'once' })]
      expect(new Set(answers.map(({ status }) => status)).size).toBe(1)
      return answers[0]?.status ?? 0
    }
    expect(await ask('alice')).toBe(200)
    expect(await ask('mallory')).toBe(401)
    expect(await ask()).toBe(401)
  },
)
