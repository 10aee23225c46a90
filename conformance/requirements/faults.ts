import type { Requirement } from '../requirements.ts'

/** Attacks on what stands behind: stores, bindings, coverage, other servers, frameworks, resources. */
export const faults = {
  'attack-129': {
    source: 'CVE-2026-22751',
    behaviour:
      'A thousand identical requests at once: one is answered 200, all others 401 invalid_token.',
  },
  'attack-131': {
    source: 'Own rule: the replay check fails closed',
    behaviour: 'The replay store fails: 503 without a challenge, and the handler does not run.',
  },
  'attack-132': {
    source: 'Own rule: a silent store stops nobody',
    behaviour: 'The replay store has not answered after 250 ms: 503.',
  },
  'attack-133': {
    source: 'Own rule: a claim is never repeated',
    behaviour:
      'The replay store records a proof but its reply is lost: 503 after one claim, and 401 invalid_token when the same proof comes again.',
  },
  'attack-134': {
    source: 'Own rule: the replay check fails closed',
    behaviour:
      'Redis answers READONLY, OOM, LOADING, MOVED, garbage, or the answer to another question: 503, and what to do is named.',
  },
  'attack-135': {
    source: 'Own rule: only verified proofs take up room',
    behaviour: 'Forged proofs, however many: refused, and none of them is recorded.',
  },
  'attack-136': {
    source: 'Own rule: no client fills the store',
    behaviour:
      'A user, client or key has as many live proofs as one may have, with however many keys: the next is 503, and those of others are accepted.',
  },
  'attack-137': {
    source: 'Own rule: live entries are never dropped',
    behaviour: 'The replay store is full: 503, and what it remembers is still a replay.',
  },
  'attack-138': {
    source: 'CVE-2026-9802',
    behaviour:
      'A proof that was used before a restart comes again after it: 503, because the memory store cannot vouch for it.',
  },
  'attack-141': {
    source: 'Own rule: an entry outlives its proof',
    behaviour:
      'A proof is used in the last second in which it is good, and again in that second: the second use is a replay.',
  },
  'attack-142': {
    source: 'Own rule: stores see nothing but hashes',
    behaviour:
      'A client puts line breaks and wildcards into its identifier: the store is given hashes of 43 characters.',
  },
  'attack-144': {
    source: 'Own rule: the claim comes last',
    behaviour: 'A request that is refused for any reason: its proof is not recorded.',
  },
  'attack-145': {
    source: 'Own rule: a claim is never taken back',
    behaviour:
      'The client goes away once its proof is claimed: the server goes on, and the same proof is 401 invalid_token.',
  },
  'attack-146': {
    source: 'Own rule: only true and false are answers',
    behaviour: 'A replay store throws, never settles, or answers with anything but a boolean: 503.',
  },
  'attack-147': {
    source: 'Own rule: a bound token is no bearer token',
    behaviour:
      'A token that is bound to a key for PoP, sent as Bearer: 401 invalid_token where Bearer is enabled, also after it was accepted as PoP.',
  },
  'attack-148': {
    source: 'RFC 9449 section 7.2',
    behaviour: 'A DPoP-bound token, sent as Bearer or in a PoP proof: 401 invalid_token.',
  },
  'attack-149': {
    source: 'RFC 8705 section 3',
    behaviour:
      'A token that is bound to a certificate only, with a PoP or a DPoP proof: 401 invalid_token.',
  },
  'attack-150': {
    source: 'CVE-2024-49755',
    behaviour:
      'A token without confirmation, with a PoP or a DPoP proof: 401 invalid_token, whatever key the proof brings.',
  },
  'attack-151': {
    source: 'RFC 9449 section 11.5',
    behaviour: 'A signed HTTP request as DPoP proof: 401 invalid_dpop_proof.',
  },
  'attack-152': {
    source: 'RFC 9449 section 11.5',
    behaviour: 'A DPoP proof as PoP credential: 401 invalid_token.',
  },
  'attack-153': {
    source: 'RFC 9449 section 4.3',
    behaviour:
      'A DPoP proof that was made for the token endpoint, sent to the API: 401 invalid_dpop_proof.',
  },
  'attack-154': {
    source: 'RFC 9449 section 4.3',
    behaviour:
      'A DPoP proof for one token, beside another token of the same key: 401 invalid_dpop_proof.',
  },
  'attack-156': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour:
      'at is missing, empty, no string, or itself a signed HTTP request: 401 invalid_token.',
  },
  'attack-157': {
    source: 'RFC 9068 section 4',
    behaviour:
      'A token for another audience, for none, or for one that only begins like ours: 401 invalid_token; to configure no audience is a TypeError.',
  },
  'attack-158': {
    source: 'CVE-2025-59936',
    behaviour:
      'Two issuers have keys of the same kid: a token signed with the key of the issuer that it does not name is 401 invalid_token.',
  },
  'attack-159': {
    source: 'RFC 9068 section 4',
    behaviour:
      'The issuer with a trailing slash, in other letters, or in a list: 401 invalid_token.',
  },
  'attack-160': {
    source: 'RFC 9068 section 4, RFC 8725 section 3.11',
    behaviour: 'An ID token or another kind of JWT as access token: 401 invalid_token.',
  },
  'attack-161': {
    source: 'RFC 9440 section 4',
    behaviour:
      'A client certificate in a header, from anybody but the named proxy: not read, and a bound token is 401.',
  },
  'attack-162': {
    source: 'RFC 8705 section 3.1',
    behaviour: 'A token that names the hash of the PEM text of a certificate: 401.',
  },
  'attack-166': {
    source: 'RFC 6750 section 2',
    behaviour: 'A PoP credential and a DPoP header: 400 invalid_request.',
  },
  'attack-167': {
    source: 'Own rule: a missing member is no match',
    behaviour: 'A PoP proof without m, u or p: 401 invalid_token by default.',
  },
  'attack-168': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 5.1',
    behaviour:
      'An unsigned parameter is added to a signed query: 401 invalid_token; where the API allows it, the coverage does not name it.',
  },
  'attack-169': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour: 'A signed parameter is repeated: 401 invalid_token.',
  },
  'attack-170': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3.1',
    behaviour:
      'The query arrives in another order than it was signed in: accepted, since the hash follows the order of the signed list.',
  },
  'attack-171': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3.1',
    behaviour:
      'A signed parameter arrives with + for %20, or with other letters in its percent-encoding: 401 invalid_token.',
  },
  'attack-172': {
    source: 'Own rule: a list is short and unambiguous',
    behaviour:
      'A signed list names a header twice, or holds more than 256 names: 401 invalid_token.',
  },
  'attack-173': {
    source: 'Own rule: only what is signed is authentic',
    behaviour:
      'A header that the proof does not sign is added: the coverage does not name it, and a route that demands it answers 401 invalid_token.',
  },
  'attack-174': {
    source: 'Own rule: a repeated header is ambiguous',
    behaviour: 'A signed header arrives twice, in the same or other letters: 401 invalid_token.',
  },
  'attack-175': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 4.1',
    behaviour: 'The signed list of headers names authorization: 401 invalid_token.',
  },
  'attack-176': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour: 'The body is another than the one whose hash is signed: 401 invalid_token.',
  },
  'attack-177': {
    source: 'Own rule: required coverage is never assumed',
    behaviour: 'A body without b, where the API or the route requires it: 401 invalid_token.',
  },
  'attack-178': {
    source: 'Own rule: what travels is hashed',
    behaviour:
      'A compressed body with its hash as it travels: accepted; with the hash of what it unpacks to: 401 invalid_token.',
  },
  'attack-179': {
    source: 'Own rule: an unreadable body is never verified',
    behaviour: 'A parser has read a signed body before the verifier: 500, and no challenge.',
  },
  'attack-180': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 3',
    behaviour: 'q, h or b of a wrong form: 401 invalid_token.',
  },
  'attack-181': {
    source: 'RFC 7662 section 2.2',
    behaviour:
      'Introspection answers without active, or with anything in it but the literal true: 401 invalid_token.',
  },
  'attack-182': {
    source: 'RFC 7662 section 2.2, RFC 9700 section 2.3',
    behaviour:
      'Introspection answers without our audience, or with the token_type of another bound scheme: 401 invalid_token.',
  },
  'attack-183': {
    source: 'Own rule: an odd answer is an outage',
    behaviour:
      'Introspection answers with anything but a JSON object, with more than 64 KiB, or too slowly: 503 within 2.5 seconds.',
  },
  'attack-184': {
    source: 'Own rule: an outage is no bad token',
    behaviour:
      'Introspection is down, silent, redirects, or answers 401, 429 or 500: 503, and after a 429 it gets a trickle of questions until one is answered, for at most 30 seconds.',
  },
  'attack-185': {
    source: 'RFC 7662 section 4',
    behaviour:
      'A token is revoked: 401 invalid_token at the next request, or after as many seconds, at most 30, as an answer may be kept.',
  },
  'attack-186': {
    source: 'Own rule: no refusal is remembered',
    behaviour: 'A token is refused as inactive and becomes active: accepted at the next request.',
  },
  'attack-187': {
    source: 'Own rule: strangers have few questions',
    behaviour:
      'Hundreds of made-up tokens at once that only introspection can judge: 12 questions at a time, 256 wait, more are 503 at once, and tokens lately seen active are answered all the while.',
  },
  'attack-188': {
    source: 'CVE-2026-48524',
    behaviour:
      'Tokens with a hundred unknown kids at once: 401 invalid_token, and the key set is fetched once in 30 seconds.',
  },
  'attack-189': {
    source: 'GHSA-675f-rq2r-jw82',
    behaviour:
      'The issuer changes its keys: a new one is found 30 seconds after the last fetch, and a removed one is 401 invalid_token once the set is renewed.',
  },
  'attack-190': {
    source: 'Own rule: good keys outlast an outage',
    behaviour: 'The key set cannot be renewed: its good keys are used for an hour more, then 503.',
  },
  'attack-191': {
    source: 'CVE-2026-48524',
    behaviour:
      'The key set is answered with 300 MB, HTML, no keys or a redirect: 503 at the start, and later the good keys stay in use.',
  },
  'attack-192': {
    source: 'Own rule: who is down is not hammered',
    behaviour:
      'The key set is down at the start: 503, and it is asked again after 1, 2, 4 seconds and so on, at most every 30.',
  },
  'attack-193': {
    source: 'Own rule: tokens are found by their hash',
    behaviour:
      'A stored token is looked up by the SHA-256 of its exact text: in other letters or with a wildcard it is 401 invalid_token.',
  },
  'attack-194': {
    source: 'Own rule: a wrong type is never coerced',
    behaviour:
      'A stored record has a claim of a wrong type, or a confirmation that is no object: 401 invalid_token.',
  },
  'attack-195': {
    source: 'Own rule: nothing of a request comes back',
    behaviour:
      'A refused request carries quotes, line breaks or marks in every part: none of it is in the answer, whose description is a constant sentence.',
  },
  'attack-196': {
    source: 'Own rule: answers tell only the code',
    behaviour:
      'Different requests that are refused for the same reason: the same status, headers and body.',
  },
  'attack-198': {
    source: 'Own rule: logs outlive tokens',
    behaviour:
      'A token source or a claims check throws an error that holds the token: events, causes and debug lines show the error without it.',
  },
  'attack-199': {
    source: 'CVE-2024-45808',
    behaviour:
      'A refused proof carries line breaks or a very long value: the debug line escapes it, and evidence is cut at 256 characters.',
  },
  'attack-200': {
    source: 'Fetch Standard, CORS protocol',
    behaviour:
      'CORS is mounted first: a preflight passes without a challenge, and the refusal of a cross-origin request keeps the CORS headers.',
  },
  'attack-201': {
    source: 'CVE-2025-48947, CVE-2025-64762',
    behaviour: 'Any refusal, by the verifier or by a guard: Cache-Control: no-store.',
  },
  'attack-202': {
    source: 'RFC 9110 section 9.3.2',
    behaviour: 'A HEAD request is refused: 401 with its challenge.',
  },
  'attack-203': {
    source: 'Own rule: a rejection is always answered',
    behaviour: 'A token source rejects under Express 4 or 5: 503, and no unhandled rejection.',
  },
  'attack-204': {
    source: 'Own rule: no stack reaches a client',
    behaviour: 'The default error handler of Express answers a refusal: no stack in the body.',
  },
  'attack-205': {
    source: 'Own rule: no error path loses a challenge',
    behaviour:
      'Koa clears the headers for an error, or a middleware only sets a status: challenges and Cache-Control: no-store stay.',
  },
  'attack-206': {
    source: 'Own rule: no error path loses a challenge',
    behaviour:
      'An error handler of Fastify only sets a status, or answers with its own JSON: challenges and Cache-Control: no-store stay.',
  },
  'attack-207': {
    source: 'Own rule: what is not HTTP is refused',
    behaviour:
      'A filter of Nest answers a refusal: the challenges stay; a guarded GraphQL, WebSocket or RPC handler gets an error and does not run.',
  },
  'attack-208': {
    source: 'Own rule: a late refusal brings nothing down',
    behaviour:
      'A request is refused when its response is under way: no crash, the next one is served.',
  },
  'attack-209': {
    source: 'Own rule: only own properties are options',
    behaviour: 'Object.prototype has members named like options: they are ignored.',
  },
  'attack-210': {
    source: 'Own rule: options are copied at creation',
    behaviour: 'Lists that were given as options are changed after start-up: no effect.',
  },
  'attack-211': {
    source: 'Own rule: one request cannot change another',
    behaviour:
      'A handler edits the result or its claims: TypeError, and the next request is unaffected.',
  },
  'attack-212': {
    source: 'Own rule: no identity of classes is needed',
    behaviour: 'An error comes from another copy of the package: recognised by its name and code.',
  },
  'attack-213': {
    source: 'Own rule: wrong wiring fails closed',
    behaviour: 'A guard runs without or before the verifier: 401, and one warning to the operator.',
  },
  'attack-214': {
    source: 'Own rule: optional means absent, not bad',
    behaviour:
      'Where a credential is optional, an absent one passes as anonymous and a bad one is 401 invalid_token.',
  },
  'attack-215': {
    source: 'Own rule: a form is searched up to a limit',
    behaviour: 'A form of more than 64 KiB that must be searched for its credential: 413.',
  },
  'attack-216': {
    source: 'CWE-1333',
    behaviour: 'Anything of a request, 64 KiB of it: read in linear time.',
  },
  'attack-217': {
    source: 'Own rule: length is checked before decoding',
    behaviour:
      'A credential of more than 16384 characters, whatever lists it holds: 400 invalid_request.',
  },
  'attack-218': {
    source: 'CVE-2024-28176',
    behaviour: 'An encrypted access token with compressed content: 401 invalid_token.',
  },
  'attack-219': {
    source: 'CVE-2022-36083',
    behaviour: 'An encrypted access token with password-based encryption: 401 invalid_token.',
  },
  'attack-221': {
    source: 'Own rule: a body has ten seconds',
    behaviour: 'A signed body that never ends: 408 after 10 seconds, and the connection is closed.',
  },
  'attack-222': {
    source: 'Own rule: dependencies have few sockets',
    behaviour:
      'A hundred requests at once that need another server: 16 questions to introspection at a time, one fetch of a key set.',
  },
} as const satisfies Record<string, Requirement>
