import { noteTextNames, type Coverage } from '../../access-token.ts'
import { compareHeaders } from '../../binding/headers.ts'
import { expectedHost, matchesHost } from '../../binding/host.ts'
import { normaliseMethod } from '../../binding/method.ts'
import { matchesPath } from '../../binding/path.ts'
import { compareQuery, uncoveredQuery, type QueryCoverage } from '../../binding/query.ts'
import { readSignedList } from '../../binding/signed-list.ts'
import { PopError } from '../../errors.ts'
import { sha256 } from '../../hash.ts'
import type { Location } from '../../location.ts'
import { parameterName, type PopSettings } from './options.ts'
import { checkNonce, wrongForm } from '../proof-checks.ts'
import type { Exchange, Proof, Transport } from '../scheme.ts'

/** The part of a signed HTTP request that names what it is good for. */
export interface SignedRequest extends Proof {
  readonly payload: Readonly<Record<string, unknown>>
  readonly transport: Transport
}

/**
 * Every member that is present must match, whatever the options require.
 *
 * @see draft-ietf-oauth-signed-http-request-03 section 5
 */
export async function compareSignedRequest(
  proof: SignedRequest,
  exchange: Exchange,
  settings: PopSettings,
): Promise<Coverage> {
  const { payload } = proof
  compareMethod(payload['m'], exchange, settings)
  compareHostAndPath(payload['u'], payload['p'], exchange, settings)
  const query = compareSignedQuery(payload['q'], exchange, settings)
  const headers = compareSignedHeaders(payload['h'], exchange, settings)
  await compareBody(payload['b'], proof, exchange)
  checkNonce(proof.nonce, 'PoP', exchange)
  const coverage: Coverage = {
    method: payload['m'] !== undefined,
    host: payload['u'] !== undefined,
    path: payload['p'] !== undefined,
    query: query.query,
    queryComplete: query.queryComplete,
    headers,
    body: payload['b'] !== undefined,
  }
  if (query.textNames !== undefined) noteTextNames(coverage, query.textNames)
  return coverage
}

function compareMethod(claim: unknown, { request }: Exchange, { path }: PopSettings): void {
  if (claim === undefined) return
  if (typeof claim !== 'string' || claim === '') throw wrongForm('m')
  if (normaliseMethod(claim, path === 'lenient') === request.method) return
  throw new PopError('ERR_POP_METHOD_MISMATCH', {
    member: 'm',
    expected: request.method,
    actual: claim,
  })
}

/** Host and path must name the same location; a resource id stands for all of them. */
function compareHostAndPath(
  host: unknown,
  path: unknown,
  exchange: Exchange,
  settings: PopSettings,
): void {
  const here = compareHost(host, exchange.locations, settings)
  if (path === undefined) return
  if (typeof path !== 'string') throw wrongForm('p')
  const expected = here.map(({ prefix }) => prefix + exchange.target.path)
  if (expected.some((ours) => matchesPath(path, ours, settings.path))) return
  const advice = expected.flatMap((ours) => adviceOnPath(path, ours)).slice(0, 1)
  throw new PopError('ERR_POP_PATH_MISMATCH', {
    member: 'p',
    expected: [...expected, ...advice],
    actual: path,
  })
}

/** What would have matched. */
function adviceOnPath(path: string, ours: string): readonly string[] {
  if (matchesPath(path, ours, 'msal')) return ["or pop({ path: 'msal' })"]
  return path.endsWith(ours) ? ['or a publicUrl with the path before it'] : []
}

function compareHost(
  claim: unknown,
  locations: readonly Location[],
  { resourceIds }: PopSettings,
): readonly Location[] {
  if (claim === undefined) return locations
  if (typeof claim !== 'string' || claim === '') throw wrongForm('u')
  if (resourceIds.includes(claim)) return locations
  const here = locations.filter((location) => matchesHost(claim, location))
  if (here.length > 0) return here
  const expected = [...locations.map(expectedHost), ...resourceIds]
  throw new PopError('ERR_POP_HOST_MISMATCH', { member: 'u', expected, actual: claim })
}

function compareSignedQuery(
  claim: unknown,
  { target }: Exchange,
  { query }: PopSettings,
): QueryCoverage {
  if (claim === undefined) return uncoveredQuery(target.query, parameterName)
  const signed = readSignedList('q', claim)
  return compareQuery(signed, target.query, parameterName, query)
}

const noHeaders: readonly string[] = Object.freeze([])

function compareSignedHeaders(
  claim: unknown,
  { request }: Exchange,
  { signedHeaders }: PopSettings,
): readonly string[] {
  const names =
    claim === undefined ? noHeaders : compareHeaders(readSignedList('h', claim), request)
  const covered = names.map((name) => name.toLowerCase())
  const unsigned = signedHeaders.find((name) => !covered.includes(name))
  if (unsigned === undefined) return names
  throw new PopError('ERR_POP_HEADERS_UNCOVERED', { member: 'h', expected: unsigned })
}

/** Section 4.2 of the draft: a form cannot hold a hash of itself. */
async function compareBody(
  claim: unknown,
  proof: SignedRequest,
  { request }: Exchange,
): Promise<void> {
  if (claim === undefined) return
  if (typeof claim !== 'string' || proof.transport === 'form') throw wrongForm('b')
  if (request.body === undefined) throw new PopError('ERR_POP_BODY_CONSUMED', { member: 'b' })
  const actual = sha256(await request.body())
  if (actual !== claim)
    throw new PopError('ERR_POP_BODY_MISMATCH', { member: 'b', expected: actual })
}
