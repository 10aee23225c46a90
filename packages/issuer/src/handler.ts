import { readCertificate, type ClientConnection } from './client-certificate.ts'
import { authenticate } from './client-authentication.ts'
import { readConfirmationRequest } from './confirmation-request.ts'
import { createDpopEndpoint, type DpopOptions } from './dpop.ts'
import { IssuerError } from './errors.ts'
import { readForm } from './form.ts'
import type { IssueRequest, Issuer } from './issuer.ts'
import type { KeyBinding } from './key-binding.ts'
import { chooseKey } from './key-choice.ts'
import { endpointOf, metadataOf } from './metadata.ts'
import {
  checkRegistrations,
  hasCertificates,
  isPublic,
  isSet,
  mayBe,
  type ClientRegistration,
  type Registrations,
  type ResourceServerRegistration,
} from './registrations.ts'

/** A token request of a known client, whose key, if it names one, is usable. */
export interface GrantRequest {
  readonly clientId: string
  /** Whether the client has proved who it is; a public client only names itself. */
  readonly authenticated: boolean
  /** `grant_type`, such as `authorization_code`. */
  readonly grantType: string
  /** The form without its `client_secret`. Every name is there once, but for `resource` and `audience`. */
  readonly parameters: URLSearchParams
  /** The key that the request names. Without one, and without one of yours, nothing is issued. */
  readonly key: KeyBinding | undefined
  /** The thumbprint of the key that the DPoP proof of the request has shown. */
  readonly dpopJkt: string | undefined
  /** The `x5t#S256` of the certificate of the connection. */
  readonly certificateThumbprint: string | undefined
}

/**
 * What the request is granted. `key` overrides the key that the request names, but neither a DPoP proof nor the
 * certificate that the tokens of the client are bound to.
 */
export type Grant = Omit<IssueRequest, 'clientId' | 'key'> &
  Partial<Pick<IssueRequest, 'key'>> & {
    /**
     * The DPoP key that code or refresh token is bound to: the `dpop_jkt` of the authorization request,
     * or the `dpopJkt` of the request that a public client got its refresh token by. A request that
     * does not prove it is `invalid_grant`.
     */
    readonly dpopJkt?: string | undefined
    /**
     * The certificate that the refresh token of a public client is bound to: the `certificateThumbprint` of the
     * request that it was got by (RFC 8705 section 4). A request over a connection without it is
     * `invalid_grant`.
     */
    readonly certificateThumbprint?: string | undefined
  }

export interface IssuerHandlerOptions {
  readonly issuer: Issuer
  readonly clients: Registrations<ClientRegistration>
  /** Who may introspect. */
  readonly resourceServers: Registrations<ResourceServerRegistration>
  /**
   * Decides what a token request gets: checks grant type, code and PKCE, user, scope and audience.
   * Throws an `IssuerError` to refuse.
   */
  readonly grant: (request: GrantRequest) => Grant | Promise<Grant>
  /** How DPoP proofs are judged; each name has a default. Several processes share a `replay` store. */
  readonly dpop?: DpopOptions
  /**
   * Members to add to the metadata (RFC 8414 section 2): `grant_types_supported`, and with a user
   * `authorization_endpoint` and `response_types_supported`.
   */
  readonly metadata?: Readonly<Record<string, unknown>>
}

interface Endpoint {
  readonly method: 'GET' | 'POST'
  readonly answer: (request: Request, connection: ClientConnection | undefined) => Promise<Response>
}

const optionNames = ['issuer', 'clients', 'resourceServers', 'grant', 'dpop', 'metadata']

/**
 * Answers the endpoints of an authorization server below its issuer identifier: `POST /token`
 * (RFC 6749), `/introspect` (RFC 7662) and `/revoke` (RFC 7009), `GET /jwks` and
 * `/.well-known/oauth-authorization-server` (RFC 8414); 404 for every other path.
 *
 * The key of a token is that of the grant, else that of `req_cnf` or `cnf_key` of the request; see
 * `readConfirmationRequest`. A request with a `DPoP` header proves its key instead, and gets a DPoP token
 * (RFC 9449 section 5). A client with certificate-bound tokens gets them bound to the certificate of its
 * connection, which the framework passes beside the request (RFC 8705 section 3); nothing is read from headers.
 * What hooks and the store throw beside `IssuerError` is thrown on to the framework. CORS and request limits are
 * the framework's.
 *
 * @throws TypeError for wrong options
 */
