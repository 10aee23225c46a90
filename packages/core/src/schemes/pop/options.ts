import type { PathMode } from '../../binding/path.ts'
import { optionError } from '../../errors.ts'
import {
  allAlgorithms,
  asymmetricAlgorithms,
  type AlgorithmName,
  readAlgorithms,
} from '../../jws/algorithms.ts'
import type { Jwk } from '../../keys/jwk.ts'
import { flag, nonEmptyList, oneOf, readOptions } from '../../option-readers.ts'
import { createFetching, type Fetching } from '../../tokens/discovery.ts'
import { readFetch } from '../../tokens/limited-fetch.ts'
import type { ResolvedToken } from '../../tokens/resolver.ts'
import type { Transport } from '../scheme.ts'

/** The payload members that a signed HTTP request may have to carry. */
export type PopMember = 'ts' | 'm' | 'u' | 'p' | 'q' | 'h' | 'b' | 'nonce'

export interface PopOptions {
  /** Accepted signature algorithms. Default `RS* PS* ES*` (256 384 512), `EdDSA`, `Ed25519`. `HS*` must be named and works only with keys from `cnf.jwe` or `resolveKey`. */
  readonly algorithms?: readonly string[]
  /** Where the credential may travel. Default all three. */
  readonly transports?: readonly Transport[]
  /** Members that must be present; `ts` always is. Default `ts m u p`. A present member is verified in any case. */
  readonly require?: readonly PopMember[]
  /** How `p` is compared. Default `'lenient'`; MSAL.js needs `'msal'`. */
  readonly path?: PathMode
  /** Which forms of `q` are understood. Default `'auto'`: the draft's and that of MSAL.js. */
  readonly query?: 'auto' | 'draft'
  /** What happens to unsigned parameters when `q` is verified. Default `'reject'`. */
  readonly uncoveredQuery?: 'reject' | 'allow'
  /** Headers that every proof must sign. */
  readonly requireSignedHeaders?: readonly string[]
  /** Opaque values accepted in `u` besides the hosts of `publicUrl`, compared exactly. */
  readonly resourceIds?: readonly string[]
  /**
   * Finds the key of a token that carries no confirmation, or whose `cnf.kid` is a name of the
   * application's and no thumbprint of the proof's key (RFC 7800 section 3.4). Undefined: the token is
   * refused. A rejection, or no answer within 10 seconds, is an outage (503).
   */
  readonly resolveKey?: (token: ResolvedToken) => Promise<Jwk | undefined>
  /** Accept only this `typ`, without regard to case. Default: absent, `pop` or `JWT`. */
  readonly typ?: string
  /** Also accept `ts` as a string of digits, as MSAL.js wrote it until 2021. */
  readonly stringTimestamps?: boolean
  /** Also look for proofs under `Authorization: Bearer`, recognised by `typ` `pop` (kubelogin). */
  readonly bearerScheme?: boolean
  /** Hosts from which `cnf.jku` of an access token is followed: `keys.example.com`, or `*.example.com` for all names below it. Default none: such tokens are refused. */
  readonly jkuHosts?: readonly string[]
  /** Fetches the key sets behind `cnf.jku`. Default the global `fetch`. For proxies and private certificate authorities. */
  readonly fetch?: typeof fetch
  /** Whoever is on the way can put keys of their own in place of the client's: takes plain http for `cnf.jku`. */
  readonly dangerouslyAllowHttp?: boolean
  /** A proof under the Bearer scheme may come again until it is out of time: whoever reads one can use it until then. Needs `bearerScheme`. */
  readonly dangerouslyReusable?: boolean
}

/** The parameter of the form and query transports (section 4.2, 4.3 of the draft). */
export const parameterName = 'pop_access_token'
const members: readonly PopMember[] = ['ts', 'm', 'u', 'p', 'q', 'h', 'b', 'nonce']
const transports: readonly Transport[] = ['header', 'form', 'query']

