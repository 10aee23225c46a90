import type { Socket } from 'node:net'
import { dpop, memoryReplayStore, mtls, storedTokens, type RefusedEvent } from '@oauth-pop/core'
import type { AdapterOptions } from '@oauth-pop/core/node'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { apiUrl, createHolders, signDpop, thumbprintOf } from '../builders.ts'
import { readCertificate } from '../certificates.ts'
import { collectEvents } from '../collect-events.ts'
import { sendInSession } from '../http2.ts'
import { sendOver } from '../raw-http.ts'
import {
  connectHttp2Tls,
  connectTls,
  serverTls,
  type CertificateHolder,
  type TlsConnection,
} from '../tls-client.ts'
import { checkRefusal } from './checks.ts'
import type { AdapterHarness, AdapterServer, ServerTls } from './harness.ts'
import type { Subject } from './subject.ts'

type Headers = readonly (readonly [string, string])[]

/** How a token of somebody's is sent. */
interface Kind {
  readonly scheme: 'mTLS' | 'DPoP'
  readonly credential: (owner: CertificateHolder) => Headers
}

/** Tokens that are bound to the certificate of a TLS connection. */
export const certificates: Subject = {
  describe({ harness, fixtures: { clock } }) {
    const dana = createHolders().holder('jkt')
    const both = (owner: CertificateHolder): string => `${owner}-${dana.accessToken}`

    const confirmations = new Map<string, object>()
    for (const owner of ['alice', 'mallory'] as const) {
      const bound = { 'x5t#S256': readCertificate(owner).thumbprint }
      confirmations.set(owner, bound)
      confirmations.set(both(owner), { jkt: thumbprintOf(dana.jwk), ...bound })
    }
    const kinds: readonly Kind[] = [
      { scheme: 'mTLS', credential: (owner) => [['Authorization', `Bearer ${owner}`]] },
      {
        scheme: 'DPoP',
        credential(owner) {
          const accessToken = both(owner)
          const proof = signDpop({ ...dana, accessToken }, clock.seconds())
          return [
            ['Authorization', `DPoP ${accessToken}`],
            ['DPoP', proof],
          ]
        },
      },
    ]

    let lookUp = async (): Promise<void> => {}
    const options: AdapterOptions = {
      publicUrl: apiUrl,
      schemes: [dpop(), mtls()],
      replay: memoryReplayStore({ restartGuard: 'off', now: clock.now }),
      now: clock.now,
      tokens: storedTokens(
        async (_hash, token) => {
          await lookUp()
          const cnf = confirmations.get(token)
          return cnf && { aud: apiUrl, sub: 'alice', scope: 'read', cnf }
        },
        { audience: apiUrl },
      ),
    }
    const start: Start = async (tls = serverTls()) => {
      const server = await harness.start(options, { tls })
      onTestFinished(() => server.close())
      return server
    }
    const whileLookedUp: WhileLookedUp = (act) => {
      lookUp = act
    }

    describe.each(kinds)('a $scheme token that is bound to a certificate', (kind) => {
      const tags: Tags = [kind.scheme === 'mTLS' ? 'mtls-bound' : 'mtls-both']
      describeConnections(start, kind, tags)
      describeLost(harness, start, whileLookedUp, kind, tags)
      if (harness.speaksHttp2) describeStreams(start, kind, tags)
    })
  },
}

type Start = (tls?: ServerTls) => Promise<AdapterServer>
type Tags = ('mtls-bound' | 'mtls-both')[]

/** `200` with the scheme that the handler was told, or the status of the refusal. */
async function ask(
  { socket }: TlsConnection,
  { credential }: Kind,
  owner: CertificateHolder = 'alice',
): Promise<string> {
  const headers: Headers = [['Host', 'api.example.com'], ...credential(owner)]
  const response = await sendOver(socket, { method: 'GET', target: '/items', headers })
  if (response.status !== 200) checkRefusal(response, response.status)
  return describeAnswer(response)
}

function describeAnswer({ status, body }: { status: number; body: string }): string {
  if (status !== 200) return `${status}`
  const { scheme, subject } = JSON.parse(body) as { scheme?: string; subject?: string }
  return `${status} ${scheme} ${subject}`
}

