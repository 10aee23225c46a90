import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { jwtTokens, type TokenResolver } from '@oauth-pop/express'
import { signCompact } from '@oauth-pop/testkit'
import * as msal2 from 'msal-browser-2'
import * as msal3 from 'msal-browser-3'
import * as msal5 from 'msal-browser-5'

/** What MSAL.js offers for signed requests, in every version under test. */
export interface MsalModule {
  readonly version: string
  readonly SignedHttpRequest: new (request: MsalRequest) => MsalSigner
  readonly AuthenticationHeaderParser: new (headers: Readonly<Record<string, string>>) => {
    getShrNonce(): string
  }
}

interface MsalRequest {
  readonly correlationId: string
  readonly resourceRequestMethod: string
  readonly resourceRequestUri: string
  readonly shrNonce?: string
}

interface MsalSigner {
  generatePublicKeyThumbprint(): Promise<string>
  /** `claims` override what MSAL signs by itself, but for `cnf`. */
  signRequest(accessToken: string, thumbprint: string, claims?: object): Promise<string>
}

// MSAL looks for a browser when it makes a signer. This one's database does not open: MSAL then keeps
// its keys in memory, one store for each signer.
const indexedDB = {
  open(): EventTarget {
    const request = new EventTarget()
    queueMicrotask(() => request.dispatchEvent(new Event('error')))
    return request
  },
}

Object.assign(globalThis, { window: globalThis, indexedDB })

export const msalModules: readonly MsalModule[] = [msal2, msal3, msal5]

const issuer = 'https://login.example.com/tenant/v2.0'
const audience = 'https://api.example.com'
const issuerKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })

export function entraTokens(): TokenResolver {
  const jwks = { keys: [{ ...issuerKey.publicKey.export({ format: 'jwk' }), alg: 'ES256' }] }
  return jwtTokens({ issuer, audience, jwks, typ: 'JWT' })
}

/** As Microsoft Entra ID binds a token to the key of an MSAL client. */
function issueToken(thumbprint: string): string {
  const iat = Math.floor(Date.now() / 1000)
  const claims = { iss: issuer, aud: audience, sub: 'alice', scp: 'read', iat, exp: iat + 600 }
  const cnf = { kid: thumbprint, xms_ksl: 'sw' }
  return signCompact({ typ: 'JWT', alg: 'ES256' }, { ...claims, cnf }, issuerKey.privateKey)
}

export interface MsalClient {
  readonly accessToken: string
  readonly thumbprint: string
  readonly sign: (claims?: object) => Promise<string>
}

/** An MSAL that has made a key and got a token for it, ready to sign this request. */
export async function createClient(
  { SignedHttpRequest }: MsalModule,
  resourceRequestMethod: string,
  resourceRequestUri: string,
  shrNonce?: string,
): Promise<MsalClient> {
  const signer = new SignedHttpRequest({
    correlationId: randomUUID(),
    resourceRequestMethod,
    resourceRequestUri,
    ...(shrNonce && { shrNonce }),
  })
  const thumbprint = await signer.generatePublicKeyThumbprint()
  const accessToken = issueToken(thumbprint)
  const sign = (claims?: object): Promise<string> =>
    signer.signRequest(accessToken, thumbprint, claims)
  return { accessToken, thumbprint, sign }
}
