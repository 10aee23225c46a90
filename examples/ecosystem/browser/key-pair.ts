import { generateKeyPair, type ProofKeyPair } from '@oauth-pop/client'
import { get, update } from 'idb-keyval'

const name = 'proof-key'

/**
 * The key pair of this browser, made on the first visit. IndexedDB keeps it as it is: the private
 * half is never text, and no script can make it so.
 */
export async function loadKeyPair(): Promise<ProofKeyPair> {
  const known = await get<ProofKeyPair>(name)
  if (known !== undefined) return known
  const fresh = await generateKeyPair({ algorithm: 'ES256' })
  // Another tab may have been faster.
  await update<ProofKeyPair>(name, (other) => other ?? fresh)
  return (await get<ProofKeyPair>(name)) ?? fresh
}
