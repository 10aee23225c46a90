import type { Requirement } from '../requirements.ts'

/** Rules of our own that the schemes share. */
export const rules = {
  'rule-order-of-checks': {
    source: 'Own rule: cheap first, the store last',
    behaviour:
      'Of several faults the first is named: credential, form and time of the proof, token, key, signature, request, nonce, replay.',
  },
  'rule-time-inclusive': {
    source: 'Own rule: both ends count, whole seconds',
    behaviour:
      'A proof is in time from maxAgeSeconds ago to maxAheadSeconds ahead, both ends included.',
  },
  'rule-time-configured': {
    source: 'Own rule: the operator sets the window',
    behaviour:
      'maxAgeSeconds and maxAheadSeconds move the ends for proofs, clockToleranceSeconds those for tokens.',
  },
  'rule-time-of-nonce': {
    source: 'RFC 9449 section 4.3 step 11',
    behaviour: 'With nonce time, a fresh nonce of the server stands for the time of the proof.',
  },
  'rule-body-read-no-further': {
    source: 'Own rule: a stranger makes us hold no more than we ask for',
    behaviour:
      'Of a form beside a credential no more is read than is searched, until the request is verified.',
  },
  'rule-bodies-together': {
    source: 'Own rule: strangers share one allowance',
    behaviour: 'Forms of requests that are not verified yet hold 16 MiB together.',
  },
  'rule-time-of-token': {
    source: 'RFC 7519 section 4.1.4, 4.1.5, 4.1.6',
    behaviour: 'exp, nbf and iat of a token are judged with the tolerance either way: else 401.',
  },
  'rule-time-exp-required': {
    source: 'RFC 9068 section 2.2',
    behaviour: 'A JWT without exp: 401 invalid_token.',
  },
  'rule-time-broken-clock': {
    source: 'Own rule: every comparison with NaN is false',
    behaviour: 'A clock that gives no number: refused at start-up, later 500, never accepted.',
  },
  'rule-time-of-claim': {
    source: 'Own rule: the entry must outlive the proof',
    behaviour: 'A proof that goes out of time during its verification: 401, and no entry.',
  },

  'rule-replay-once': {
    source: 'RFC 9449 section 11.1',
    behaviour: 'The same proof a second time, or a thousand times at once: one 200, else 401.',
  },
  'rule-replay-named-by-jti': {
    source: 'Own rule: a nonce may serve many requests',
    behaviour: 'A proof is known by its jti, else by the nonce of the client.',
  },
  'rule-replay-named-by-input': {
    source: 'Own rule: signatures are malleable',
    behaviour:
      'A proof without both is known by its signing input: another signature over it is a replay.',
  },
  'rule-replay-server-nonce': {
    source: 'Own rule: our nonce serves many requests',
    behaviour:
      'With server nonces a proof without jti is known by its signing input, never by the nonce.',
  },
  'rule-replay-by-owner': {
    source: 'Own rule: no client uses up names of others',
    behaviour: 'The same jti or nonce from another key is another proof: 200.',
  },
  'rule-replay-by-scheme': {
    source: 'Own rule: schemes do not meet in the store',
    behaviour: 'The same name in PoP and DPoP of one key: both 200.',
  },
  'rule-replay-whole-api': {
    source: 'Own rule: stricter than RFC 9449 section 11.1',
    behaviour: 'The same jti and key for another URL: 401.',
  },
  'rule-replay-secret-owner': {
    source: 'Own rule: a hash of a secret is a hint',
    behaviour:
      'The owner of a proof with a shared secret is its client or its token, never the secret.',
  },
  'rule-replay-lifetime': {
    source: 'Own rule: the end comes from the proof',
    behaviour: 'An entry lives until the proof is out of time, also if the proof is dated ahead.',
  },
  'rule-replay-room-again': {
    source: 'Own rule: memory stays bounded',
    behaviour: 'Once a proof is out of time, its entry makes room.',
  },
  'rule-replay-hashes-only': {
    source: 'Own rule: nothing of a client reaches a store',
    behaviour: 'A store gets hashes of fixed length and two times, whatever the client chose.',
  },
  'rule-replay-last': {
    source: 'Own rule: refused means without effect',
    behaviour: 'A request that is refused for anything else uses nothing up.',
  },
  'rule-replay-literal-answer': {
    source: 'Own rule: the store fails closed',
    behaviour: 'A store that answers with anything but true or false, or throws: 503.',
  },
  'rule-replay-deadline': {
    source: 'Own rule: clients of stores wait for ever',
    behaviour: 'A store that does not answer in 250 ms: 503.',
  },
  'rule-replay-full': {
    source: 'Own rule: no live entry is dropped',
    behaviour: 'A full store refuses and forgets nothing; it has room again later.',
  },
  'rule-replay-owner-full': {
    source: 'Own rule: one client cannot fill the store',
    behaviour: 'An owner with its share used up is refused; others are not.',
  },
  'rule-replay-warning': {
    source: 'Own rule: operators hear of it in time',
    behaviour: 'A store that is 80 percent full warns once.',
  },
  'rule-replay-several-processes': {
    source: 'Own rule: operators hear of it in time',
    behaviour: 'A memory store in a process that is one of several warns.',
  },
  'rule-replay-restart': {
    source: 'CVE-2026-9802',
    behaviour:
      'A proof dated before the memory store was made, or within that second: 503 with the seconds left, unless the guard is off.',
  },
  'rule-replay-nonce-fresh': {
    source: 'RFC 9449 section 8',
    behaviour: 'A nonce of this process proves that no earlier process has seen the proof.',
  },
  'rule-replay-shared-life': {
    source: 'Own rule: what one verifier forgets, another one must not accept',
    behaviour:
      'Verifiers with different times for proofs cannot share a store: refused at start-up.',
  },
  'rule-replay-symmetric-user': {
    source: 'Own rule: nobody uses up the identifiers of somebody else',
    behaviour: 'The identifier of a proof holds its key or, for a shared secret, its access token.',
  },
  'rule-replay-owner': {
    source: 'Own rule: many keys are still one owner',
    behaviour: 'Quotas count the user of a token, else its client, else the key.',
  },
  'rule-replay-clock-back': {
    source: 'Own rule: what is forgotten stays forgotten',
    behaviour: 'After the clock is set back, no forgotten proof is accepted again.',
  },
  'rule-replay-eviction': {
    source: 'Own rule: operators hear of it in time',
    behaviour: 'A Redis that may evict entries is warned of at the start.',
  },
  'rule-replay-wait': {
    source: 'Own rule: a use that a failover can undo is no use',
    behaviour:
      'With wait, a first use that too few replicas have is 503; without it, replicas are warned of; in a cluster it is refused.',
  },
  'rule-replay-sweep': {
    source: 'Own rule: live entries are never dropped',
    behaviour: 'Dead rows of PostgreSQL are deleted in the background, and no live ones.',
  },
  'rule-replay-prefix': {
    source: 'Own rule: APIs that share a server share no proofs',
    behaviour:
      'Two prefixes of one Redis, or two tables of one PostgreSQL, know nothing of each other.',
  },
  'rule-replay-epoch': {
    source: 'Own rule: a shared store knows since when it remembers',
    behaviour:
      'A shared store that was flushed, restarted, restored or promoted accepts no proof of before: 503 with the seconds until it can vouch.',
  },
  'rule-replay-store-clock': {
    source: 'Own rule: no clock is trusted alone',
    behaviour:
      'A shared store whose clock is more than 30 seconds from ours, or came back from there, vouches for nothing of before; entries outlive every clock within that.',
  },
  'rule-optional-route': {
    source: 'Own rule: what one route may do, the rest may not',
    behaviour:
      'A credential is optional on one route: absent ones pass there and nowhere else, bad ones nowhere, whatever the order of mounts.',
  },
  'rule-report': {
    source: 'Own rule: a roll-out breaks nobody and protects nothing unseen',
    behaviour:
      'With mode report a request that fails goes on without a token, the refusal is published as such, and guards refuse.',
  },
  'rule-introspection-refusal': {
    source: 'RFC 7662 section 2.3, RFC 6749 section 5.2, RFC 7009 section 2.2.1',
    behaviour:
      'The introspection server says that it cannot look a token up: 401; it refuses our question or our credentials: 503.',
  },
  'rule-outage-fails-fast': {
    source: 'Own rule: an outage costs each request its deadline once at most',
    behaviour:
      'Replay store, introspection server or key set is down: requests fail at once but for a few that try it, and the first success ends that.',
  },
  'rule-deadline-after-block': {
    source: 'Own rule: our own delay is not that of a dependency',
    behaviour:
      'The event loop was blocked past the deadline of a claim whose answer has arrived meanwhile: the answer counts.',
  },
  'rule-replay-off': {
    source: 'Own rule: only in so many words',
    behaviour:
      'A proof may come again only with dangerously-none, or dangerouslyReusable for Bearer.',
  },

  'rule-location-public-url': {
    source: 'Own rule: Host is chosen by the sender',
    behaviour: 'Host and path are compared with publicUrl, never with the Host header.',
  },
  'rule-location-forwarded': {
    source: 'Own rule: anybody can send such headers',
    behaviour: 'Forwarded headers change nothing where no proxy is trusted.',
  },
  'rule-location-request': {
    source: 'Own rule: the framework knows its proxies',
    behaviour: "With publicUrl 'request' the host that the framework sees counts; another: 401.",
  },
  'rule-location-raw-target': {
    source: 'Own rule: URL parsers resolve what servers do not',
    behaviour: 'The path is the raw target: no second authority, no dot segments are resolved.',
  },
  'rule-location-absolute-form': {
    source: 'RFC 9112 section 3.2.2',
    behaviour: 'An absolute-form target must name a public URL; its path and query then count.',
  },
  'rule-location-prefix': {
    source: 'Own rule: proxies strip prefixes',
    behaviour:
      'A path in publicUrl is a prefix that proofs sign; without it, or of another URL: 401.',
  },
  'rule-location-wildcard': {
    source: 'Own rule: one label is one tenant',
    behaviour: 'https://*.example.com stands for one label, and the proof must name the Host sent.',
  },
  'rule-location-several': {
    source: 'Own rule: the application may choose a tenant by host',
    behaviour:
      'Where the host that the application sees names one of several public URLs, the proof must name that one.',
  },
  'rule-location-prefix-encoded': {
    source: 'RFC 3986 section 6.2.2',
    behaviour: 'A percent-encoded prefix of publicUrl is compared like the path of a request.',
  },
  'rule-location-wildcard-form': {
    source: 'Own rule: no name of other people',
    behaviour: 'A wildcard for a whole top-level domain, or in the middle: refused at start-up.',
  },
  'rule-location-evidence': {
    source: 'Own rule: operators see the line that matches',
    behaviour: 'The evidence of a mismatch has the host, path or URI that would have matched.',
  },

  'rule-key-of-token': {
    source: 'RFC 7800 section 3',
    behaviour: 'The own key of a proof counts only if the token has its thumbprint.',
  },
  'rule-key-private': {
    source: 'RFC 7800 section 3.2',
    behaviour: 'A key with a private or symmetric member: refused.',
  },
  'rule-key-canonical': {
    source: 'RFC 7518 section 6.2.1.2, 6.3.1.1',
    behaviour: 'Padding, zero bytes in front or spare bits in a key: refused.',
  },
  'rule-key-rsa-size': {
    source: 'RFC 7518 section 3.3, Own rule: 4096 bits at most',
    behaviour: 'An RSA modulus below 2048 or above 4096 bits, or an even one: refused.',
  },
  'rule-key-rsa-exponent': {
    source: 'NIST SP 800-56B section 6.2, Own rule: 32 bits at most',
    behaviour: 'A public exponent below 65537, even, or above 32 bits: refused.',
  },
  'rule-key-curve': {
    source: 'RFC 7518 section 3.4, 6.2.1',
    behaviour: 'A key on another curve than its algorithm, or a point off the curve: refused.',
  },
  'rule-key-small-order': {
    source: 'Own rule: such a key fits every message',
    behaviour: 'An Ed25519 point of small order, in any encoding: refused.',
  },
  'rule-key-purpose': {
    source: 'RFC 7517 section 4.2, 4.3, 4.4',
    behaviour: 'use, key_ops or alg of a key that do not fit: refused.',
  },
  'rule-key-secret': {
    source: 'RFC 7518 section 3.2, CVE-2026-44351',
    behaviour: 'A secret shorter than its hash, or empty: refused.',
  },
  'rule-key-judged-again': {
    source: 'Own rule: a remembered key is that very key',
    behaviour: 'A spoiled copy of a key that was accepted is refused.',
  },

  'rule-bearer-unbound-only': {
    source: 'RFC 9449 section 7.2, CVE-2024-49755',
    behaviour: 'A token bound to any key, wherever that is written: 401 as Bearer.',
  },
  'rule-scheme-of-confirmation': {
    source: 'RFC 9449 section 6.1, CVE-2024-49755',
    behaviour:
      'From every token source, a token is accepted only in the scheme of its confirmation.',
  },
  'rule-confirmation-all': {
    source: 'Own rule: not whichever matches first',
    behaviour: 'Several confirmation methods in a token must all hold, else 401.',
  },
  'rule-rival-token-type': {
    source: 'RFC 7662 section 2.2',
    behaviour: 'A token_type that names the other bound scheme: 401.',
  },
  'rule-resolver-first': {
    source: 'Own rule: the one that knows the token decides',
    behaviour:
      'The first resolver that recognises a token answers; its refusal is not taken to the next.',
  },
  'rule-resolver-outage': {
    source: 'Own rule: an outage refuses nobody for good',
    behaviour: 'A resolver or resolveKey that throws, or answers oddly: 503.',
  },
  'rule-nonce-secrets': {
    source: 'RFC 9449 section 8',
    behaviour: 'The first secret mints nonces, all verify; a nonce of no secret of ours: 401.',
  },
  'rule-nonce-purpose': {
    source: 'Own rule: one secret for several APIs',
    behaviour: 'A nonce for another scheme or another API: 401.',
  },
  'rule-nonce-offered': {
    source: 'RFC 9449 section 8.2',
    behaviour: 'Nonces that are not required are offered; a stale one of ours: 401.',
  },

  'rule-cache-c1': {
    source: 'CVE-2026-35039',
    behaviour:
      'A remembered token is known by the hash of its exact text, in one resolver; no function of the operator names it.',
  },
  'rule-cache-c2': {
    source: 'Own rule: what one handler edits others see',
    behaviour: 'What is remembered is frozen: no handler can change it for another request.',
  },
  'rule-cache-c3': {
    source: 'Own rule: no wrong no for later',
    behaviour: 'Only good tokens are remembered; refusals and outages are not.',
  },
  'rule-cache-c4': {
    source: 'GHSA-xg6x-h9c9-2m83',
    behaviour: 'A token is remembered only after every check; bad ones push no good one out.',
  },
  'rule-cache-c5': {
    source: 'GHSA-675f-rq2r-jw82',
    behaviour: 'On every hit time and keys are judged again: expired, or key gone: refused.',
  },
  'rule-cache-c6': {
    source: 'CVE-2026-8922',
    behaviour:
      'Introspected tokens are remembered only if asked for, 30 seconds at most, and never without exp.',
  },
  'rule-cache-c7': {
    source: 'Own rule: bounded, dropping costs time only',
    behaviour: 'The cache is bounded in entries and bytes; a dropped token is verified again.',
  },
  'rule-cache-c8': {
    source: 'CVE-2026-40155',
    behaviour:
      'A key set is fetched once for all who wait; no answer about a token is given to another request, and no failure is kept.',
  },
  'rule-cache-c9': {
    source: 'Own rule: a token in hand proves nothing',
    behaviour: 'The proof is verified on every request, remembered token or not.',
  },
  'rule-cache-c10': {
    source: 'RFC 9449 section 7.2',
    behaviour: 'A token that was good in a proof is still refused as Bearer.',
  },
  'rule-cache-c11': {
    source: 'Own rule: clocks are set back',
    behaviour: 'A clock that is set back does not lengthen the life of an entry.',
  },
  'rule-cache-c12': {
    source: 'Own rule: a cache changes the speed only',
    behaviour: '100,000 random requests have the same answers with the cache and without.',
  },

  'rule-one-verification': {
    source: 'Own rule: mounted twice is verified once',
    behaviour: 'All who ask for the verification of a request share one, accepted or refused.',
  },
  'rule-two-verifiers': {
    source: 'Own rule: nobody knows which one counts',
    behaviour: 'Two different verifiers on one request: 500.',
  },
  'rule-optional': {
    source: 'Own rule: optional is not careless',
    behaviour: 'With optional an absent credential passes; a bad one is refused as ever.',
  },
  'rule-exempt-exactly': {
    source: 'Own rule: exempt only in so many words',
    behaviour: 'A route is exempt only if it says so exactly; all others stay protected.',
  },
  'rule-only-http': {
    source: 'Own rule: what cannot be verified is refused',
    behaviour: 'A handler that is not HTTP, or a request without raw headers: refused.',
  },
  'rule-options-unknown': {
    source: 'Own rule: a misspelled option must not be none',
    behaviour: 'An unknown option, or a required one missing: TypeError with a code at start-up.',
  },
  'rule-options-numbers': {
    source: 'GHSA-687g-22h4-j4w4',
    behaviour: 'NaN, Infinity, negative numbers, text for numbers or flags: TypeError at start-up.',
  },
  'rule-options-empty': {
    source: 'Own rule: no check that is silently off',
    behaviour: 'Empty lists, empty or short secrets, no audience: TypeError at start-up.',
  },
  'rule-options-frozen': {
    source: 'Own rule: read once',
    behaviour: 'Options that are changed after start-up, or lie on a prototype, have no effect.',
  },
  'rule-result-frozen': {
    source: 'Own rule: what one handler edits others see',
    behaviour: 'The result is frozen to its depth: edits throw.',
  },
  'rule-result-token-hidden': {
    source: 'CWE-532',
    behaviour: 'The result does not print its token, nor does a logged request.',
  },
  'rule-result-coverage': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour: 'The result says what is signed, and whether every parameter is.',
  },

  'rule-guard-empty': {
    source: 'Own rule: nothing to require is a mistake',
    behaviour: 'A guard or decorator with nothing to require: TypeError at start-up.',
  },
  'rule-guard-anonymous': {
    source: 'Own rule: a guard never passes what it cannot see',
    behaviour: 'A guard without a verified token: 401 with the challenges of the verifier.',
  },
  'rule-guard-without-verifier': {
    source: 'Own rule: a guard never passes what it cannot see',
    behaviour: 'A guard where no verifier ran: 401 PoP realm="oauth-pop", and one warning.',
  },
  'rule-guard-token': {
    source: 'Own rule: optional for one route is not optional for all',
    behaviour: 'requireToken: any verified token passes, and nothing else does.',
  },
  'rule-guard-scheme': {
    source: 'Own rule: the way to present a token can depend on the route',
    behaviour:
      'A token by another scheme than the route takes: 401 with the challenges of exactly the schemes it takes.',
  },
  'rule-guard-satisfiable': {
    source: 'Own rule: what no client can give is our mistake',
    behaviour:
      'A guard that no enabled scheme can satisfy: TypeError at start-up in Fastify and NestJS, 500 for every request elsewhere, both with the line that makes it satisfiable.',
  },
  'rule-guard-order': {
    source: 'Own rule: all adapters answer alike',
    behaviour:
      'NestJS judges token, scheme, scopes, claims, coverage and authentication in this order, however the decorators are written.',
  },
  'rule-guard-scopes': {
    source: 'RFC 6749 section 3.3',
    behaviour: 'Scopes are compared exactly, all or any of them; several guards must all hold.',
  },
  'rule-guard-claims': {
    source: 'Own rule: only a literal true passes',
    behaviour: 'A check of claims that is not true: 403; one that throws or rejects: 500.',
  },
  'rule-guard-coverage': {
    source: 'draft-ietf-oauth-signed-http-request-03 section 7.5',
    behaviour: 'Query, headers or body that a route wants signed, left unsigned: 401.',
  },
  'step-up-acr': {
    source: 'RFC 9470 section 3',
    behaviour:
      'A token whose acr is none that the route takes, is missing or is no text: 401 insufficient_user_authentication.',
  },
  'step-up-age': {
    source: 'RFC 9470 section 3',
    behaviour:
      'A token whose auth_time is further back than the route takes, is beyond the tolerance ahead, is missing or is no number: 401 insufficient_user_authentication.',
  },
  'step-up-both': {
    source: 'RFC 9470 section 3',
    behaviour: 'Where a route asks for acr and age of the login, both must hold.',
  },
  'step-up-challenge': {
    source: 'RFC 9470 section 3',
    behaviour:
      'The answer names acr_values and max_age as far as the route asks for them, in the scheme used.',
  },
  'step-up-arguments': {
    source: 'RFC 9470 section 3, RFC 9110 section 5.6.4',
    behaviour:
      'A guard that asks for a class of login which no challenge can name, or for an age that is no whole number: TypeError at start-up.',
  },

  'rule-error-shape': {
    source: 'Own rule: each framework reads other names',
    behaviour: 'PopError has code, error, status, statusCode, expose and headers, and no stack.',
  },
  'rule-error-sentence': {
    source: 'Own rule: clients split at such characters',
    behaviour: 'Each code has one constant sentence of letters, spaces and hyphens.',
  },
  'rule-error-evidence': {
    source: 'CVE-2024-45808',
    behaviour: 'Evidence is cut at 256 characters, flat, frozen and not enumerable.',
  },
  'rule-error-documented': {
    source: 'Own rule: operators look codes up',
    behaviour: 'Every code has its section in docs/errors.md, and every section its code.',
  },
  'rule-event': {
    source: 'Own rule: decisions can be watched',
    behaviour: 'Each acceptance and each refusal is published with its result or its code.',
  },
  'rule-event-secrets': {
    source: 'CWE-532',
    behaviour: 'No event, debug line or log has a token, a proof, a nonce or a jti.',
  },
  'rule-event-one-line': {
    source: 'CVE-2024-45808',
    behaviour: 'A line break in a request stays escaped in the one line of a debug message.',
  },
  'rule-environment': {
    source: 'Own rule: read once at start-up',
    behaviour:
      'The environment makes lists of commas, forgets what is empty, and refuses bad values.',
  },
  'rule-environment-missing': {
    source: 'Own rule: no server that is half configured',
    behaviour: 'What the environment lacks is named in the error at start-up.',
  },
  'rule-environment-order': {
    source: 'Own rule: ask others as little as possible',
    behaviour: 'With issuer and introspection set, a JWT is verified first, then the server asked.',
  },

  'rule-client-jti': {
    source: 'Own rule: two equal requests are two proofs',
    behaviour: 'Every proof of the client has a random jti of its own.',
  },
  'rule-client-nonce': {
    source: 'CVE-2026-40155',
    behaviour: 'The client sends a nonce only when a server gave one, each request its own.',
  },
  'rule-client-redirect': {
    source: 'Own rule: a proof is for one URL',
    behaviour: 'The client hands a redirect back instead of following it.',
  },
  'rule-client-private': {
    source: 'RFC 7800 section 4',
    behaviour: 'Nothing private of a key is in a proof of the client.',
  },
  'rule-client-acceptable': {
    source: 'Own rule: a mistake shows where it is made',
    behaviour:
      'What the client signs, a verifier with its defaults accepts; else it signs nothing.',
  },
  'rule-client-clock': {
    source: 'RFC 9110 section 6.6.1',
    behaviour:
      'A refusal for time sets the clock for its server by Date: once, by a day at most, for nobody else.',
  },
  'rule-client-hidden': {
    source: 'RFC 9110 section 15.5.2',
    behaviour:
      'The client says of a 401 whether it can see the challenge, and reads a renamed one.',
  },
  'rule-client-dpop-proof': {
    source: 'RFC 9449 section 4.2',
    behaviour:
      'A DPoP proof of the client has typ dpop+jwt, alg, the public members of jwk, jti, htm, htu, iat; nothing else unasked.',
  },
  'rule-client-dpop-htu': {
    source: 'RFC 9449 section 4.2',
    behaviour: 'htu is the URL as it is sent, without query, fragment and user.',
  },
  'rule-client-dpop-ath': {
    source: 'RFC 9449 section 4.2, 7.1',
    behaviour:
      'With an access token the proof has its hash, and Authorization: DPoP the same token.',
  },
  'rule-client-dpop-asymmetric': {
    source: 'RFC 9449 section 4.2',
    behaviour: 'The client makes no DPoP proof with a secret: TypeError, nothing sent.',
  },
  'rule-client-dpop-nonce-asked': {
    source: 'RFC 9449 section 8, 9',
    behaviour:
      'use_dpop_nonce (400 of an issuer, 401 of a resource) is answered once, with the nonce of that response.',
  },
  'rule-client-dpop-nonce-newest': {
    source: 'RFC 9449 section 8.2',
    behaviour:
      'The newest DPoP-Nonce of any response of an origin is in the next proof for it, and for nobody else.',
  },
  'rule-client-dpop-nonce-loop': {
    source: 'Own rule: no client goes round and round',
    behaviour: 'A server refuses the nonce it has just given: one error, after two requests.',
  },
  'rule-client-dpop-body-once': {
    source: 'Own rule: no retry without its body',
    behaviour: 'Another proof is asked for a stream that is gone: one error, nothing sent again.',
  },
  'rule-issuer-confirmation': {
    source: 'draft-ietf-oauth-pop-key-distribution-07 section 4.1',
    behaviour: 'The issuer reads the key of a token request as MSAL and OpenAM clients write it.',
  },
  'rule-issuer-public-half': {
    source: 'RFC 7800 section 4',
    behaviour: 'The issuer keeps the public half of a pair and the hash of a token.',
  },
  'rule-decryption-key-purpose': {
    source: 'RFC 8725 section 3.1',
    behaviour:
      'A decryption key opens only what names its kid and its alg, and only if it is for encryption.',
  },
  'rule-waiting-bound': {
    source: 'Own rule: what waits is bounded',
    behaviour:
      'A source of keys or tokens hangs: 1,000 requests wait for it, for 10 seconds at the most, more are 503 at once.',
  },
  'rule-decryption-once': {
    source: 'Own rule: a stranger has few decryptions',
    behaviour:
      'A decryption key is imported once for each algorithm; at most 4 keys of the right type and curve are tried.',
  },
  'rule-bound-anywhere': {
    source: 'RFC 6750 section 5.2, RFC 7800 section 3',
    behaviour:
      'A token that names a key in cnf, in access_token_key or in the keyMember of its resolver is no bearer token, whichever resolver knows it.',
  },
  'rule-evidence-whole': {
    source: 'Own rule: no token in a log',
    behaviour: 'Evidence and messages of others are rid of every part of the token, cut or whole.',
  },
  'rule-discovery-next': {
    source: 'RFC 8414 section 3, OpenID Connect Discovery 1.0 section 4',
    behaviour:
      'Metadata that cannot be used leads to the next well-known URL; the error names each URL with its reason.',
  },
  'rule-null-absent': {
    source: 'Own rule: null is nothing',
    behaviour:
      'null in an introspection answer or a stored record is an absent member, but for cnf and keys, which refuse the token.',
  },
  'rule-key-candidates': {
    source: 'RFC 7515 section 4.1.4',
    behaviour:
      'Several keys of an issuer fit a token: each is tried, at most 4, and the same key twice is one.',
  },
  'rule-key-left-out': {
    source: 'Own rule: an operator learns which key is unusable',
    behaviour:
      'Keys of an issuer that are left out are named with the reason, in evidence and event.',
  },
  'rule-issuer-tenant': {
    source: 'Own rule: an issuer is exact but for its tenant',
    behaviour:
      'An issuer template takes one GUID as one path segment; tid names the same tenant; the keys are those of that tenant.',
  },
  'rule-insecure-http': {
    source: 'RFC 8414 section 6.1, RFC 7662 section 4',
    behaviour: 'Plain http beyond loopback is refused unless dangerouslyAllowHttp is set.',
  },
  'rule-confirmation-application': {
    source: 'RFC 7800 section 3.4',
    behaviour:
      'A cnf.kid that is the thumbprint of no key of the proof names a key of the application.',
  },
  'issuer-dpop-proof': {
    source: 'RFC 9449 section 5',
    behaviour:
      'A DPoP proof of a token request that fails a check, is used before, or is one of several: 400 invalid_dpop_proof, and nothing is granted or stored.',
  },
  'issuer-dpop-token': {
    source: 'RFC 9449 section 5, 6.1, 6.2',
    behaviour:
      'A token request with a DPoP proof gets token_type DPoP; JWT and introspection have the thumbprint of its key as cnf.jkt.',
  },
  'issuer-dpop-owner': {
    source: 'Own rule: nobody fills the store for others',
    behaviour:
      'The proofs of token requests of one client share one quota of the replay store, however many keys it has: 503 beyond, for that client only.',
  },
  'issuer-dpop-metadata': {
    source: 'RFC 9449 section 5.1',
    behaviour: 'The metadata lists the accepted algorithms as dpop_signing_alg_values_supported.',
  },
  'issuer-dpop-bound-client': {
    source: 'RFC 9449 section 5.2',
    behaviour:
      'A token request of a client with DPoP-bound tokens is refused without a proof: 400 invalid_dpop_proof.',
  },
  'issuer-dpop-nonce': {
    source: 'RFC 9449 section 8, 8.2',
    behaviour:
      'A token request without the nonce that is required, or with a stale one: 400 use_dpop_nonce with DPoP-Nonce; an ageing nonce is renewed on success.',
  },
  'issuer-dpop-code': {
    source: 'RFC 9449 section 10',
    behaviour:
      'A grant whose dpop_jkt is not the key that the token request proves: 400 invalid_grant, and nothing is issued.',
  },
  'issuer-dpop-refresh': {
    source: 'RFC 9449 section 5',
    behaviour:
      'A refresh token that its grant binds to a DPoP key is of no use without a proof by that key: 400 invalid_grant.',
  },
  'issuer-mtls-token': {
    source: 'RFC 8705 section 3.1, 3.2',
    behaviour:
      'A token that is bound to a certificate is a bearer token; JWT and introspection have the SHA-256 of its DER as cnf x5t#S256.',
  },
  'issuer-mtls-both': {
    source: 'RFC 8705 section 3, RFC 9449 section 6',
    behaviour:
      'A token that is bound to a key and a certificate has both in cnf, has the token_type of the key, and needs both.',
  },
  'issuer-mtls-bound': {
    source: 'RFC 8705 section 3.4',
    behaviour:
      'A client with certificate-bound tokens gets no others; a token request of it over a connection without certificate: 400 invalid_request, and nothing is granted or stored.',
  },
  'issuer-mtls-refresh': {
    source: 'RFC 8705 section 4, 7.1',
    behaviour:
      'A refresh token that its grant binds to a certificate is of no use over a connection without it: 400 invalid_grant.',
  },
  'issuer-mtls-auth': {
    source: 'RFC 8705 section 2, 2.2',
    behaviour:
      'A client or resource server that is registered with certificates names itself by client_id over a connection with one of them; any other: 401 invalid_client, and nothing is granted or stored.',
  },
  'issuer-mtls-metadata': {
    source: 'RFC 8705 section 2.2.1, 3.3',
    behaviour:
      'The metadata names certificate-bound tokens, and authentication by certificate, where a client may be registered for them.',
  },
  'rule-preset-mcp': {
    source: 'MCP SEP-1932',
    behaviour: 'presets.mcp takes DPoP proofs dated up to 300 seconds either way, and no others.',
  },
  'rule-preset-fapi2': {
    source: 'FAPI 2.0 Security Profile 5.3.2.1, 5.3.4, 5.4.1',
    behaviour:
      'presets.fapi2 asks for a nonce and a recent proof, and takes three algorithms, with fapi2Tokens for access tokens too.',
  },
  'rule-without-ath': {
    source: 'RFC 9449 section 4.2; Solid-OIDC',
    behaviour:
      'A proof without ath is accepted only with dangerouslyWithoutAth; one with a wrong ath never.',
  },
  'metadata-served': {
    source: 'RFC 9728 section 2, 3.2',
    behaviour:
      'With metadata, anybody gets the document, which says what the options enforce; without, nobody.',
  },
  'metadata-place': {
    source: 'RFC 9728 section 3.1',
    behaviour:
      'The document is below the host of the resource, its path behind the well-known one.',
  },
  'metadata-challenge': {
    source: 'RFC 9728 section 5.1',
    behaviour: 'With metadata, every challenge names the URL of the document in resource_metadata.',
  },
  'metadata-mcp': {
    source: 'MCP authorization, RFC 9728 section 5',
    behaviour:
      'A client of MCP that knows nothing but the URL gets in, by the 401 and the document.',
  },
  'rule-cache-secrets': {
    source: 'Own rule: caches never decide',
    behaviour:
      'The secret in cnf.jwe is decrypted once for a remembered token, again for one that is resolved anew, and judged for each algorithm.',
  },
  'rule-steps': {
    source: 'Own rule: no step is forgotten',
    behaviour: 'A step of the verification that is left out or moved does not compile.',
  },
  'mtls-bound': {
    source: 'RFC 8705 section 3, 3.1, 3.2',
    behaviour:
      'A token with cnf x5t#S256 passes only over a connection with that certificate, never as a plain bearer token: 401.',
  },
  'mtls-both': {
    source: 'Own rule: no method of cnf hides another',
    behaviour:
      'A token that is bound to a key and a certificate needs both, under the scheme of the key.',
  },
  'mtls-proxy': {
    source: 'RFC 9440 section 2.2, 4',
    behaviour:
      'A proxy hands on a certificate in the one header of its profile, once, well-formed, over a trusted hop; anything else is no certificate.',
  },
} as const satisfies Record<string, Requirement>
