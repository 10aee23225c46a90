/** What the specifications say of a request on which servers disagree. */
export interface Reason {
  /**
   * `valid`: all that they ask for holds. `invalid`: something that they demand does not. `open`: they
   * leave it to the server, or point both ways.
   */
  readonly request: 'valid' | 'invalid' | 'open'
  readonly why: string
}

const open = (why: string): Reason => ({ request: 'open', why })
const valid = (why: string): Reason => ({ request: 'valid', why })
const invalid = (why: string): Reason => ({ request: 'invalid', why })

const replay = open(
  'RFC 9449 11.1: a server can remember `jti` for as long as a proof is in time, and refuse the second use',
)
const spareBits = open('RFC 4648 3.5: a decoder may refuse bits that should be zero')
const twice = open(
  'RFC 7519 4, RFC 7515 4: a repeated name is refused, or the last of them counts; a reader chooses',
)
const limits = open('RFC 8259 9: a parser may limit size, depth and the contents of texts')
const weakKey = open(
  'RFC 7518 3.3: 2048 bits at least; upper limits and exponents are the business of the server',
)
const purpose = open('RFC 7517 4.2, 4.3: both say what a key is meant for, and no more than that')
const normalized = valid(
  'RFC 9449 4.3: both URIs should be normalised as in RFC 3986 6.2.2 before they are compared',
)
const confirmation = open(
  'RFC 9449 7.2 speaks of tokens bound by DPoP only; RFC 7800 3.1 leaves other confirmations to the application',
)

/** By case. A case that all judge alike has none. */
export const reasons: Readonly<Record<string, Reason>> = {
  'dpop-cred-005': valid('RFC 9110 11.4, RFC 9449 7.1: one space or more'),
  'dpop-cred-009': invalid(
    'RFC 9110 5.3: a field that is no list must not come twice; RFC 9449 7.2 shows 400 for two credentials',
  ),
  'dpop-cred-010': invalid('RFC 9449 7.2: two methods at once are 400, as its figure 19 shows'),
  'dpop-cred-022': open('RFC 9110 5.4: a server may limit the size of a field'),
  'dpop-jws-005': open('RFC 8259 8.1: a parser may ignore the mark, or call it an error'),
  'dpop-jws-006': invalid('RFC 7519 7.2: a message that is not UTF-8 has the JWT rejected'),
  'dpop-jws-007': twice,
  'dpop-jws-008': twice,
  'dpop-jws-011': limits,
  'dpop-jws-012': limits,
  'dpop-jws-015': open(
    'RFC 9449 4.3 check 4: the value is `dpop+jwt`; RFC 7515 4.1.9: `application/` may be there',
  ),
  'dpop-jws-016': open(
    'RFC 9449 4.3 check 4: the value is `dpop+jwt`; media types as such ignore case',
  ),
  'dpop-jws-021': invalid('RFC 9449 4.3 check 2, RFC 7515 2: base64url without `=`'),
  'dpop-jws-022': spareBits,
  'dpop-jws-023': spareBits,
  'dpop-alg-002': open('RFC 9449 4.3 check 5: the server chooses its algorithms'),
  'dpop-alg-010': open('RFC 9449 4.3 check 5: the server chooses its algorithms'),
  'dpop-jwk-003': invalid('RFC 9449 4.3 check 7: the key must not contain a private one'),
  'dpop-jwk-004': open('RFC 7517 4: members that do not make the key are ignored; `k` is a secret'),
  'dpop-jwk-008': invalid('RFC 7518 6.2.1.2: a coordinate has its full length'),
  'dpop-jwk-010': invalid('RFC 7518 6.2.1.2, RFC 7515 2: base64url without `=`'),
  'dpop-jwk-012': weakKey,
  'dpop-jwk-014': weakKey,
  'dpop-jwk-015': weakKey,
  'dpop-jwk-017': purpose,
  'dpop-jwk-018': purpose,
  'dpop-jwk-019': invalid(
    'RFC 8725 3.1: a key is used with its one algorithm, and that is checked',
  ),
  'dpop-claims-004': invalid('RFC 7519 4.1.7: `jti` is a string'),
  'dpop-claims-006': open('RFC 9449 4.2: `jti` is there, and must be unlikely to come again'),
  'dpop-claims-008': open('RFC 9449 11.1: a needlessly long `jti` should be refused, or hashed'),
  'dpop-claims-010': open('RFC 8259 8.2: what becomes of half a surrogate pair is not foreseeable'),
  'dpop-claims-012': open('RFC 9449 8.1: a nonce is a text; nobody asked for one here'),
  'dpop-htm-002': invalid('RFC 9449 4.3 check 8, RFC 9110 9.1: methods are case-sensitive'),
  'dpop-htu-012': normalized,
  'dpop-htu-014': normalized,
  'dpop-htu-020': valid(
    'RFC 9449 4.3: both should be normalised, dot segments too; here those of the request stay, because the application sees them',
  ),
  'dpop-htu-024': valid('RFC 9112 3.2.1: a path may begin with two slashes; the proof names it'),
  'dpop-htu-026': invalid(
    'RFC 9112 3.2: a target has no fragment, and should be answered with 400',
  ),
  'dpop-htu-027': open(
    'RFC 9110 7.4: a server refuses a host that it does not serve, if it knows which',
  ),
  'dpop-htu-028': open('RFC 9110 7.1: behind a gateway the server has to be told its own URI'),
  'dpop-htu-030': invalid(
    'RFC 9449 4.3 check 9, RFC 9110 4.2.4: no request has a user name in its URI',
  ),
  'dpop-htu-031': invalid('RFC 9449 4.2, RFC 3986 2: a URI has no backslash'),
  'dpop-time-005': open('RFC 9449 11.1: the server chooses the window'),
  'dpop-replay-001': replay,
  'dpop-replay-002': replay,
  'dpop-replay-003': replay,
  'dpop-replay-006': replay,
  'dpop-replay-007': replay,
  'dpop-replay-008': replay,
  'dpop-replay-009': replay,
  'dpop-replay-014': replay,
  'dpop-cnf-008': invalid('RFC 7800 3.1: a confirmation stands for one key'),
  'dpop-mode-004': open('RFC 6750 2.1: the token is enough; nothing is said of a proof beside it'),
  'dpop-mode-009': confirmation,
  'dpop-mode-010': confirmation,
  'dpop-mtls-012': open(
    'RFC 8705 3: whoever supports certificates refuses; RFC 7800 3.1: others ignore what they do not know',
  ),
  'dpop-token-013': spareBits,
  'dpop-token-014': twice,
}

/** Why a status is what it is here, where Auth0's package refuses as well but with another one. */
export const statusReasons: Readonly<Record<string, string>> = {
  '401 invalid_dpop_proof, 400': 'RFC 9449 7.1: the challenge comes with 401, and names this error',
  '401 without an error, 400':
    'RFC 9449 7.1, RFC 6750 3.1: without credentials of a scheme in use, 401 and no error',
  '400 invalid_request, 401': 'RFC 6750 3.1: a malformed credential is 400',
}
