import {
  bearer,
  createVerifier,
  dpop,
  introspectedTokens,
  jwtTokens,
  mtls,
  pop,
  type ResourceMetadataOptions,
  type Scheme,
  type VerifierOptions,
} from '@oauth-pop/core'
import { protectedResourceMetadata } from '@oauth-pop/core/node'
import { describe, expect, test } from 'vitest'

const publicUrl = 'https://api.example.com'
const issuer = 'https://as.example.com'
const tokens = jwtTokens({ issuer: [issuer, 'https://b.example'], audience: publicUrl })
const opaque = introspectedTokens({
  endpoint: `${issuer}/introspect`,
  clientId: 'api',
  clientSecret: 'secret',
  audience: publicUrl,
})

function read(
  metadata: ResourceMetadataOptions = {},
  options: Partial<VerifierOptions> = {},
): NonNullable<ReturnType<typeof createVerifier>['metadata']> {
  return protectedResourceMetadata({ publicUrl, tokens, ...options, metadata })
}

describe('the metadata of a resource', { tags: ['metadata-served'] }, () => {
  test('is derived from the options', () => {
    const { url, path, document } = read({ scopes: ['read', 'write'] })
    expect(url).toBe('https://api.example.com/.well-known/oauth-protected-resource')
    expect(path).toBe('/.well-known/oauth-protected-resource')
    expect(document).toEqual({
      resource: 'https://api.example.com',
      authorization_servers: [issuer, 'https://b.example'],
      scopes_supported: ['read', 'write'],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: expect.arrayContaining(['ES256', 'PS256']),
      dpop_bound_access_tokens_required: false,
    })
    expect(Object.isFrozen(document)).toBe(true)
  })

  test.each<[string, readonly Scheme[], object]>([
    [
      'dpop()',
      [dpop({ algorithms: ['ES256'] })],
      { dpop_signing_alg_values_supported: ['ES256'], dpop_bound_access_tokens_required: true },
    ],
    ['dpop() and bearer()', [dpop(), bearer()], { dpop_bound_access_tokens_required: false }],
    ['mtls()', [mtls()], { tls_client_certificate_bound_access_tokens: true }],
    ['pop()', [pop()], {}],
  ])('tells clients what %s takes', (_, schemes, expected) => {
    const names = [
      'dpop_bound_access_tokens_required',
      'tls_client_certificate_bound_access_tokens',
    ]
    const { document } = read({}, { schemes })
    expect(document).toMatchObject(expected)
    const found = names.filter((name) => Object.hasOwn(document, name))
    expect(found).toEqual(names.filter((name) => Object.hasOwn(expected, name)))
  })

  test('does not require what it only reports', () => {
    const { document } = read({}, { schemes: [dpop()], mode: 'report' })
    expect(document['dpop_bound_access_tokens_required']).toBe(false)
  })

  test.each([
    [
      'https://api.example.com/v1',
      'https://api.example.com/.well-known/oauth-protected-resource/v1',
    ],
    [
      'https://api.example.com/a/b/',
      'https://api.example.com/.well-known/oauth-protected-resource/a/b',
    ],
    [
      'https://api.example.com:8443',
      'https://api.example.com:8443/.well-known/oauth-protected-resource',
    ],
    ['http://127.0.0.1:3000/v1', 'http://127.0.0.1:3000/.well-known/oauth-protected-resource/v1'],
  ])('of publicUrl %s is at %s', { tags: ['metadata-place'] }, (own, url) => {
    expect(read({}, { publicUrl: own }).url).toBe(url)
  })

  test('of a resource that is named is found below its host', { tags: ['metadata-place'] }, () => {
    const { url, document } = read({ resource: 'https://api.example.com/mcp' })
    expect(url).toBe('https://api.example.com/.well-known/oauth-protected-resource/mcp')
    expect(document['resource']).toBe('https://api.example.com/mcp')
  })

  test('has further members, copied', () => {
    const members = { resource_name: 'Photos', list: ['a'] }
    const { document } = read({ members })
    members.list.push('b')
    expect(document).toMatchObject({ resource_name: 'Photos', list: ['a'] })
  })

  test('takes authorization servers by name, where tokens name none', () => {
    const { document } = read({ authorizationServers: issuer }, { tokens: opaque })
    expect(document['authorization_servers']).toEqual([issuer])
  })

  test.each<[string, unknown, Partial<VerifierOptions>, string]>([
    ['no authorization server', {}, { tokens: opaque }, 'authorizationServers'],
    ['an empty list of them', { authorizationServers: [] }, {}, 'authorizationServers'],
    [
      'issuers that a function names',
      {},
      { tokens: jwtTokens({ issuer: () => true, audience: publicUrl }) },
      'authorizationServers',
    ],
    ['several URLs', {}, { publicUrl: [publicUrl, 'https://b.example'] }, 'needs resource'],
    ['any label', {}, { publicUrl: 'https://*.api.example.com' }, 'needs resource'],
    ['the view of the framework', {}, { publicUrl: 'request' }, 'needs resource'],
    [
      'a public URL of plain http',
      {},
      { publicUrl: 'http://api.example.com' },
      'metadata resource',
    ],
    ['a resource with a query', { resource: `${publicUrl}/?a` }, {}, 'without query'],
    ['a resource with a comma', { resource: `${publicUrl}/a,b` }, {}, 'without query'],
    ['a resource with a fragment', { resource: `${publicUrl}/#a` }, {}, 'without query'],
    ['a resource that is no URL', { resource: 'photos' }, {}, 'metadata resource'],
    ['no scopes', { scopes: [] }, {}, 'metadata scopes'],
    ['scopes that are null', { scopes: null }, {}, 'metadata scopes'],
    ['a server that is no URL', { authorizationServers: 'joe' }, {}, 'must be URLs'],
    ['a member that is derived', { members: { resource: 'x' } }, {}, 'without resource'],
    ['members that are none', { members: 'x' }, {}, 'metadata members'],
    ['an unknown name', { scope: ['a'] }, {}, 'no option'],
    ['true', true, {}, 'options object'],
  ])('does not start with %s', (_, metadata, options, said) => {
    const start = (): unknown => read(metadata as ResourceMetadataOptions, options)
    expect(start).toThrow(TypeError)
    expect(start).toThrow(said)
  })

  test('is asked for by name', () => {
    expect(() => protectedResourceMetadata({ publicUrl, tokens })).toThrow('needs metadata')
    expect(createVerifier({ publicUrl, tokens }).metadata).toBeUndefined()
  })
})
