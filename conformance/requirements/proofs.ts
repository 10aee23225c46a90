import type { Requirement } from '../requirements.ts'

/** Signed HTTP requests: draft-ietf-oauth-signed-http-request-03, and what its clients need. */
export const proofs = {
  'shr-header': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4.1',
    behaviour: 'One compact JWS after PoP in Authorization holds token and proof: 200.',
  },
  'shr-scheme-any-case': {
    source: 'RFC 9110 section 11.1',
    behaviour: 'The scheme written pop or POP: accepted as PoP.',
  },
  'shr-scheme-whole-word': {
    source: 'RFC 9110 section 11.1',
    behaviour: 'A scheme that only begins like PoP is another scheme: 401 without an error.',
  },
  'shr-scheme-spaces': {
    source: 'RFC 9110 section 11.4',
    behaviour: 'One or more spaces follow the scheme: accepted; a tab: 400 invalid_request.',
  },
  'shr-token68': {
    source: 'RFC 9110 section 11.2',
    behaviour: 'Auth-params, a second word, a space, or octets beyond ASCII: 400 invalid_request.',
  },
  'shr-credential-length': {
    source: 'Own rule: refused before anything is decoded',
    behaviour: 'A credential of 16384 characters is judged; one of 16385: 400 invalid_request.',
  },
  'shr-form': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4.2',
    behaviour: 'The JWS in the form field pop_access_token: 200.',
  },
  'shr-form-urlencoded': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4.2, RFC 9110 section 9.3.1',
    behaviour:
      'A form is searched only if its type is application/x-www-form-urlencoded and the method neither GET nor HEAD; else there is no credential: 401.',
  },
  'shr-query-transport': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4.3',
    behaviour: 'The JWS in the query parameter pop_access_token: 200.',
  },
  'shr-transports-default': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4',
    behaviour: 'Without options a proof in a form or a query is accepted, too.',
  },
  'shr-transports-narrowed': {
    source: 'Own rule: an API takes only what it needs',
    behaviour: 'A proof in a place that is not enabled is no credential: 401 without an error.',
  },
  'shr-one-place': {
    source: 'RFC 6750 section 2',
    behaviour: 'Proofs in two places: 400 invalid_request, whichever places are enabled.',
  },
  'shr-bearer-scheme': {
    source: 'Own rule: kubelogin sends its proofs as Bearer',
    behaviour:
      'With bearerScheme a JWS of typ pop with at is a proof under Bearer, too; whatever else comes there is none.',
  },
  'shr-bearer-scheme-off': {
    source: 'Own rule: nothing is recognised that nobody asked for',
    behaviour: 'A proof under Bearer where bearerScheme is not set is no access token: 401.',
  },

  'shr-typ-accepted': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 6.2, RFC 7515 section 4.1.9',
    behaviour: 'typ is pop or JWT in any letter case, or absent: accepted.',
  },
  'shr-typ-other': {
    source: 'RFC 8725 section 3.11',
    behaviour: 'Any other typ, or one that is no string: 401 invalid_token.',
  },
  'shr-typ-demanded': {
    source: 'RFC 8725 section 3.11',
    behaviour: 'Where one typ is demanded, its absence: 401 invalid_token.',
  },
  'shr-kid-ignored': {
    source: 'Own rule: MSAL.js writes JSON into kid',
    behaviour: 'The kid of the JOSE header names nothing: any value is accepted.',
  },
  'shr-header-keys-ignored': {
    source: 'RFC 8725 section 3.10, CVE-2018-0114',
    behaviour:
      'jwk, jku and x5u in the JOSE header are no source of keys: ignored, and nobody is asked.',
  },
  'shr-alg-default': {
    source: 'RFC 7518 section 3.1, RFC 8037 section 3.1',
    behaviour: 'RS, PS, ES of 256, 384, 512 and EdDSA are accepted without options.',
  },
  'shr-alg-list': {
    source: 'RFC 8725 section 3.1',
    behaviour: 'An alg outside the configured ones, none, or no string: 401 invalid_token.',
  },
  'shr-alg-fits-key': {
    source: 'RFC 8725 section 3.1',
    behaviour: 'An alg of another key type, or of another curve: 401 invalid_token.',
  },
  'shr-symmetric-key-secret': {
    source: 'RFC 7800 section 3.2, RFC 8725 section 3.1',
    behaviour: 'HS256 over a public key, or over a key that came in clear: 401 invalid_token.',
  },
  'shr-extensions': {
    source: 'RFC 7515 section 4.1.11, RFC 7797 section 6',
    behaviour: 'Any crit or b64 in the JOSE header: 401 invalid_token.',
  },
  'shr-compact': {
    source: 'RFC 7515 section 7.1',
    behaviour: 'Not exactly three segments with something in each, or a JWE: 401 invalid_token.',
  },
  'shr-base64url': {
    source: 'RFC 7515 section 2, RFC 4648 section 3.5',
    behaviour: 'Padding, the standard alphabet, or spare bits in a segment: 401 invalid_token.',
  },

  'shr-payload-object': {
    source: 'RFC 7519 section 7.2',
    behaviour: 'A payload that is not one JSON object in UTF-8: 401 invalid_token.',
  },
  'shr-payload-members-once': {
    source: 'RFC 7519 section 4',
    behaviour: 'A member twice, also once with an escape in its name: 401 invalid_token.',
  },
  'shr-at-required': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour: 'No at, an empty one, or one that is no string: 401 invalid_token.',
  },
  'shr-members-typed': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour: 'A member of the wrong type is a failed proof, never an absent member: 401.',
  },
  'shr-null-absent': {
    source: 'Own rule: .NET writes null for an absent member',
    behaviour: 'A member that is null is absent: missed where required, else not looked at.',
  },
  'shr-unknown-members': {
    source: 'RFC 7519 section 4',
    behaviour: 'Members that nobody defined are ignored.',
  },
  'shr-client-claims': {
    source: 'Own rule: MSAL sends client_claims of its own',
    behaviour: 'What a client claims of itself never joins the claims of its token.',
  },
  'shr-names-limit': {
    source: 'Own rule: work stays bounded',
    behaviour: 'A list of 256 signed names is judged; one of 257: 401 invalid_token.',
  },

  'shr-query-canonical': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3.1',
    behaviour:
      'q hashes name=value pairs joined by &, in the order of its list, as they travel: nothing is decoded.',
  },
  'shr-query-order': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3.1',
    behaviour: 'The order of the list need not be that of the URL: 200.',
  },
  'shr-query-value': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5.1',
    behaviour: 'A signed parameter with another value: 401 invalid_token.',
  },
  'shr-query-hash-form': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3.1',
    behaviour: 'The hash of q with padding: 401 invalid_token.',
  },
  'shr-query-names-exact': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3.1',
    behaviour: 'Names are compared as they travel, case and percent-encoding included.',
  },
  'shr-query-absent': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5.1',
    behaviour: 'A listed name that the request does not have: 401 invalid_token.',
  },
  'shr-query-listed-twice': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour: 'A name that is listed twice: 401 invalid_token.',
  },
  'shr-query-repeated': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour: 'A listed parameter that the request repeats: 401 invalid_token.',
  },
  'shr-query-first-equals': {
    source: 'Own rule: values of other parsers hold = too',
    behaviour: 'A parameter is split at its first =; the rest is its value.',
  },
  'shr-query-empty-value': {
    source: 'Own rule: a bare name has no value to sign',
    behaviour: 'A parameter with an empty value can be signed; a bare name cannot: 401.',
  },
  'shr-query-uncovered': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour:
      'Beside a verified q, any parameter that is not listed, bare and empty ones too: 401 invalid_token.',
  },
  'shr-query-uncovered-allowed': {
    source: 'Own rule: the operator may allow unsigned parameters',
    behaviour: 'Where unsigned parameters are allowed: 200, and the coverage is not complete.',
  },
  'shr-headers-handed-on': {
    source: 'Own rule: the application sees what is signed',
    behaviour: 'A signed header that the framework does not hand on with that value: 401.',
  },
  'shr-query-readable': {
    source: 'Own rule: the application sees what is signed',
    behaviour: 'A signed query of more parts than parsers read: 401.',
  },
  'shr-query-pollution': {
    source: 'Own rule: parsers merge such names',
    behaviour:
      'An unsigned parameter that a parser takes for a signed one, encoded or with brackets or a dot: 401 also where unsigned ones are allowed.',
  },
  'shr-query-empty-segments': {
    source: 'Own rule: nothing between two separators is nothing',
    behaviour: 'Empty segments of a query do not count.',
  },
  'shr-query-of-nothing': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3.1',
    behaviour: 'An empty list with the hash of nothing: 200 without a query, 401 with one.',
  },
  'shr-query-credential-listed': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4.3',
    behaviour: 'pop_access_token in the list of q: 401 invalid_token.',
  },
  'shr-query-credential-uncounted': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4.3',
    behaviour: 'A credential in the query is no unsigned parameter; others beside it are.',
  },
  'shr-query-msal': {
    source: 'Own rule: MSAL.js signs the query as text',
    behaviour:
      'An empty list with text is the whole query, in lower case and without one final slash; another query: 401 invalid_token.',
  },
  'shr-query-draft-only': {
    source: 'Own rule: the form of the draft can be demanded',
    behaviour: 'Where only the form of the draft is taken, the text of MSAL.js: 401.',
  },
  'shr-query-unsigned': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour: 'No q on a request with a query: 200, and the result says that it is not covered.',
  },

  'shr-headers-canonical': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3.2',
    behaviour:
      'h hashes the listed headers as name, colon, space and value, in the order of its list; other headers do not matter.',
  },
  'shr-headers-line-feed': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3.2',
    behaviour:
      'Signed headers are joined by LF: the hash of CRLF that the draft prints, or an LF at the end: 401.',
  },
  'shr-headers-any-case': {
    source: 'RFC 9110 section 5.1',
    behaviour: 'A listed header is found whatever the letter case on the wire.',
  },
  'shr-headers-as-listed': {
    source: 'Own rule: as .NET verifies them',
    behaviour: 'The name is hashed as the list spells it.',
  },
  'shr-headers-trimmed': {
    source: 'RFC 9110 section 5.5',
    behaviour: 'White space around a value is not part of it; white space inside is.',
  },
  'shr-headers-octets': {
    source: 'RFC 9110 section 5.5',
    behaviour: 'Values are hashed as the octets that travel, above 127 too.',
  },
  'shr-headers-value': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5.2',
    behaviour: 'A signed header with another value: 401 invalid_token.',
  },
  'shr-headers-absent': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5.2',
    behaviour: 'A listed header that the request does not have, or has empty: 401 invalid_token.',
  },
  'shr-headers-repeated': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour: 'A listed header that comes twice, in any letter case: 401 invalid_token.',
  },
  'shr-headers-listed-twice': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour: 'A header that is listed twice: 401 invalid_token.',
  },
  'shr-headers-authorization': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4.1',
    behaviour: 'authorization in the list of h: 401 invalid_token.',
  },
  'shr-headers-demanded': {
    source: 'Own rule: an API may depend on a header',
    behaviour: 'A header that every proof must sign, left unsigned: 401 invalid_token.',
  },

  'shr-body-hash': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour: 'b is the SHA-256 of the body in base64url without padding; another body: 401.',
  },
  'shr-body-of-nothing': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour: 'The hash of nothing stands for no body and an empty one; with a body: 401.',
  },
  'shr-body-coded': {
    source: 'RFC 9110 section 8.4',
    behaviour: 'A compressed body is hashed as it travels, not as it unpacks.',
  },
  'shr-body-form': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4.2',
    behaviour: 'b in a proof that travels in the form: 401 invalid_token.',
  },
  'shr-body-unreadable': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5',
    behaviour: 'A signed body that a parser has read before: 500, never a skipped check.',
  },
  'shr-body-unsigned': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour: 'A body and no b: 200, and the result says that it is not covered.',
  },

  'shr-method': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5',
    behaviour: 'm of another method than the one on the wire, GET on HEAD too: 401 invalid_token.',
  },
  'shr-method-case': {
    source: 'Own rule: Android sends the method as typed',
    behaviour: 'm counts in upper case by ASCII rules; letters of Unicode do not become ASCII.',
  },
  'shr-method-spaces': {
    source: 'Own rule: .NET trims the method',
    behaviour: 'Spaces around m do not count where paths are lenient; else: 401 invalid_token.',
  },
  'shr-host': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5',
    behaviour: 'u of another host than those configured: 401, whatever Host says.',
  },
  'shr-host-spelling': {
    source: 'RFC 3986 section 6.2.2.1, 6.2.3',
    behaviour: 'u in upper case, or with the default port: accepted.',
  },
  'shr-host-port': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour: 'u with the port of the server, or without one: accepted; another port: 401.',
  },
  'shr-host-form': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour:
      'u with a scheme, a trailing dot or a port with zeros, or an IPv6 address without brackets: 401.',
  },
  'shr-host-resource-id': {
    source: 'Own rule: kubelogin signs an ARM resource id',
    behaviour: 'A configured resource id in u is accepted exactly; another one: 401.',
  },
  'shr-path-raw': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5',
    behaviour:
      'p is compared with the raw path up to the query: nothing is decoded, folded or resolved.',
  },
  'shr-path-exact': {
    source: 'RFC 3986 section 6.2.2.1',
    behaviour: 'In exact mode only the letter case of hex digits may differ.',
  },
  'shr-path-lenient': {
    source: 'Own rule: MSAL.js adds a slash',
    behaviour: 'By default one final slash more or less does not count; another path: 401.',
  },
  'shr-path-msal': {
    source: 'Own rule: MSAL.js lower-cases the whole URL',
    behaviour: 'In msal mode letter case does not count, either; another path: 401.',
  },
  'shr-path-empty': {
    source: 'RFC 3986 section 6.2.3',
    behaviour: 'An empty p is the root and no other path.',
  },
  'shr-path-mounted': {
    source: 'Own rule: routers cut their prefix off',
    behaviour: 'In a mounted router p must be the whole path that arrived; the rest of it: 401.',
  },
  'shr-required-default': {
    source: 'Own rule: as .NET by default',
    behaviour: 'ts, m, u or p missing: 401 invalid_token.',
  },
  'shr-required-chosen': {
    source: 'Own rule: clients sign different members',
    behaviour: 'The operator chooses what must be there; a chosen member missing: 401; ts always.',
  },
  'shr-present-verified': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5',
    behaviour: 'A member that is there must match, required or not; else: 401 invalid_token.',
  },

  'shr-ts-window': {
    source: 'Own rule: no proof for later use',
    behaviour: 'ts a second before or after the window: 401 invalid_token; at its ends: 200.',
  },
  'shr-ts-integer': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour: 'ts as text, with a fraction, in milliseconds or beyond any number: 401.',
  },
  'shr-ts-text': {
    source: 'Own rule: MSAL.js wrote ts as text',
    behaviour: 'ts as a string of digits is accepted only where the operator asks for it.',
  },
  'shr-nonce-form': {
    source: 'Own rule: bounded, and one spelling each',
    behaviour: 'A nonce that is no string, empty, or of 129 characters: 401 invalid_token.',
  },
  'shr-nonce-server': {
    source: 'Own rule: the nonce challenge of MSAL',
    behaviour: 'With server nonces, none or one of the client: 401 use_pop_nonce; ours: 200.',
  },
  'shr-nonce-after-signature': {
    source: 'Own rule: a failed proof learns nothing',
    behaviour: 'A forged proof without a nonce: 401 invalid_token, and no nonce.',
  },
  'shr-nonce-rotation': {
    source: 'Own rule: the successor that MSAL reads',
    behaviour:
      'An ageing nonce is accepted, and Authentication-Info: PoP nextnonce brings the next.',
  },

  'shr-token-before-signature': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.4',
    behaviour: 'A bad access token in a forged proof is refused for the token.',
  },
  'shr-token-encrypted': {
    source: 'RFC 7516 section 5.2',
    behaviour: 'An encrypted token for our key: 200; for another, or unsigned inside: 401.',
  },
  'shr-cnf-required': {
    source: 'RFC 7800 section 3, CVE-2024-49755',
    behaviour: 'A token without a key: 401 invalid_token, whatever key the proof carries.',
  },
  'shr-cnf-jwk': {
    source: 'RFC 7800 section 3.2',
    behaviour: 'cnf.jwk of the token is the key, whatever key the proof carries beside it.',
  },
  'shr-cnf-jwk-public': {
    source: 'RFC 7800 section 3.2',
    behaviour: 'A private or symmetric cnf.jwk in a token that is not encrypted: 401.',
  },
  'shr-cnf-jwe': {
    source: 'RFC 7800 section 3.3',
    behaviour: 'cnf.jwe for our key holds the secret of HS256: 200; for another key: 401.',
  },
  'shr-cnf-jwe-symmetric': {
    source: 'RFC 7800 section 3.3',
    behaviour: 'cnf.jwe with an RSA key inside: 401 invalid_token.',
  },
  'shr-cnf-jku': {
    source: 'RFC 7800 section 3.5',
    behaviour:
      'cnf.jku of a trusted host: the key that kid names, or without kid the only one of its set; else 401.',
  },
  'shr-cnf-jku-hosts': {
    source: 'RFC 8725 section 3.10',
    behaviour: 'cnf.jku of a host that is not trusted, or not over https: 401, and not fetched.',
  },
  'shr-cnf-kid': {
    source: 'RFC 7638 section 3, RFC 7800 section 3.4',
    behaviour: 'cnf.kid is the thumbprint of the key that the proof carries: 200.',
  },
  'shr-cnf-kid-other-key': {
    source: 'RFC 7638 section 3, RFC 7800 section 3.4',
    behaviour: 'The proof carries another key, or is signed by another: 401 invalid_token.',
  },
  'shr-cnf-kid-without-key': {
    source: 'RFC 7800 section 3.4',
    behaviour: 'cnf.kid and no key in the proof: 401; a kid in the proof is not followed.',
  },
  'shr-cnf-other-method': {
    source: 'RFC 9449 section 6.1, RFC 8705 section 3.1',
    behaviour: 'cnf with nothing but jkt or x5t#S256: 401 invalid_token.',
  },
  'shr-cnf-unusable': {
    source: 'RFC 7800 section 3.1',
    behaviour: 'cnf that is empty, null, a list, text, or names nothing known: 401.',
  },
  'shr-key-introspected': {
    source: 'Own rule: the book answers with access_token_key',
    behaviour: 'Without cnf the key of the introspection response counts; with it, never.',
  },
  'shr-key-resolved': {
    source: 'Own rule: partners share a secret',
    behaviour: 'Without any key in the token the application is asked; none from it: 401.',
  },
  'shr-thumbprint': {
    source: 'RFC 7638 section 3.2',
    behaviour: 'Thumbprints are over the required members only; further ones change nothing.',
  },

  'shr-challenge-nonce-first': {
    source: 'Own rule: MSAL.js reads only the first parameter',
    behaviour: 'nonce is the first parameter of its challenge, and PoP the first challenge.',
  },
  'shr-challenge-values': {
    source: 'Own rule: MSAL splits at commas and equals signs',
    behaviour: 'No description has a comma, a quote, an equals sign or a backslash.',
  },
} as const satisfies Record<string, Requirement>
