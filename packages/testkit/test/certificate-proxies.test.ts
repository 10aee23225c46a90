import { createHash } from 'node:crypto'
import { request as sendOn } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { MtlsProxyOptions } from '@oauth-pop/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connectTls, listen, readCertificate, serverTls } from '../src/index.ts'
import { ask, startApi } from './certificate-api.ts'

type Headers = Readonly<Record<string, string>>
interface Shape {
  readonly profile: MtlsProxyOptions['profile']
  /** What the proxy writes about the certificate of its client. */
  readonly write: (der: Buffer) => Headers
}

const hexOf = (der: Buffer): string => digestOf(der).toString('hex')
const digestOf = (der: Buffer): Buffer => createHash('sha256').update(der).digest()
const pemOf = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`

const shapes: Record<string, Shape> = {
  'Envoy with SANITIZE_SET': {
    profile: 'xfcc',
    write: (der) => ({
      'X-Forwarded-Client-Cert': `By="spiffe://a.example/ns/a,b;c";Hash=${hexOf(der)};Subject="CN=\\"bob\\",O=b";URI=spiffe://a.example/bob`,
    }),
  },
  'RFC 9440': {
    profile: 'rfc9440',
    write: (der) => ({ 'Client-Cert': `:${der.toString('base64')}:` }),
  },
  'an Application Load Balancer': {
    profile: 'aws-alb',
    write: (der) => ({ 'X-Amzn-Mtls-Clientcert-Leaf': encodeURI(pemOf(der)) }),
  },
  'an Application Load Balancer in passthrough mode': {
    profile: 'aws-alb-passthrough',
    write: (der) => ({ 'X-Amzn-Mtls-Clientcert': encodeURI(pemOf(der)) }),
  },
  'Google Cloud': {
    profile: 'google-cloud',
    write: (der) => ({
      'X-Client-Cert-Hash': digestOf(der).toString('base64').replaceAll('=', ''),
      'X-Client-Cert-Present': 'true',
    }),
  },
  'App Service': {
    profile: 'azure',
    write: (der) => ({ 'X-ARR-ClientCert': der.toString('base64') }),
  },
}

/** A proxy that ends TLS and hands on the certificate, after it took away what its client says about one. */
async function startProxy(port: number, { write }: Shape): Promise<number> {
  const own = Object.keys(write(Buffer.alloc(0))).map((name) => name.toLowerCase())
  const proxy = await listen(
    (request, response) => {
      const kept = Object.entries(request.headers).filter(([name]) => !own.includes(name))
      const der = (request.socket as TLSSocket).getPeerX509Certificate()?.raw
      const headers = { ...Object.fromEntries(kept), ...(der && write(der)) }
      const { method, url: path } = request
      sendOn({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 0)
        answer.pipe(response)
      }).end()
    },
    undefined,
    serverTls(),
  )
  onTestFinished(proxy.close)
  return proxy.port
}

describe.each(Object.entries(shapes))('behind %s', { tags: ['mtls-proxy'] }, (_, shape) => {
  const { profile } = shape
  const forged = Object.entries(shape.write(Buffer.from(readCertificate('bob').der)))

  test('the certificate of its client counts, whatever the client writes', async () => {
    const { port, refused } = await startApi({ profile, trust: ['127.0.0.1'] })
    const proxy = await startProxy(port, shape)
    expect(await ask(connectTls(proxy, 'bob'))).toBe(200)
    expect(await ask(connectTls(proxy, 'mallory'))).toBe(401)
    expect(await ask(connectTls(proxy))).toBe(401)
    expect(await ask(connectTls(proxy, 'mallory'), ...forged)).toBe(401)
    expect(await ask(connectTls(proxy), ...forged)).toBe(401)
    expect(refused).toEqual([
      'ERR_POP_BINDING_OTHER_KEY',
      'ERR_POP_CERTIFICATE_MISSING',
      'ERR_POP_BINDING_OTHER_KEY',
      'ERR_POP_CERTIFICATE_MISSING',
    ])
  })

  test('a proxy that is not trusted is not believed', { tags: ['attack-161'] }, async () => {
    const { port, refused } = await startApi({ profile, trust: ['10.0.0.1'] })
    const proxy = await startProxy(port, shape)
    expect(await ask(connectTls(proxy, 'bob'))).toBe(401)
    expect(refused).toEqual(['ERR_POP_CERTIFICATE_MISSING'])
  })
})

test(
  'two elements, which Envoy writes when it appends, are refused',
  { tags: ['mtls-proxy'] },
  async () => {
    const one = (der: Buffer): string => `Hash=${hexOf(der)}`
    const appending: Shape = {
      profile: 'xfcc',
      write: (der) => ({ 'X-Forwarded-Client-Cert': `${one(der)},${one(der)}` }),
    }
    const { port, refused } = await startApi({ profile: 'xfcc', trust: ['127.0.0.1'] })
    const proxy = await startProxy(port, appending)
    expect(await ask(connectTls(proxy, 'bob'))).toBe(401)
    expect(refused).toEqual(['ERR_POP_CERTIFICATE_INVALID'])
  },
)