function describeConnections(start: Start, kind: Kind, tags: Tags): void {
  const right = `200 ${kind.scheme} alice`

  test.each([
    ['its certificate', 'alice', right],
    ['another certificate', 'mallory', '401'],
    ['another certificate that an authority has signed', 'bob', '401'],
    ['no certificate', undefined, '401'],
  ] as const)('over a connection with %s', { tags }, async (_, name, answer) => {
    const { port, handled } = await start()
    expect(await ask(await connectTls(port, name), kind)).toBe(answer)
    expect(handled()).toBe(answer === '401' ? 0 : 1)
  })

  test('is refused when the server asks for no certificate', { tags }, async () => {
    const { port } = await start(serverTls({ requestCert: false }))
    expect(await ask(await connectTls(port, 'alice'), kind)).toBe('401')
  })

  test('each request of a connection is judged by itself', { tags }, async () => {
    const { port, handled } = await start()
    const connection = await connectTls(port, 'alice')
    const answers: string[] = []
    for (const owner of ['alice', 'mallory', 'alice', 'bob', 'alice'] as const)
      answers.push(await ask(connection, kind, owner))
    expect(answers).toEqual([right, '401', right, '401', right])
    expect(handled()).toBe(3)
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a resumed connection of %s has the certificate of the first, or none',
    { tags },
    async (version) => {
      const { port } = await start()
      const answers: unknown[] = []
      for (const name of ['alice', 'mallory', undefined] as const) {
        const first = await connectTls(port, name, { version })
        answers.push(await ask(first, kind))
        const session = await first.session
        first.socket.destroy()
        const resumed = await connectTls(port, undefined, { version, session })
        answers.push(resumed.socket.isSessionReused(), await ask(resumed, kind))
      }
      expect(answers).toEqual([right, true, right, '401', true, '401', '401', true, '401'])
    },
  )
}

function describeStreams(start: Start, kind: Kind, tags: Tags): void {
  test('two streams of HTTP/2 at once are each judged', { tags }, async () => {
    const { port } = await start(serverTls({ http2: true }))
    const answers: string[][] = []
    for (const name of ['alice', 'mallory', undefined] as const) {
      const session = await connectHttp2Tls(port, name)
      const sent = (['alice', 'mallory', 'alice'] as const).map((owner) =>
        sendInSession(session, Object.fromEntries(kind.credential(owner))),
      )
      answers.push((await Promise.all(sent)).map(describeAnswer))
      session.destroy()
    }
    const right = `200 ${kind.scheme} alice`
    expect(answers).toEqual([
      [right, '401', right],
      ['401', right, '401'],
      ['401', '401', '401'],
    ])
  })
}

/** What the tests of lost connections do while a token is looked up. */
type WhileLookedUp = (act: () => Promise<void>) => void

function describeLost(
  harness: AdapterHarness,
  start: Start,
  whileLookedUp: WhileLookedUp,
  kind: Kind,
  tags: Tags,
): void {
  /** The connection ends, and the server has noticed when the lookup goes on. */
  function loseIt(client: { destroy(): void }, arrived: readonly { socket: Socket }[]): void {
    whileLookedUp(async () => {
      whileLookedUp(async () => {})
      client.destroy()
      await vi.waitFor(() => expect(arrived.map(({ socket }) => socket.destroyed)).toEqual([true]))
    })
  }

  test('is refused when its connection is lost while it is looked up', { tags }, async () => {
    const { port, handled } = await start()
    const arrived = collectEvents<{ socket: Socket }>('http.server.request.start')
    const refused = collectEvents<RefusedEvent>('oauth-pop:refused')
    const lost = await connectTls(port, 'alice')
    loseIt(lost.socket, arrived)
    await expect(ask(lost, kind)).rejects.toThrow('without an answer')
    await vi.waitFor(() => expect(refused).toHaveLength(1))
    expect(refused).toMatchObject([{ code: 'ERR_POP_CERTIFICATE_MISSING', status: 401 }])
    expect(handled()).toBe(0)
    expect(await ask(await connectTls(port, 'alice'), kind)).toBe(`200 ${kind.scheme} alice`)
  })

  test.runIf(harness.speaksHttp2)(
    'is refused when its session of HTTP/2 is lost while it is looked up',
    { tags },
    async () => {
      const { port, handled } = await start(serverTls({ http2: true }))
      const arrived = collectEvents<{ socket: Socket }>('net.server.socket')
      const refused = collectEvents<RefusedEvent>('oauth-pop:refused')
      const lost = await connectHttp2Tls(port, 'alice')
      loseIt(lost, arrived)
      const headers = Object.fromEntries(kind.credential('alice'))
      await expect(sendInSession(lost, headers)).rejects.toThrow('without an answer')
      await vi.waitFor(() => expect(refused).toHaveLength(1))
      expect(refused).toMatchObject([{ code: 'ERR_POP_CERTIFICATE_MISSING', status: 401 }])
      expect(handled()).toBe(0)
      expect(await ask(await connectTls(port, 'alice'), kind)).toBe(`200 ${kind.scheme} alice`)
    },
  )
}
