import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MtlsProxyOptions } from '@oauth-pop/core'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import {
  connectTls,
  readCertificate,
  sendRaw,
  startNginx,
  type NginxOptions,
  type RawRequest,
} from '../src/index.ts'
import { ask, requestOfBob, startApi } from './certificate-api.ts'

const proxy: MtlsProxyOptions = { profile: 'nginx', trust: ['127.0.0.1'] }
const escaped = encodeURIComponent(readCertificate('bob').cert)
const certificate = ['X-SSL-Client-Cert', escaped] as const
const verdict = ['X-SSL-Client-Verify', 'SUCCESS'] as const

async function start(options: NginxOptions): Promise<string> {
  const nginx = await startNginx(options)
  onTestFinished(nginx.stop)
  return nginx.socket
}

describe.skipIf(!inject('nginx'))('behind a real nginx', { tags: ['mtls-proxy'] }, () => {
  test('its client counts: the right one, another, and one that nginx does not let in', async () => {
    const { port, refused } = await startApi(proxy)
    const nginx = await start({ upstream: `http://127.0.0.1:${port}` })
    expect(await ask(connectTls(nginx, 'bob'))).toBe(200)
    expect(await ask(connectTls(nginx, 'server'))).toBe(401)
    expect(refused).toEqual(['ERR_POP_BINDING_OTHER_KEY'])
    expect(await ask(connectTls(nginx, 'alice'))).toBe(400)
    expect(await ask(connectTls(nginx))).toBe(400)
    expect(refused).toHaveLength(1)
  })

  test('over a Unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oauth-pop-api-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'api.sock')
    const { refused } = await startApi({ profile: 'nginx', trust: 'unix-socket' }, { path })
    const nginx = await start({ upstream: `http://unix:${path}` })
    expect(await ask(connectTls(nginx, 'bob'))).toBe(200)
    expect(await ask(connectTls(nginx, 'server'))).toBe(401)
    expect(refused).toEqual(['ERR_POP_BINDING_OTHER_KEY'])
  })

  test('for an API that listens on every address, where an IPv4 peer has an address of IPv6', async () => {
    const { port } = await startApi(proxy, { port: 0 })
    const nginx = await start({ upstream: `http://127.0.0.1:${port}` })
    expect(await ask(connectTls(nginx, 'bob'))).toBe(200)
  })

  test('whoever may come without a certificate has none, and one that nginx could not verify does not count', async () => {
    const { port, refused } = await startApi(proxy)
    const nginx = await start({
      upstream: `http://127.0.0.1:${port}`,
      verifyClient: 'optional_no_ca',
    })
    expect(await ask(connectTls(nginx))).toBe(401)
    expect(await ask(connectTls(nginx, 'alice'))).toBe(401)
    expect(refused).toEqual(['ERR_POP_CERTIFICATE_MISSING', 'ERR_POP_CERTIFICATE_INVALID'])
    expect(await ask(connectTls(nginx, 'bob'))).toBe(200)
  })

  test('nginx takes away copies of its headers that a client writes', async () => {
    const { port, refused } = await startApi(proxy)
    const nginx = await start({
      upstream: `http://127.0.0.1:${port}`,
      verifyClient: 'optional',
    })
    const twice = [certificate, certificate, verdict, verdict]
    for (const forged of [[certificate, verdict], twice]) {
      expect(await ask(connectTls(nginx, 'server'), ...forged)).toBe(401)
      expect(await ask(connectTls(nginx), ...forged)).toBe(401)
    }
    expect([...new Set(refused)]).toEqual([
      'ERR_POP_BINDING_OTHER_KEY',
      'ERR_POP_CERTIFICATE_MISSING',
    ])
    const other = ['X-SSL-Client-Cert', encodeURIComponent(readCertificate('server').cert)] as const
    expect(await ask(connectTls(nginx, 'bob'), other, other)).toBe(200)
  })

  test('a spelling with underscores is not passed on by nginx, and refused where nginx is told to', async () => {
    const { port, refused } = await startApi(proxy)
    const upstream = `http://127.0.0.1:${port}`
    const nginx = await start({ upstream, verifyClient: 'optional' })
    const forged = [['X_SSL_Client_Cert', escaped], verdict] as const
    expect(await ask(connectTls(nginx, 'bob'), ...forged)).toBe(200)
    expect(await ask(connectTls(nginx), ...forged)).toBe(401)
    const lines = ['underscores_in_headers on;']
    const careless = await start({ upstream, verifyClient: 'optional', lines })
    expect(await ask(connectTls(careless, 'bob'), ...forged)).toBe(401)
    expect(await ask(connectTls(careless), ...forged)).toBe(401)
    expect(refused).toEqual([
      'ERR_POP_CERTIFICATE_MISSING',
      'ERR_POP_CERTIFICATE_INVALID',
      'ERR_POP_CERTIFICATE_INVALID',
    ])
  })

  test('a server that trusts another hop refuses what nginx says', async () => {
    const { port, refused } = await startApi({ profile: 'nginx', trust: ['10.0.0.1'] })
    const nginx = await start({ upstream: `http://127.0.0.1:${port}` })
    expect(await ask(connectTls(nginx, 'bob'))).toBe(401)
    expect(refused).toEqual(['ERR_POP_CERTIFICATE_MISSING'])
  })
})

describe('past the proxy', { tags: ['mtls-proxy', 'attack-161'] }, () => {
  const askDirectly = async (port: number, ...headers: RawRequest['headers']): Promise<number> =>
    (await sendRaw(port, requestOfBob(...headers))).status

  test('the headers of nginx count from the hop that is trusted, and from no other', async () => {
    for (const [trust, status] of [
      [['127.0.0.1'], 200],
      [['10.0.0.1', '127.0.0.2'], 401],
      ['unix-socket', 401],
      [() => false, 401],
    ] as const) {
      const { port } = await startApi({ profile: 'nginx', trust })
      expect(await askDirectly(port, certificate, verdict)).toBe(status)
    }
  })

  test('a second line and a second spelling are refused, also from the trusted hop', async () => {
    const { port, refused } = await startApi(proxy)
    for (const more of [
      certificate,
      verdict,
      ['x-ssl-client-cert', escaped] as const,
      ['X_SSL_Client_Cert', escaped] as const,
      ['X-SSL_Client-Verify', 'SUCCESS'] as const,
    ])
      expect(await askDirectly(port, certificate, verdict, more)).toBe(401)
    expect(refused).toEqual(Array.from({ length: 5 }, () => 'ERR_POP_CERTIFICATE_INVALID'))
  })
})
