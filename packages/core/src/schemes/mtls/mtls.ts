import { noCoverage } from '../../access-token.ts'
import { checkMtlsToken } from '../../confirmation/x5t.ts'
import { optionError } from '../../errors.ts'
import { readOptions } from '../../option-readers.ts'
import type { HttpRequest } from '../../request.ts'
import type { Scheme } from '../scheme.ts'
import { thumbprintOf } from './certificate.ts'
import { readProxy, type MtlsProxyOptions } from './proxy.ts'

export interface MtlsOptions {
  /**
   * Finds the client certificate of a request, as DER. Default the one of the TLS connection, for servers that are made with
   * `requestCert: true`. What it says is believed, and the thumbprint of an object is remembered: for other bytes give
   * another object.
   */
  readonly certificate?: (request: HttpRequest) => Uint8Array | undefined
  /** Takes the certificate from a proxy that ends TLS, instead of from the connection. */
  readonly proxy?: MtlsProxyOptions
}

/**
 * Certificate-bound access tokens: `Authorization: Bearer <access token>` over a connection whose client
 * certificate the token names in `cnf["x5t#S256"]`. A token that is also bound to a key (`jkt`, `jwk`) is for that
 * key's scheme, and `mtls()` beside it checks the certificate.
 *
 * The handshake has proved possession of the private key. Not checked here: the chain, the dates and the
 * revocation of the certificate, which RFC 8705 leaves to the authorization server; whether TLS was set up to
 * ask for certificates.
 *
 * @throws TypeError with `code` for wrong options
 * @see [RFC 8705 section 3](https://www.rfc-editor.org/rfc/rfc8705#section-3)
 */
export function mtls(options: MtlsOptions = {}): Scheme {
  const findThumbprint = readSource(readOptions('mtls', options, ['certificate', 'proxy']))
  return Object.freeze<Scheme>({
    name: 'mTLS',
    challenge: 'Bearer',
    proofError: 'invalid_token',
    certificateThumbprint: findThumbprint,
    accepts: (word) => word === 'bearer',
    read: ({ value }) => ({ accessToken: value }),
    async confirm(_proof, token) {
      checkMtlsToken(token)
      return undefined
    },
    verify() {},
    compare: async () => noCoverage,
    identify: () => undefined,
  })
}

type FindThumbprint = (request: HttpRequest) => string | undefined

function readSource({ certificate, proxy }: MtlsOptions): FindThumbprint {
  if (certificate !== undefined && proxy !== undefined)
    throw optionError('ERR_POP_OPTION_INVALID', 'mtls takes certificate or proxy, not both')
  if (proxy !== undefined) return readProxy(proxy)
  if (certificate === undefined) return (request) => thumbprintOf(request.peer?.().certificate)
  if (typeof certificate !== 'function')
    throw optionError('ERR_POP_OPTION_INVALID', 'mtls certificate must be a function')
  return (request) => thumbprintOf(certificate(request))
}
