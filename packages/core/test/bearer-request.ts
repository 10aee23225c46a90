import type { HttpRequest } from '@oauth-pop/core'

/** `GET /items` with a token that nobody has to prove anything for. */
export function bearerRequest(token: string): HttpRequest {
  const rawHeaders = ['Host', 'api.example.com', 'Authorization', `Bearer ${token}`]
  return { method: 'GET', target: '/items', rawHeaders }
}
