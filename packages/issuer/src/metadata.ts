/** What the metadata tells of a live handler. */
interface MetadataFacts {
  readonly identifier: string
  readonly dpopAlgorithms: readonly string[]
  /** Whether the tokens of any client are bound to its certificate. */
  readonly bindsCertificates: boolean
  /** Who may be known by a certificate. */
  readonly clientsHaveCertificates: boolean
  readonly resourceServersHaveCertificates: boolean
}

/** The URL of an endpoint, below the issuer identifier. */
export function endpointOf(identifier: string, name: string): string {
  return `${identifier.replace(/\/$/, '')}/${name}`
}

/** RFC 8414 section 2, RFC 9449 section 5.1 and RFC 8705 sections 2.2.1 and 3.3. */
export function metadataOf({
  identifier,
  dpopAlgorithms,
  bindsCertificates,
  clientsHaveCertificates,
  resourceServersHaveCertificates,
}: MetadataFacts): Readonly<Record<string, unknown>> {
  const clientMethods = [...confidentialMethods(clientsHaveCertificates), 'none']
  return {
    issuer: identifier,
    token_endpoint: endpointOf(identifier, 'token'),
    introspection_endpoint: endpointOf(identifier, 'introspect'),
    revocation_endpoint: endpointOf(identifier, 'revoke'),
    jwks_uri: endpointOf(identifier, 'jwks'),
    response_types_supported: [],
    token_endpoint_auth_methods_supported: clientMethods,
    introspection_endpoint_auth_methods_supported: confidentialMethods(
      resourceServersHaveCertificates,
    ),
    revocation_endpoint_auth_methods_supported: clientMethods,
    dpop_signing_alg_values_supported: dpopAlgorithms,
    ...(bindsCertificates && { tls_client_certificate_bound_access_tokens: true }),
  }
}

function confidentialMethods(haveCertificates: boolean): readonly string[] {
  const secrets = ['client_secret_basic', 'client_secret_post']
  return haveCertificates ? [...secrets, 'self_signed_tls_client_auth'] : secrets
}
