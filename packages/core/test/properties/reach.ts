/** Each pattern that no parser of `parsers.ts` runs, and why no byte of a request meets it. */
export const unreachedPatterns: Readonly<Record<string, string>> = {
  'packages/core/src/challenge.ts ^[A-Za-z0-9 ._~:/@+!*-]+$': 'scopes that a guard asks for',
  'packages/core/src/challenge.ts ^[\\x21\\x23-\\x2b\\x2d-\\x5b\\x5d-\\x7e]+$':
    'classes of login that a guard asks for',
  'packages/core/src/dpop-proof.ts [?#*]': 'the url option',
  'packages/core/src/fault.ts \\S+': 'messages of errors, which are cut to a length',
  'packages/core/src/tokens/introspection.ts ^application\\/token-introspection\\+jwt':
    'a header that the introspection server writes',
  'packages/core/src/tokens/issuers.ts [{}]': 'the issuer option',
  'packages/core/src/guards.ts ^[\\x21\\x23-\\x5b\\x5d-\\x7e]+$': 'arguments of a guard',
  'packages/core/src/location.ts ^(https?:\\/\\/)\\*\\.([^/:]+\\.[^/:]+.*)$': 'publicUrl',
  'packages/core/src/node/kept-headers.ts [\\s,]+': 'a header that the handler writes',
  'packages/core/src/options.ts ^[A-Za-z0-9 ._~:/@[\\]-]+$': 'the realm option',
  'packages/core/src/resource-metadata.ts [?#,="\\\\]': 'the resource option',
  'packages/core/src/schemes/mtls/hop.ts ^[1-9]\\d{0,2}$': 'the trust option',
  'packages/core/src/schemes/pop/options.ts ^(?:\\*\\.)?[a-z0-9-]+(?:\\.[a-z0-9-]+)+$|^[a-z0-9-]+$':
    'the jkuHosts option',
}

const options = 'options, read at start-up'
const ours = 'what this package has made itself'
const issuer = 'what an issuer or its server has written'
const key = 'members of fixed length or bounded by the credential that holds them'

/** A parser that drives a function, or why none has to. */
export interface Reach {
  readonly by?: string
  readonly not?: string
}
const by = (name: string): Reach => ({ by: name })
const not = (why: string): Reach => ({ not: why })

/**
 * Each exported function of core and the adapters, by file. One row may stand for a whole file when
 * the same holds for all of its functions.
 */
