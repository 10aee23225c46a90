import { dpop } from './schemes/dpop.ts'

/** FAPI 2.0 Security Profile section 5.4.1: PS256, ES256, or EdDSA over Ed25519, which has two names. */
const fapi2Algorithms = Object.freeze(['PS256', 'ES256', 'EdDSA', 'Ed25519'])

/**
 * What profiles of other bodies ask of a resource server, as options to spread; what you write behind
 * it wins. Each line says which sentence it follows. What a profile leaves open is not here: publicUrl,
 * tokens and the replay store are yours.
 *
 * Not checked here: what a profile asks of TLS, of the authorization server and of clients.
 */
export const presets = Object.freeze({
  /**
   * The DPoP extension of the Model Context Protocol (SEP-1932): `popMiddleware({ ...presets.mcp, publicUrl, tokens })`.
   * A proof may be dated 300 seconds ahead, so a memory replay store that restarts forgets proofs of
   * that much later than its start.
   */
  mcp: Object.freeze({
    // DPoP as in RFC 9449. The extension is optional; where you take bearer tokens too, add bearer().
    schemes: Object.freeze([dpop()]),
    // "acceptance windows of +/- 5 minutes" for iat
    maxAgeSeconds: 300,
    maxAheadSeconds: 300,
  }),
  /** FAPI 2.0 Security Profile (final): `popMiddleware({ ...presets.fapi2, publicUrl, tokens })`. */
  fapi2: Object.freeze({
    // 5.3.4: sender-constrained tokens by DPoP or mTLS, in the header only; 5.4.1: three algorithms.
    schemes: Object.freeze([dpop({ algorithms: fapi2Algorithms })]),
    // 5.3.4 and 5.3.3: server nonces are for the server to use, and clients must know them.
    nonce: Object.freeze({}),
    // 5.3.2.1: an iat up to 10 seconds ahead is accepted, one of more than 60 is refused.
    maxAheadSeconds: 10,
    clockToleranceSeconds: 10,
    // 5.3.2.1 gives no limit for the past; a minute is the life that it gives to codes.
    maxAgeSeconds: 60,
  }),
  /** For the access tokens of the same profile: `jwtTokens({ ...presets.fapi2Tokens, issuer, audience })`. */
  fapi2Tokens: Object.freeze({ algorithms: fapi2Algorithms }),
})
