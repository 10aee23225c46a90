import type { Requirement } from '../requirements.ts'

/** Attacks on a request: where its credential is, its target, its proof, its keys, its time. */
export const attacks = {
  'attack-1': {
    source: 'RFC 9110 section 11.6.1, RFC 6750 section 3.1',
    behaviour: 'No credential: 401, one challenge for each enabled scheme, no error.',
  },
  'attack-2': {
    source: 'Own rule: frameworks show only the first of two',
    behaviour: 'Two Authorization lines with different schemes: 400 invalid_request.',
  },
  'attack-3': {
    source: 'Own rule: frameworks show only the first of two',
    behaviour: 'The same Authorization line twice: 400 invalid_request.',
  },
  'attack-4': {
    source: 'RFC 9110 section 11.6.2',
    behaviour: 'Two credentials in one Authorization line, with a comma: 400 invalid_request.',
  },
  'attack-5': {
    source: 'RFC 9449 section 4.3',
    behaviour: 'Two DPoP proofs, in two lines or with a comma in one: 401 invalid_dpop_proof.',
  },
  'attack-6': {
    source: 'RFC 6750 section 2',
    behaviour: 'A credential in the header and one in the form: 400 invalid_request.',
  },
  'attack-7': {
    source: 'RFC 6750 section 2',
    behaviour:
      'A credential in the header and one in the query: 400 invalid_request, even where the query is not enabled.',
  },
  'attack-8': {
    source: 'RFC 6750 section 2',
    behaviour: 'A credential in the form and one in the query: 400 invalid_request.',
  },
  'attack-9': {
    source: 'RFC 6750 section 2',
    behaviour: 'The same credential in header, form and query: 400 invalid_request.',
  },
  'attack-10': {
    source: 'RFC 6750 section 3.1',
    behaviour: 'pop_access_token twice in the query or the form: 400 invalid_request.',
  },
  'attack-11': {
    source: 'Own rule: some parsers make lists of brackets',
    behaviour: 'pop_access_token with brackets behind its name: 400 invalid_request.',
  },
  'attack-12': {
    source: 'Own rule: names count as parsers decode them',
    behaviour:
      'An encoded parameter name is the same name: accepted alone, 400 beside a plain one.',
  },
  'attack-13': {
    source: 'RFC 6749 section 1.9',
    behaviour: 'pop_access_token in other letters is another parameter: 401, no error.',
  },
  'attack-14': {
    source: 'RFC 9110 section 11.4',
    behaviour: 'A scheme without a credential, or an empty parameter: 400 invalid_request.',
  },
  'attack-15': {
    source: 'RFC 9110 section 11.1',
    behaviour: 'The name of the scheme in other letters: accepted.',
  },
  'attack-16': {
    source: 'RFC 9110 section 11.4',
    behaviour: 'Several spaces between scheme and credential are accepted, a tab is 400.',
  },
  'attack-17': {
    source: 'RFC 9110 section 11.1',
    behaviour: 'A scheme that only begins like ours is another scheme: 401, no error.',
  },
  'attack-18': {
    source: 'RFC 6750 section 2.1, draft-ietf-oauth-signed-http-request-03 section 4.1',
    behaviour: 'A credential in the form of parameters: 400 invalid_request.',
  },
  'attack-19': {
    source: 'RFC 9110 section 11.2',
    behaviour: 'Bytes beyond ASCII in a credential: 400 invalid_request.',
  },
  'attack-20': {
    source: 'RFC 6750 section 2.2, RFC 9110 section 9.3.1',
    behaviour: 'A form with a credential on GET or HEAD is not read: 401, no error.',
  },
  'attack-21': {
    source: 'RFC 6750 section 2.2',
    behaviour: 'A credential in a body that is no form, as in JSON: 401, no error.',
  },
  'attack-22': {
    source: 'RFC 6750 section 2.2',
    behaviour:
      'A form with two content types or an odd charset: 400; a type that only mentions forms: 401, no error.',
  },
  'attack-23': {
    source: 'Own rule: form parsers give objects and lists',
    behaviour: 'A parsed form whose field is no string: 400; one that is no object: 401, no error.',
  },
  'attack-24': {
    source: 'Own rule: inherited members are not the form',
    behaviour: 'A credential below __proto__, or inherited by a parsed form: 401, no error.',
  },
  'attack-25': {
    source: 'RFC 6750 section 2.3, draft-ietf-oauth-signed-http-request-03 section 4.3',
    behaviour:
      'A credential in the query: the response says private or no-store, and no-referrer, whatever the handler says.',
  },
  'attack-27': {
    source: 'RFC 6585 section 5',
    behaviour: 'An Authorization line of 17 KB: Node answers 431, and no handler runs.',
  },
  'attack-28': {
    source: 'Own rule: length is checked before anything else',
    behaviour: 'A credential of more than 16384 characters: 400 invalid_request.',
  },
  'attack-29': {
    source: 'RFC 9110 section 5.5, RFC 9112 section 2.2, 5.2',
    behaviour:
      'A folded header line, or a NUL, bare CR or bare LF in one: Node answers 400, and no handler runs.',
  },
  'attack-30': {
    source: 'CVE-2026-21710',
    behaviour: 'A header called __proto__ is a header like any other: the request is accepted.',
  },
  'attack-31': {
    source: 'Own rule: the method on the wire counts',
    behaviour: 'A proof for the method that an override header names: 401.',
  },
  'attack-32': {
    source: 'RFC 9110 section 9.1, RFC 9449 section 4.3',
    behaviour: 'A DPoP proof with its method in lower case: 401 invalid_dpop_proof.',
  },
  'attack-33': {
    source: 'Own rule: routers send HEAD to GET handlers',
    behaviour: 'A HEAD request with a proof for GET: 401.',
  },
  'attack-34': {
    source: 'Own rule: a preflight is answered before verification',
    behaviour: 'An OPTIONS request without credential, preflight or not: 401, no error.',
  },
  'attack-36': {
    source: 'RFC 9112 section 3.2',
    behaviour: 'Two Host lines, even equal ones: 400 invalid_request.',
  },
  'attack-37': {
    source: 'RFC 9110 section 4.2.1, 7.2',
    behaviour: 'An empty Host: 400 invalid_request.',
  },
  'attack-38': {
    source: 'RFC 9112 section 3.2, CVE-2026-27959',
    behaviour: 'A Host with userinfo: 400 invalid_request.',
  },
  'attack-39': {
    source: 'RFC 9112 section 3.2',
    behaviour: 'A Host with a path or a query: 400 invalid_request.',
  },
  'attack-40': {
    source: 'RFC 9112 section 3.2.2',
    behaviour: 'An absolute-form target of another authority: 401.',
  },
  'attack-41': {
    source: 'Own rule: URL parsers read // as an authority',
    behaviour: 'A target that begins with // and another host: 401.',
  },
  'attack-42': {
    source: 'Own rule: URL parsers read a backslash as a slash',
    behaviour: 'A target with a backslash: 401.',
  },
  'attack-43': {
    source: 'Own rule: the application sees dots unresolved',
    behaviour: 'Dot segments in the target, plain or encoded, that are not signed so: 401.',
  },
  'attack-44': {
    source: 'RFC 3986 section 2.2, 6.2.2',
    behaviour:
      'An encoded slash is never a slash, an encoded letter is that letter for DPoP only: 401 otherwise.',
  },
  'attack-45': {
    source: 'RFC 9110 section 4.2.3',
    behaviour: 'The path in other letters, or for DPoP with another slash at its end: 401.',
  },
  'attack-46': {
    source: 'Own rule: routers cut off where they are mounted',
    behaviour: 'A proof for /items at a router that is mounted at another path: 401.',
  },
  'attack-47': {
    source: 'RFC 9112 section 3.2',
    behaviour: 'A target with a fragment: 401.',
  },
  'attack-48': {
    source: 'RFC 9112 section 3.2',
    behaviour:
      'A space, a control character or a byte beyond ASCII in the target: Node answers 400, and no handler runs.',
  },
  'attack-49': {
    source: 'RFC 7239 section 8.1',
    behaviour: 'Forwarded headers without trust are ignored: a proof for what they name is 401.',
  },
  'attack-50': {
    source: 'RFC 7239 section 8.1',
    behaviour: 'A list of forwarded hosts, with trust: 400 invalid_request.',
  },
  'attack-51': {
    source: 'RFC 9113 section 8.3.1',
    behaviour: 'An HTTP/2 request whose :authority and host differ: 400 invalid_request.',
  },
  'attack-52': {
    source: 'RFC 3986 section 6.2.3',
    behaviour:
      'The default port may be written or not; another port, or one with zeros in front: 401.',
  },
  'attack-53': {
    source: 'Own rule: hosts are compared with publicUrl',
    behaviour:
      'A proof for another host, even with a Host header that names it, or that is another public URL: 401.',
  },
  'attack-54': {
    source: 'CVE-2026-2293, CVE-2026-22031, CVE-2026-22037, CVE-2026-33808',
    behaviour:
      'A path that only the router takes for a protected one (case, //, %61, ;x): 401, never unverified.',
  },
  'attack-55': {
    source: 'RFC 3986 section 2.1',
    behaviour: 'A malformed percent sequence: 400 or 401, and no handler runs.',
  },
  'attack-56': {
    source: 'RFC 8725 section 3.2',
    behaviour: 'A proof or an access token with alg none: 401.',
  },
  'attack-57': {
    source: 'RFC 7515 section 4.1.1',
    behaviour: 'An alg in other letters: 401.',
  },
  'attack-58': {
    source: 'RFC 8725 section 3.1',
    behaviour: 'HS256 keyed with the public key: 401.',
  },
  'attack-59': {
    source: 'RFC 8725 section 3.1',
    behaviour: 'An alg for another type of key: 401.',
  },
  'attack-60': {
    source: 'RFC 8725 section 3.1',
    behaviour: 'An alg that is not among the accepted ones: 401.',
  },
  'attack-61': {
    source: 'RFC 7517 section 4.4',
    behaviour: 'An alg other than that of the JWK: 401.',
  },
  'attack-62': {
    source: 'RFC 7515 section 4.1.1',
    behaviour: 'An alg that is no string: 401.',
  },
  'attack-63': {
    source: 'RFC 8725 section 3.10',
    behaviour:
      'A kid is only a name: that of a proof is ignored, that of a token is one of the issuer or 401.',
  },
  'attack-64': {
    source: 'RFC 8725 section 3.10',
    behaviour: 'jku and x5u of a proof name no key and are never fetched.',
  },
  'attack-65': {
    source: 'RFC 8725 section 3.10',
    behaviour: 'A proof signed with the key of its own x5c: 401.',
  },
  'attack-66': {
    source: 'CVE-2018-0114',
    behaviour: 'A signed request with the key of its own jwk header: 401; the header is ignored.',
  },
  'attack-67': {
    source: 'RFC 9449 section 4.3, CVE-2026-54431',
    behaviour: 'A private key in the jwk of a DPoP proof: 401 invalid_dpop_proof.',
  },
  'attack-68': {
    source: 'RFC 9449 section 4.3',
    behaviour: 'A symmetric key in the jwk of a DPoP proof: 401 invalid_dpop_proof.',
  },
  'attack-69': {
    source: 'RFC 7515 section 4.1.11, CVE-2025-59420',
    behaviour: 'A proof with an unknown name in crit: 401.',
  },
  'attack-70': {
    source: 'RFC 7515 section 4.1.11',
    behaviour: 'A proof with crit in any other form, even an empty list: 401.',
  },
  'attack-71': {
    source: 'RFC 7797 section 3',
    behaviour: 'A proof with b64, in crit or not: 401.',
  },
  'attack-72': {
    source: 'RFC 8725 section 3.11',
    behaviour: 'A proof whose typ is that of another kind of JWT: 401.',
  },
  'attack-73': {
    source: 'RFC 7516 section 9',
    behaviour: 'A JWE in the place of a proof: 401.',
  },
  'attack-74': {
    source: 'RFC 7519 section 7.2',
    behaviour: 'A proof whose payload is another JWT: 401.',
  },
  'attack-75': {
    source: 'RFC 9110 section 11.2',
    behaviour: 'A JWS in JSON serialization as credential: 400 invalid_request.',
  },
  'attack-76': {
    source: 'RFC 7515 appendix F',
    behaviour: 'A proof without payload or without signature: 401.',
  },
  'attack-77': {
    source: 'RFC 7515 section 4',
    behaviour: 'A proof with a header member twice: 401.',
  },
  'attack-78': {
    source: 'RFC 7519 section 4',
    behaviour: 'A proof or an access token with a claim twice, even if spelled by escapes: 401.',
  },
  'attack-79': {
    source: 'RFC 8259 section 2, 8.1',
    behaviour: 'White space around the JSON of a proof is accepted, a byte order mark is 401.',
  },
  'attack-80': {
    source: 'RFC 8725 section 3.7',
    behaviour: 'A proof that is not UTF-8: 401.',
  },
  'attack-81': {
    source: 'RFC 7493 section 2.1',
    behaviour: 'A jti with a lone surrogate: 401.',
  },
  'attack-82': {
    source: 'Own rule: merging objects would promote it',
    behaviour: 'A proof with a member called __proto__: 401.',
  },
  'attack-83': {
    source: 'RFC 7519 section 7.2',
    behaviour: 'A payload that is no JSON object, or one with text behind it: 401.',
  },
  'attack-84': {
    source: 'CVE-2025-53864',
    behaviour: 'A proof with JSON of more than 16 levels: 401.',
  },
  'attack-85': {
    source: 'RFC 7518 section 3.3',
    behaviour: 'An RSA key of less than 2048 bits: 401.',
  },
  'attack-86': {
    source: 'Own rule: long keys cost too much time',
    behaviour: 'An RSA key of more than 4096 bits: 401.',
  },
  'attack-87': {
    source: 'Own rule: exponent 1 needs no private key',
    behaviour: 'An RSA key with exponent 1, under which any signature can be made: 401.',
  },
  'attack-88': {
    source: 'FIPS 186-5 appendix A.1.1',
    behaviour: 'An RSA exponent that is even or less than 65537: 401.',
  },
  'attack-89': {
    source: 'Own rule: long exponents cost too much time',
    behaviour: 'An RSA exponent of more than 32 bits: 401.',
  },
  'attack-90': {
    source: 'CVE-2017-15361',
    behaviour: 'An RSA modulus of the generator whose keys can be factored (ROCA): 401.',
  },
  'attack-91': {
    source: 'RFC 8725 section 3.4',
    behaviour: 'An EC point that is not on its curve: 401.',
  },
  'attack-92': {
    source: 'RFC 7518 section 3.4',
    behaviour: 'An EC key of another curve than that of the algorithm: 401.',
  },
  'attack-93': {
    source: 'RFC 7518 section 6.2.1.2, 6.3.1.1',
    behaviour: 'A key whose numbers are not in their one canonical spelling: 401.',
  },
  'attack-94': {
    source: 'Own rule: small-order points verify any message',
    behaviour: 'An Ed25519 key of small order: 401.',
  },
  'attack-95': {
    source: 'RFC 7518 section 3.2, CVE-2026-45363',
    behaviour: 'A shared secret that is shorter than the hash of its algorithm, or empty: 401.',
  },
  'attack-96': {
    source: 'RFC 7517 section 4.2, 4.3',
    behaviour: 'A key that is for encryption, or not for verifying: 401.',
  },
  'attack-97': {
    source: 'Own rule: no method of cnf hides another',
    behaviour: 'A cnf with several methods: all of them must hold, else 401.',
  },
  'attack-98': {
    source: 'RFC 7800 section 3.5',
    behaviour: 'A cnf.jku to a host that is not trusted: 401, and nothing is fetched.',
  },
  'attack-99': {
    source: 'RFC 7800 section 3.4',
    behaviour: 'A cnf.kid that is no thumbprint of a key in the proof: 401.',
  },
  'attack-100': {
    source: 'RFC 7800 section 3.1',
    behaviour: 'A cnf that is no object or has no usable member, or a jkt that is no string: 401.',
  },
  'attack-101': {
    source: 'RFC 7800 section 3.2, 3.3',
    behaviour: 'A private or symmetric key in a plain cnf.jwk: 401.',
  },
  'attack-102': {
    source: 'RFC 9449 section 11.1',
    behaviour: 'The same proof twice: accepted once, then 401.',
  },
  'attack-103': {
    source: 'RFC 4648 section 3.5',
    behaviour: 'Another spelling of the last base64url character: 401, and nothing is used up.',
  },
  'attack-104': {
    source: 'RFC 7515 section 2',
    behaviour: 'Padding behind a proof or an access token: 401, and nothing is used up.',
  },
  'attack-105': {
    source: 'RFC 7515 section 2, RFC 9110 section 11.2',
    behaviour: 'White space inside of a DPoP proof: 401; inside of a PoP credential: 400.',
  },
  'attack-106': {
    source: 'RFC 7515 section 2',
    behaviour: 'A proof in the standard base64 alphabet: 401.',
  },
  'attack-107': {
    source: 'Own rule: a signature identifies no proof',
    behaviour: 'The other ECDSA signature (r, n - s) of a used proof: 401.',
  },
  'attack-108': {
    source: 'RFC 8032 section 5.1.7',
    behaviour: 'An Ed25519 signature with the group order added to its S: 401.',
  },
  'attack-109': {
    source: 'RFC 7518 section 3.4',
    behaviour: 'An ECDSA signature in DER: 401.',
  },
  'attack-110': {
    source: 'RFC 7515 section 7.1, CVE-2025-30204',
    behaviour: 'A proof of more or less than three segments: 401; thousands of dots cost no time.',
  },
  'attack-111': {
    source: 'Own rule: a proof is known by its identifier',
    behaviour: 'A used jti or nonce that its holder signs again: 401.',
  },
  'attack-112': {
    source: 'Own rule: no client uses up those of another',
    behaviour:
      'A used jti or nonce from the holder of another key, or from another user of a client: accepted.',
  },
  'attack-113': {
    source: 'Own rule: lengths keep joined parts apart',
    behaviour: 'Parts of a replay identifier that are cut in other places are another identifier.',
  },
  'attack-114': {
    source: 'Own rule: identifiers have a longest length',
    behaviour: 'A nonce of more than 128 characters: 401.',
  },
  'attack-115': {
    source: 'Own rule: a nonce is text',
    behaviour:
      'A nonce that is a number or empty: 401; an absent one is accepted where none is required.',
  },
  'attack-116': {
    source: 'RFC 9449 section 11.1',
    behaviour: 'A used proof at another verifier with the same store: 401.',
  },
  'attack-117': {
    source: 'Own rule: identifiers are kept for each scheme',
    behaviour: 'One value as nonce of a signed request and as jti of a DPoP proof: both accepted.',
  },
  'attack-118': {
    source: 'RFC 9449 section 4.3',
    behaviour: 'A proof without its time: 401.',
  },
  'attack-119': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour: 'A ts that is no number: 401.',
  },
  'attack-120': {
    source: 'Own rule: times are whole seconds',
    behaviour: 'A time with a fraction, in milliseconds, negative or beyond all numbers: 401.',
  },
  'attack-121': {
    source: 'RFC 9449 section 11.1',
    behaviour: 'A proof as old as maxAgeSeconds is accepted, one second older is 401.',
  },
  'attack-122': {
    source: 'RFC 9449 section 11.1',
    behaviour: 'A proof as far ahead as clockToleranceSeconds is accepted, one second more is 401.',
  },
  'attack-123': {
    source: 'Own rule: entries live as long as proofs',
    behaviour: 'A used proof that is dated ahead: 401 in every second in which it is in time.',
  },
  'attack-124': {
    source: 'Own rule: what was forgotten stays refused',
    behaviour: 'The clock is set back: a proof that was used before is not accepted.',
  },
  'attack-125': {
    source: 'Own rule: no jump of a clock reopens a window',
    behaviour:
      'The clock jumps ahead: new proofs are 401 until clocks agree, used ones are never accepted.',
  },
  'attack-126': {
    source: 'RFC 7519 section 4.1, RFC 9068 section 4',
    behaviour: 'An access token that is expired, of the future or without a usable exp: 401.',
  },
  'attack-127': {
    source: 'GHSA-687g-22h4-j4w4',
    behaviour:
      'A tolerance or an age that is endless, NaN, negative or text: a TypeError at start.',
  },
  'attack-128': {
    source: 'RFC 7519 section 4.1.4',
    behaviour: 'An access token that expires while it is remembered: 401 from then on.',
  },
} as const satisfies Record<string, Requirement>
