const primes = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
  103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
]
const residues = primes.map((prime) => ({ prime: BigInt(prime), powers: powersModulo(prime) }))

/**
 * True for a modulus of the generator of CVE-2017-15361 (ROCA), which can be factored: modulo every
 * small prime it is a power of 65537. Hardly any other modulus is.
 */
export function isRoca(modulus: Buffer): boolean {
  const n = BigInt(`0x${modulus.toString('hex')}`)
  return residues.every(({ prime, powers }) => powers.has(Number(n % prime)))
}

function powersModulo(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power)
  return powers
}