const byFile: Readonly<Record<string, Reach | Readonly<Record<string, Reach>>>> = {
  'core/src/access-token.ts': not(ours),
  'core/src/authentication-guard.ts': not(options),
  'core/src/binding/headers.ts': by('a signed header'),
  'core/src/binding/host.ts': {
    matchesHost: by('u'),
    expectedHost: not(ours),
    asciiLowerCase: by('the name of a signed header'),
  },
  'core/src/binding/method.ts': by('m'),
  'core/src/binding/parameters.ts': by('the query'),
  'core/src/binding/path.ts': by('p'),
  'core/src/binding/query.ts': {
    uncoveredQuery: by('an unsigned query'),
    compareQuery: by('the signed query'),
  },
  'core/src/binding/signed-list.ts': by('q'),
  'core/src/binding/target-uri.ts': {
    matchesTargetUri: by('htu of DPoP'),
    expectedTargetUri: by('the path beside htu'),
  },
  'core/src/breaker.ts': not('it counts failures'),
  'core/src/challenge.ts': not(ours),
  'core/src/confirmation/absent.ts': not(key),
  'core/src/confirmation/application-key.ts': not(key),
  'core/src/confirmation/jkt.ts': not(key),
  'core/src/confirmation/jku.ts': not(key),
  'core/src/confirmation/jwe.ts': not(key),
  'core/src/confirmation/jwk.ts': not(key),
  'core/src/confirmation/kid.ts': not(key),
  'core/src/confirmation/methods.ts': not(key),
  'core/src/confirmation/pop-key.ts': not(key),
  'core/src/confirmation/x5t.ts': not(key),
  'core/src/credential.ts': by('Authorization'),
  'core/src/environment.ts': not(options),
  'core/src/errors.ts': not(ours),
  'core/src/events.ts': {
    publishAccepted: by('the target in an event'),
    publishRefused: by('the target in an event'),
    publishKeySet: not(issuer),
    publishOutage: not(ours),
    warn: not(ours),
  },
  'core/src/fault.ts': not('errors of the application, which it cuts to a length'),
  'core/src/guards.ts': not(options),
  'core/src/hash.ts': by('at'),
  'core/src/jws/algorithms.ts': {
    algorithmOf: not(key),
    readAlgorithms: not(options),
    verifySignature: not('a hash and one operation of a key'),
  },
  'core/src/jws/compact.ts': by('a compact JWS'),
  'core/src/jws/ecdsa.ts': not('a signature of fixed length'),
  'core/src/jws/strict-json.ts': by('JSON members'),
  'core/src/keys/ed25519.ts': not(key),
  'core/src/keys/jwk.ts': by('the key of a DPoP proof'),
  'core/src/keys/key-cache.ts': not(key),
  'core/src/keys/roca.ts': not(key),
  'core/src/location.ts': {
    readLocations: not(options),
    locationsOf: by('X-Forwarded-Host'),
    isDefaultPort: not(ours),
    readTarget: by('an absolute target'),
  },
  'core/src/node/body-gate.ts': not('octets that it counts and does not read'),
  'core/src/node/framework-view.ts': by('X-Forwarded-Host'),
  'core/src/node/kept-headers.ts': not('headers of the response'),
  'core/src/node/one-verifier.ts': not(options),
  'core/src/node/protection.ts': not('it hands the request to the verifier'),
  'core/src/nonce.ts': by('nonce of DPoP'),
  'core/src/option-readers.ts': not(options),
  'core/src/options.ts': not(options),
  'core/src/dpop-proof.ts': not('it calls what is listed here'),
  'core/src/outside-call.ts': not('it calls a function of the application'),
  'core/src/replay/checked-store.ts': not('hashes'),
  'core/src/replay/deadline.ts': not('it calls a store'),
  'core/src/replay/shared-store.ts': not('hashes'),
  'core/src/replay/claim.ts': not('a hash of what the scheme has read'),
  'core/src/replay/store.ts': not('what a store threw'),
  'core/src/replay/memory.ts': not('hashes'),
  'core/src/request.ts': {
    headerLines: by('two Content-Types'),
    handedOn: by('a signed header'),
    isHost: by('Host'),
    checkHost: by('Host'),
    hostOf: by('the Host that a wildcard stands for'),
    rawQuery: by('the query'),
  },
  'core/src/resource-metadata.ts': not(options),
  'core/src/response-headers.ts': not(ours),
  'core/src/node/metadata.ts': not('it looks for one text at the start of the target'),
  'core/src/node/peer.ts': not('the socket of the connection'),
  'core/src/schemes/bearer.ts': by('Authorization'),
  'core/src/schemes/dpop.ts': by('the DPoP header'),
  'core/src/schemes/mtls/certificate.ts': {
    thumbprintOf: not('bytes of one length, which it hashes'),
    wrongCertificate: not(ours),
    readBase64Der: by('the certificate of azure'),
    readEscapedPem: by('the text of a certificate'),
  },
  'core/src/schemes/mtls/hop.ts': not('the address of the connection'),
  'core/src/schemes/mtls/mtls.ts': by('Authorization'),
  'core/src/schemes/mtls/proxy.ts': by('a header of a proxy'),
  'core/src/schemes/pop/comparison.ts': by('p'),
  'core/src/schemes/pop/options.ts': not(options),
  'core/src/schemes/pop/pop.ts': by('the typ of a PoP proof'),
  'core/src/schemes/proof-checks.ts': by('jti'),
  'core/src/steps/compare.ts': not('it calls what is listed here'),
  'core/src/steps/confirm.ts': not('it calls what is listed here'),
  'core/src/steps/read.ts': not('it calls what is listed here'),
  'core/src/steps/verify.ts': not('it calls what is listed here'),
  'core/src/tokens/bounded-questions.ts': not('hashes of tokens'),
  'core/src/tokens/claims.ts': not(issuer),
  'core/src/tokens/decryption.ts': by('an encrypted access token'),
  'core/src/tokens/discovery.ts': not(issuer),
  'core/src/tokens/introspection.ts': not(issuer),
  'core/src/tokens/issuer-keys.ts': not('a name among those that the issuer option takes'),
  'core/src/tokens/issuers.ts': by('the issuer of an access token'),
  'core/src/tokens/key-set.ts': not(issuer),
  'core/src/tokens/pace.ts': not('it counts questions'),
  'core/src/tokens/recent-tokens.ts': not('hashes of tokens'),
  'core/src/tokens/signature.ts': by('an access token'),
  'core/src/tokens/jku-keys.ts': not('one look-up among names that the issuer has written'),
  'core/src/tokens/jwt.ts': by('an access token'),
  'core/src/tokens/key-source.ts': not(issuer),
  'core/src/tokens/limited-fetch.ts': not(issuer),
  'core/src/tokens/resolve.ts': not('it hashes the token and asks the resolvers'),
  'core/src/tokens/resolver.ts': not(issuer),
  'core/src/tokens/stored.ts': not('it hashes the token'),
  'core/src/tokens/token-cache.ts': not('hashes of tokens'),
  'core/src/verifier.ts': not('it calls what is listed here'),
  'express/src/guards.ts': not(options),
  'express/src/middleware.ts': not('it hands the request to core'),
  'fastify/src/guards.ts': not(options),
  'fastify/src/plugin.ts': not('it hands the request to core'),
  'koa/src/guards.ts': not(options),
  'koa/src/middleware.ts': not('it hands the request to core'),
  'nestjs/src/decorators.ts': not(options),
  'nestjs/src/exception.ts': not(ours),
  'nestjs/src/platform.ts': not(options),
  'nestjs/src/requirements.ts': not(options),
}

const isRow = (row: Reach | Readonly<Record<string, Reach>>): row is Reach =>
  [row.by, row.not].some((text) => typeof text === 'string')

/** By file, or by file and name. */
export const reach: ReadonlyMap<string, Reach> = new Map(
  Object.entries(byFile).flatMap(([file, row]): [string, Reach][] =>
    isRow(row) ? [[file, row]] : Object.entries(row).map(([name, own]) => [`${file} ${name}`, own]),
  ),
)