const known = [
  'algorithms',
  'transports',
  'require',
  'path',
  'query',
  'uncoveredQuery',
  'requireSignedHeaders',
  'resourceIds',
  'resolveKey',
  'typ',
  'stringTimestamps',
  'bearerScheme',
  'jkuHosts',
  'fetch',
  'dangerouslyAllowHttp',
  'dangerouslyReusable',
]

/** Complete options of `pop()`, read once. */
export interface PopSettings {
  readonly algorithms: readonly AlgorithmName[]
  readonly required: readonly PopMember[]
  readonly path: PathMode
  readonly query: {
    readonly form: 'auto' | 'draft'
    readonly uncovered: 'reject' | 'allow'
  }
  readonly signedHeaders: readonly string[]
  readonly resourceIds: readonly string[]
  readonly types: readonly unknown[]
  readonly stringTimestamps: boolean
  readonly bearerScheme: boolean
  readonly reusable: boolean
  readonly transports: readonly Transport[]
  readonly resolveKey: PopOptions['resolveKey']
  readonly jkuHosts: readonly string[]
  readonly fetching: Fetching
}

/**
 * Validates the options of `pop()` and completes them with their defaults.
 *
 * @throws TypeError with `code`
 */
export function readPopSettings(options: PopOptions): PopSettings {
  const own = readOptions('pop', options, known)
  if (own.dangerouslyReusable === true && own.bearerScheme !== true) {
    throw optionError('ERR_POP_OPTION_INVALID', 'pop dangerouslyReusable needs bearerScheme: true')
  }
  if (own.resolveKey !== undefined && typeof own.resolveKey !== 'function') {
    throw optionError('ERR_POP_OPTION_INVALID', 'pop resolveKey must be a function')
  }
  const required = readChoices('pop require', own.require, members, members.slice(0, 4))
  return Object.freeze({
    algorithms: readAlgorithms('pop', own.algorithms, allAlgorithms, asymmetricAlgorithms),
    required: [...new Set<PopMember>(['ts', ...required])],
    path: oneOf('pop path', own.path, ['exact', 'lenient', 'msal'], 'lenient'),
    query: Object.freeze({
      form: oneOf('pop query', own.query, ['auto', 'draft'], 'auto'),
      uncovered: oneOf('pop uncoveredQuery', own.uncoveredQuery, ['reject', 'allow'], 'reject'),
    }),
    signedHeaders: readList('pop requireSignedHeaders', own.requireSignedHeaders).map((name) =>
      name.toLowerCase(),
    ),
    resourceIds: readList('pop resourceIds', own.resourceIds),
    types: own.typ === undefined ? [undefined, 'pop', 'jwt'] : [readTyp(own.typ)],
    stringTimestamps: flag('pop stringTimestamps', own.stringTimestamps),
    bearerScheme: flag('pop bearerScheme', own.bearerScheme),
    reusable: flag('pop dangerouslyReusable', own.dangerouslyReusable),
    transports: readChoices('pop transports', own.transports, transports, transports),
    resolveKey: own.resolveKey,
    jkuHosts: readList('pop jkuHosts', own.jkuHosts).map(readHost),
    fetching: createFetching(
      readFetch('pop', own.fetch),
      flag('pop dangerouslyAllowHttp', own.dangerouslyAllowHttp),
    ),
  })
}

function readHost(host: string): string {
  const name = host.toLowerCase()
  if (/^(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+$|^[a-z0-9-]+$/.test(name)) return name
  throw optionError(
    'ERR_POP_OPTION_INVALID',
    `pop jkuHosts: ${JSON.stringify(host)} is no host name, such as keys.example.com or *.example.com`,
  )
}

function readTyp(typ: unknown): string {
  if (typeof typ === 'string' && typ !== '') return typ.toLowerCase()
  throw optionError('ERR_POP_OPTION_INVALID', 'pop typ must be a non-empty string')
}

function readList(where: string, value: readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : nonEmptyList(where, value)
}

function readChoices<T extends string>(
  where: string,
  value: readonly T[] | undefined,
  choices: readonly T[],
  fallback: readonly T[],
): readonly T[] {
  if (value === undefined) return fallback
  return nonEmptyList(where, value).map((item) => oneOf(where, item, choices))
}
