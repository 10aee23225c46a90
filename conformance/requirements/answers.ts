import type { Requirement } from '../requirements.ts'

/** What the wire shows: status, challenge and headers. */
export const answers = {
  'answer-no-credential': {
    source: 'RFC 9110 section 11.6.1, RFC 6750 section 3.1',
    behaviour: 'No credential: 401, one challenge for each enabled scheme, no error.',
  },
  'answer-order-of-schemes': {
    source: 'Own rule: clients read the first challenge',
    behaviour: 'PoP is challenged first, DPoP next, Bearer last, however they are configured.',
  },
  'answer-nonce-offered': {
    source: 'RFC 9449 section 8.2, 9',
    behaviour: 'With server nonces, the challenges to a request without credential give them.',
  },
  'answer-scheme-disabled': {
    source: 'RFC 6750 section 3.1',
    behaviour: 'A credential of a scheme that is not enabled: 401 as for no credential.',
  },
  'answer-several-credentials': {
    source: 'RFC 6750 section 2, Own rule: frameworks show only the first',
    behaviour: 'Several credentials, in one place or in two: 400 invalid_request.',
  },
  'answer-credential-malformed': {
    source: 'RFC 6750 section 3.1',
    behaviour: 'A value that cannot be parsed as a credential: 400 invalid_request.',
  },
  'answer-host-invalid': {
    source: 'RFC 9112 section 3.2',
    behaviour:
      'More than one Host line, none, or one that is no host with an optional port: 400 invalid_request.',
  },
  'answer-authority-differs': {
    source: 'RFC 9113 section 8.3.1',
    behaviour: 'An :authority and a Host that differ: 400 invalid_request.',
  },
  'answer-target-elsewhere': {
    source: 'RFC 9112 section 3.2.2',
    behaviour:
      'A target for another authority, or one with a fragment or a backslash: 401 with the error of the scheme.',
  },
  'answer-pop-refused': {
    source: 'RFC 6750 section 3.1',
    behaviour: 'Any check of a PoP request fails: 401 invalid_token, a PoP challenge only.',
  },
  'answer-dpop-proof': {
    source: 'RFC 9449 section 7.1',
    behaviour: 'A DPoP proof fails: 401 invalid_dpop_proof, a DPoP challenge only, with algs.',
  },
  'answer-dpop-token': {
    source: 'RFC 9449 section 7.1',
    behaviour:
      'The token of a DPoP request fails, is unbound, or bound to another key: 401 invalid_token, a DPoP challenge only.',
  },
  'answer-bound-as-bearer': {
    source: 'RFC 9449 section 7.2',
    behaviour: 'A bound token presented as Bearer: 401 invalid_token, a Bearer challenge.',
  },
  'answer-bound-otherwise': {
    source: 'RFC 7800 section 3.1',
    behaviour: 'A token bound by another method: 401 invalid_token in the scheme that was used.',
  },
  'answer-pop-nonce': {
    source: 'Own rule: the nonce challenge of MSAL',
    behaviour:
      'A PoP proof without a current nonce: 401 use_pop_nonce, one challenge, nonce its first parameter.',
  },
  'answer-dpop-nonce': {
    source: 'RFC 9449 section 9',
    behaviour:
      'A DPoP proof without a current nonce: 401 use_dpop_nonce, one challenge, one DPoP-Nonce.',
  },
  'answer-scope': {
    source: 'RFC 6750 section 3.1',
    behaviour: 'A scope is missing: 403 insufficient_scope, with scope, in the scheme used.',
  },
  'answer-claims': {
    source: 'RFC 6750 section 3.1',
    behaviour: 'The claims are not enough: 403 insufficient_scope, without scope.',
  },
  'answer-coverage': {
    source: 'Own rule: a PoP client can sign again',
    behaviour:
      'The proof does not cover what the route demands: 401 with the error of the scheme used.',
  },
  'answer-body-too-large': {
    source: 'RFC 9110 section 15.5.14',
    behaviour: 'A signed body over the limit: 413, no challenge, and the connection closes.',
  },
  'answer-form-too-large': {
    source: 'RFC 9110 section 15.5.14',
    behaviour:
      'A form over 64 KiB: 413, unless a header or query credential is there; then it is not searched.',
  },
  'answer-bodies-waiting': {
    source: 'RFC 9110 section 15.6.4',
    behaviour: 'Too many bodies of strangers: 503 with Retry-After, the connection closed.',
  },
  'answer-headers-cut': {
    source: 'Own rule: refuse on doubt',
    behaviour: 'As many header lines as the server takes: 400 invalid_request.',
  },
  'answer-body-timeout': {
    source: 'RFC 9110 section 15.5.9',
    behaviour: 'A signed body that does not end: 408, no challenge, and the connection closes.',
  },
  'answer-token-source-down': {
    source: 'RFC 9110 section 15.6.4, 10.2.3',
    behaviour: 'The source of tokens or keys fails: 503 with Retry-After, never a refused token.',
  },
  'answer-store-down': {
    source: 'RFC 9110 section 15.6.4, 10.2.3',
    behaviour: 'The replay store fails, is full, or cannot vouch: 503 with Retry-After.',
  },
  'answer-no-challenge-for-outage': {
    source: 'Own rule: nothing that a client can mend',
    behaviour: 'Answers of 408, 413, 500 and 503 carry no challenge.',
  },
  'answer-wiring': {
    source: 'Own rule: never a skipped check',
    behaviour: 'Wiring that cannot work, as a body that was read before: 500 without a challenge.',
  },
  'answer-realm': {
    source: 'RFC 9110 section 11.5',
    behaviour: 'Every challenge has a realm, after nonce where there is one.',
  },
  'answer-grammar': {
    source: 'RFC 9110 section 11.6.1, Own rule: MSAL.NET splits at spaces',
    behaviour: 'A challenge is a scheme and quoted parameters, separated by a comma and a space.',
  },
  'answer-algs': {
    source: 'RFC 9449 section 7.1',
    behaviour: 'Every DPoP challenge lists exactly the algorithms that are accepted.',
  },
  'answer-nothing-reflected': {
    source: 'CWE-113',
    behaviour:
      'Nothing of the request comes back in a refusal, neither in headers nor in the body.',
  },
  'answer-no-detail': {
    source: 'CWE-209',
    behaviour: 'No answer shows a stack or the error of a dependency.',
  },
  'answer-no-store': {
    source: 'RFC 9111 section 5.2.2.5',
    behaviour: 'Every refusal has Cache-Control: no-store.',
  },
  'answer-handler-not-run': {
    source: 'Own rule: refused means without effect',
    behaviour: 'A refused request does not reach the handler.',
  },
  'answer-query-private': {
    source: 'RFC 6750 section 2.3, CVE-2025-48947',
    behaviour:
      'A credential in the query: Cache-Control: private, or what is stricter, whatever the handler says.',
  },
  'answer-query-referrer': {
    source: 'RFC 6750 section 5.3',
    behaviour:
      'A credential in the query: Referrer-Policy: no-referrer, whatever the handler says.',
  },
  'answer-query-error': {
    source: 'RFC 6750 section 2.3',
    behaviour: 'Both rules for a query credential stay when the handler fails.',
  },
  'answer-cors': {
    source: 'Own rule: CORS is mounted first',
    behaviour: 'With CORS in front, a preflight passes and scripts can read a refusal.',
  },
  'answer-alike': {
    source: 'Own rule: one behaviour for all frameworks',
    behaviour: 'All adapters give the same status and the same security headers.',
  },
  'answer-error-handler': {
    source: 'Own rule: frameworks drop headers on errors',
    behaviour: 'An error handler of the application that only sets a status keeps the challenges.',
  },

  'answer-dpop-one-header': {
    source: 'RFC 9449 section 4.3 check 1',
    behaviour: 'Not exactly one DPoP header with one proof: 401 invalid_dpop_proof.',
  },
  'answer-dpop-well-formed': {
    source: 'RFC 9449 section 4.3 check 2',
    behaviour: 'A proof that is no well-formed JWT: 401 invalid_dpop_proof.',
  },
  'answer-dpop-claims': {
    source: 'RFC 9449 section 4.3 check 3',
    behaviour: 'jti, htm, htu, iat or ath missing or of the wrong type: 401 invalid_dpop_proof.',
  },
  'answer-dpop-typ': {
    source: 'RFC 9449 section 4.3 check 4',
    behaviour: 'Any typ but dpop+jwt, spelled exactly so: 401 invalid_dpop_proof.',
  },
  'answer-dpop-alg': {
    source: 'RFC 9449 section 4.3 check 5',
    behaviour: 'alg none, symmetric, or outside the accepted ones: 401 invalid_dpop_proof.',
  },
  'answer-dpop-signature': {
    source: 'RFC 9449 section 4.3 check 6',
    behaviour: 'A signature that the key in jwk does not verify: 401 invalid_dpop_proof.',
  },
  'answer-dpop-public-jwk': {
    source: 'RFC 9449 section 4.3 check 7, CVE-2026-54431',
    behaviour: 'No jwk, or one with a private or symmetric member: 401 invalid_dpop_proof.',
  },
  'answer-dpop-htm': {
    source: 'RFC 9449 section 4.3 check 8',
    behaviour: 'htm of another method, or in other letters: 401 invalid_dpop_proof.',
  },
  'answer-dpop-htu': {
    source: 'RFC 9449 section 4.3 check 9',
    behaviour:
      'htu of another URI: 401; query, fragment, letter case and default port do not count.',
  },
  'answer-dpop-iat': {
    source: 'RFC 9449 section 4.3 check 11',
    behaviour: 'iat outside the window: 401 invalid_dpop_proof; at its ends: 200.',
  },
  'answer-dpop-ath': {
    source: 'RFC 9449 section 4.3 check 12',
    behaviour: 'ath that is not the hash of this token in base64url: 401 invalid_dpop_proof.',
  },
  'answer-dpop-jkt': {
    source: 'RFC 9449 section 4.3 check 12, section 6.1',
    behaviour:
      'A token whose jkt is not the thumbprint of the key of the proof: 401 invalid_token.',
  },
  'answer-dpop-jti-once': {
    source: 'RFC 9449 section 11.1',
    behaviour: 'A jti that comes again from the same key: 401 invalid_dpop_proof.',
  },
} as const satisfies Record<string, Requirement>
