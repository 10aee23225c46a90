import { base64url } from 'jose'

const primes = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
]

/**
 * True for a modulus (base64url) of the generator of CVE-2017-15361 (ROCA), which some hardware has:
 * modulo every small prime it is a power of 65537.
 */
export function isRoca(modulus: string): boolean {
  const bytes = base64url.decode(modulus)
  return primes.every((prime) => {
    const rest = bytes.reduce((value, byte) => (value * 256 + byte) % prime, 0)
    let power = 1
    do {
      if (power === rest) return true
      power = (power * 65_537) % prime
    } while (power !== 1)
    return false
  })
}
