/**
 * WebCrypto of this runtime.
 *
 * @throws Error where there is none: browsers hide it from pages that came over http
 */
export function webCrypto(): typeof crypto.subtle {
  const { subtle }: { subtle?: typeof crypto.subtle } = globalThis.crypto ?? {}
  if (subtle !== undefined) return subtle
  throw new Error('WebCrypto is missing: a browser has it on https and on localhost only')
}