export function createIssuerHandler(
  options: IssuerHandlerOptions,
): (request: Request, connection?: ClientConnection) => Promise<Response> {
  checkOptions(options)
  const { issuer, clients, resourceServers, grant } = options
  const dpop = createDpopEndpoint(endpointOf(issuer.identifier, 'token'), options.dpop)

  const answerToken: Endpoint['answer'] = async (request, connection) => {
    const asked = await readAsked(request, connection)
    const { form, presented } = asked
    const { id: clientId, registration } = await authenticate(asked, clients, 'any')
    const authenticated = !isPublic(registration)
    const grantType = form.get('grant_type')
    if (grantType === null) throw new IssuerError('invalid_request', 'The grant_type is missing')
    // Nobody has vouched for such a client: neither a secret nor a user (RFC 6749 section 4.4).
    if (grantType.toLowerCase() === 'client_credentials' && !authenticated)
      throw new IssuerError('unauthorized_client', 'A public client has no credentials')
    const bindsCertificate = isSet(registration.tlsClientCertificateBoundAccessTokens)
    if (bindsCertificate && presented === undefined)
      throw new IssuerError('invalid_request', 'The connection has no client certificate')
    const requested = readRequestedKey(form)
    const isDpop = request.headers.has('dpop') || isSet(registration.dpopBoundAccessTokens)
    if (isDpop && (requested !== undefined || form.has('token_type')))
      throw new IssuerError('invalid_request', 'The request names another key than its proof')
    const proven = isDpop ? await dpop.prove(request, clientId) : undefined
    const provenJkt = proven?.jkt
    form.delete('client_secret')
    const {
      key: granted,
      dpopJkt: grantedJkt,
      certificateThumbprint: grantedCertificate,
      ...rest
    } = await grant({
      clientId,
      authenticated,
      grantType,
      parameters: form,
      key: requested,
      dpopJkt: provenJkt,
      certificateThumbprint: presented?.thumbprint,
    })
    const named = { requested, provenJkt, presented, bindsCertificate }
    const key = chooseKey({ ...named, granted, grantedJkt, grantedCertificate })
    const headers = proven?.responseHeaders ?? {}
    return json(await issuer.issue({ ...rest, clientId, key }), { headers })
  }

  const answerIntrospection: Endpoint['answer'] = async (request, connection) => {
    const asked = await readAsked(request, connection)
    const { registration } = await authenticate(asked, resourceServers, 'confidential')
    const answer = await issuer.introspect(readToken(asked.form))
    const { audience } = registration
    const isOurs = audience === undefined || [answer['aud']].flat().includes(audience)
    return json(isOurs ? answer : { active: false })
  }

  const answerRevocation: Endpoint['answer'] = async (request, connection) => {
    const asked = await readAsked(request, connection)
    const { id } = await authenticate(asked, clients, 'any')
    const token = readToken(asked.form)
    const { active, client_id: owner } = await issuer.introspect(token)
    if (active && owner !== id)
      throw new IssuerError('unauthorized_client', 'The token was issued to another client')
    if (active) await issuer.revoke(token)
    return new Response(null, { headers: notStored })
  }

  const metadata = {
    ...metadataOf({
      identifier: issuer.identifier,
      dpopAlgorithms: dpop.algorithms,
      bindsCertificates: mayBe(clients, ({ tlsClientCertificateBoundAccessTokens }) =>
        isSet(tlsClientCertificateBoundAccessTokens),
      ),
      clientsHaveCertificates: mayBe(clients, hasCertificates),
      resourceServersHaveCertificates: mayBe(resourceServers, hasCertificates),
    }),
    ...options.metadata,
  }
  const base = new URL(issuer.identifier).pathname.replace(/\/$/, '')
  const endpoints: Readonly<Record<string, Endpoint>> = {
    [`${base}/token`]: { method: 'POST', answer: answerToken },
    [`${base}/introspect`]: { method: 'POST', answer: answerIntrospection },
    [`${base}/revoke`]: { method: 'POST', answer: answerRevocation },
    [`${base}/jwks`]: { method: 'GET', answer: async () => json(await issuer.jwks()) },
    [`/.well-known/oauth-authorization-server${base}`]: {
      method: 'GET',
      answer: async () => json(metadata),
    },
  }

  return async function handle(request, connection) {
    const { pathname } = new URL(request.url)
    const endpoint = endpoints[pathname]
    if (endpoint === undefined) return new Response(null, { status: 404 })
    const { method, answer } = endpoint
    if (request.method !== method)
      return new Response(null, { status: 405, headers: { allow: method } })
    return answer(request, connection).catch((error: unknown) => refusal(error, issuer.identifier))
  }
}

function checkOptions(options: IssuerHandlerOptions): void {
  const unknown = Object.keys(options).find((name) => !optionNames.includes(name))
  if (unknown !== undefined)
    throw new TypeError(`createIssuerHandler has no option ${JSON.stringify(unknown)}`)
  const { issuer, clients, resourceServers, grant } = options
  if (typeof issuer?.issue !== 'function')
    throw new TypeError('issuer must be made by createIssuer')
  if (typeof grant !== 'function') throw new TypeError('grant must be a function')
  checkRegistrations('clients', clients, true)
  checkRegistrations('resourceServers', resourceServers, false)
}

/** The key that the form names: that of a PoP token. */
function readRequestedKey(form: URLSearchParams): KeyBinding | undefined {
  if ((form.get('token_type') ?? 'pop').toLowerCase() !== 'pop')
    throw new IssuerError('invalid_request', 'The token_type must be pop')
  return readConfirmationRequest(form)
}

async function readAsked(request: Request, connection: ClientConnection | undefined) {
  return { request, form: await readForm(request), presented: readCertificate(connection) }
}

function readToken(form: URLSearchParams): string {
  const token = form.get('token')
  if (token === null) throw new IssuerError('invalid_request', 'The token is missing')
  return token
}

const notStored = { 'cache-control': 'no-store' }

function json(
  body: unknown,
  init: { status?: number; headers?: Record<string, string> } = {},
): Response {
  return Response.json(body, { ...init, headers: { ...notStored, ...init.headers } })
}

/** A 401 must say how to authenticate (RFC 9110 section 15.5.2). */
function refusal(error: unknown, identifier: string): Response {
  if (!(error instanceof IssuerError)) throw error
  const { status, headers } = error
  const challenge = { 'www-authenticate': `Basic realm="${new URL(identifier).host}"` }
  return json(error, { status, headers: { ...headers, ...(status === 401 && challenge) } })
}
