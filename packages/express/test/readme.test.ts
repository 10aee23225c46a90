import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, get, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { appOf, readBlock } from './example.ts'

const example = readBlock('README.md', 'ts')
const issuerKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const clientKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const servers: Server[] = []
let api: URL
let issuer: string

beforeAll(async () => {
  const keys = [{ ...issuerKey.publicKey.export({ format: 'jwk' }), alg: 'ES256' }]
  const server = await listen(({ url }, response) => {
    const metadata = { issuer, jwks_uri: `${issuer}/keys` }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(url === '/keys' ? { keys } : metadata))
  })
  issuer = server.origin
  api = await listen(await appOf(example, { 'https://as.example.com': issuer }))
})

afterAll(() => {
  for (const server of servers) server.close()
})

describe('the first example of the README', () => {
  test('lets the client in that holds the key', async () => {
    const answer = await send('/photos', `PoP ${signRequest(issue({ scope: 'photos:read' }))}`)
    expect(answer).toMatchObject({ status: 200, body: '"alice"' })
  })

  test('answers a thief as the README prints it', async () => {
    const answer = await send('/photos', `Bearer ${issue({ scope: 'photos:read' })}`)
    const [statusLine, ...headers] = readBlock('README.md', 'http').trim().split('\n')
    const challenges = headers.filter((line) => line.startsWith('www-authenticate: '))
    expect(challenges).toHaveLength(2)
    expect(answer.statusLine).toBe(statusLine)
    expect(answer.headers).toEqual(expect.arrayContaining(headers))
    expect(answer.headers.filter((line) => line.startsWith('www-authenticate: '))).toEqual(
      challenges,
    )
  })

  test('answers 403 to a token without the scope', async () => {
    const answer = await send('/photos', `PoP ${signRequest(issue({ scope: 'photos:write' }))}`)
    expect(answer.status).toBe(403)
  })
})

async function listen(handler: RequestListener): Promise<URL> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}

interface Answer {
  readonly status: number
  readonly statusLine: string
  /** One line each, as sent. */
  readonly headers: readonly string[]
  readonly body: string
}

function send(path: string, authorization: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(new URL(path, api), { headers: { authorization } }, (response) => {
      const { statusCode: status = 0, statusMessage, httpVersion, rawHeaders } = response
      const headers = rawHeaders.flatMap((name, index) =>
        index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [],
      )
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const statusLine = `HTTP/${httpVersion} ${status} ${statusMessage}`
        resolve({ status, statusLine, headers, body: Buffer.concat(chunks).toString() })
      })
    })
    request.on('error', reject)
  })
}

/** An access token that is bound to the key of the client. */
function issue({ scope }: { scope: string }): string {
  const claims = {
    iss: issuer,
    aud: 'https://api.example.com',
    sub: 'alice',
    scope,
    exp: seconds() + 60,
    cnf: { jwk: clientKey.publicKey.export({ format: 'jwk' }) },
  }
  return signJwt('at+jwt', claims, issuerKey.privateKey)
}

/** The signed request of `GET https://api.example.com/photos`. */
function signRequest(accessToken: string): string {
  const members = { at: accessToken, ts: seconds(), m: 'GET', u: 'api.example.com', p: '/photos' }
  return signJwt('pop', { ...members, jti: randomUUID() }, clientKey.privateKey)
}

function signJwt(typ: string, payload: object, key: KeyObject): string {
  const parts = [{ typ, alg: 'ES256' }, payload]
  const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  const signingInput = input.join('.')
  const signature = sign('sha256', Buffer.from(signingInput), { key, dsaEncoding: 'ieee-p1363' })
  return `${signingInput}.${signature.toString('base64url')}`
}

/** A second ahead: the memory store refuses proofs of the second in which a server starts. */
function seconds(): number {
  return Math.floor(Date.now() / 1000) + 1
}
