import type { IncomingMessage, ServerResponse } from 'node:http'
import { optionError } from '../errors.ts'
import type { ResourceMetadata } from '../resource-metadata.ts'
import { oneVerifier } from './one-verifier.ts'
import type { AdapterOptions } from './protection.ts'

/**
 * The metadata of a protected resource (RFC 9728) that these options stand for, for a route of your own. An adapter
 * that sees every request answers `path` by itself; one that is mounted deeper does not see it.
 *
 * @throws TypeError with `code` for wrong options, and without `metadata`
 */
export function protectedResourceMetadata(options: AdapterOptions): ResourceMetadata {
  const { optional: _optional, maxBodyBytes: _maxBodyBytes, ...verifierOptions } = options
  const { metadata } = oneVerifier(verifierOptions)
  if (metadata !== undefined) return metadata
  throw optionError('ERR_POP_OPTION_MISSING', 'protectedResourceMetadata needs metadata: {}')
}

/** Answers a request for the document; false for every other request. */
export function answerMetadata(
  { method, target }: { readonly method: string | undefined; readonly target: string },
  response: ServerResponse<IncomingMessage>,
  metadata: ResourceMetadata | undefined,
): boolean {
  if (metadata === undefined || !target.startsWith(metadata.path)) return false
  const rest = target.slice(metadata.path.length)
  if (rest !== '' && !rest.startsWith('?')) return false
  if (method !== 'GET' && method !== 'HEAD') return false
  // Somebody has answered, and went on all the same.
  if (response.headersSent) return false
  const body = JSON.stringify(metadata.document)
  response.setHeader('cache-control', 'public, max-age=3600')
  // It is public, and clients in pages of other origins need it.
  if (!response.hasHeader('access-control-allow-origin'))
    response.setHeader('access-control-allow-origin', '*')
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  response.end(method === 'HEAD' ? undefined : body)
  return true
}
