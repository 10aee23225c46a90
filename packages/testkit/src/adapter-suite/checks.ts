import { connect } from 'node:net'
import type { AdapterOptions } from '@oauth-pop/core/node'
import { expect } from 'vitest'
import { sendRaw, type RawRequest, type RawResponse } from '../raw-http.ts'
import type { AdapterHarness } from './harness.ts'

/** Sends one request to a server of its own. */
export async function sendToNew(
  harness: AdapterHarness,
  options: AdapterOptions,
  request: RawRequest,
): Promise<RawResponse> {
  const server = await harness.start(options)
  try {
    const response = await sendRaw(server.port, request)
    return response
  } finally {
    await server.close()
  }
}

/** The values of every header line of this name. */
export function valuesOf(headers: RawResponse['headers'], wanted: string): readonly string[] {
  return headers.filter(([name]) => name === wanted).map(([, value]) => value)
}

/** What every refusal has, and what it must not have. */
export function checkRefusal({ headers, body }: RawResponse, status: number): void {
  expect(valuesOf(headers, 'cache-control')).toEqual(['no-store'])
  expect(body).not.toMatch(/\bat .*:\d+:\d+/)
  const challenged = [400, 401, 403].includes(status)
  expect(valuesOf(headers, 'www-authenticate').length > 0).toBe(challenged)
  const closes = status === 408 || status === 413
  expect(valuesOf(headers, 'connection').includes('close')).toBe(closes)
}

/** The codes that the verifier publishes while something happens. */
export async function watchRefusals(act: () => Promise<void>): Promise<readonly string[]> {
  const { subscribe, unsubscribe } = await import('node:diagnostics_channel')
  const codes: string[] = []
  const listen = (event: unknown): void => void codes.push((event as { code: string }).code)
  subscribe('oauth-pop:refused', listen)
  try {
    await act()
  } finally {
    unsubscribe('oauth-pop:refused', listen)
  }
  return codes
}

/** Sends several requests on one connection and reads the status of each answer. */
export function readStatuses(
  port: number,
  bytes: Uint8Array,
  count: number,
): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.setTimeout(5000, () => socket.destroy(new Error(`only got ${text}`)))
    socket.on('error', reject)
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
      if (statuses.length < count) return
      socket.destroy()
      resolve(statuses)
    })
  })
}
