/** What the pages of such clients tell their callers to do: make the proof again with the nonce that is asked for. */
export async function askAgain(
  send: (nonce: string | undefined) => Promise<Response>,
): Promise<Response> {
  const response = await send(undefined)
  const nonce = response.headers.get('dpop-nonce')
  const challenge = response.headers.get('www-authenticate') ?? ''
  if (response.ok || nonce === null || !challenge.includes('use_dpop_nonce')) return response
  return send(nonce)
}
