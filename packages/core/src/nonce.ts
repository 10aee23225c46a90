import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { optionError } from './errors.ts'
import { flag, readOptions, wholeNumber } from './option-readers.ts'

export interface NonceOptions {
  /** 32 bytes each. The first mints, all verify. Default one random secret: a fleet must share one. */
  readonly secrets?: readonly Uint8Array[]
  /** How long a nonce is good, at least. Default 300. */
  readonly lifetimeSeconds?: number
  /** `false` offers nonces without demanding them. Default `true`. */
  readonly required?: boolean
  /**
   * `true` lets a fresh nonce stand for the proof's own time (RFC 9449 section 4.3 step 11), so that
   * clients whose clocks are wrong get in. Default `false`.
   */
  readonly time?: boolean
}

/** Server nonces without a store: an authenticated time slot. */
export interface NonceSource {
  readonly time: boolean
  /** The nonces of one request, which came at this time, in whole seconds. */
  at(now: number): RequestNonces
}

/** What one request is told of nonces, and asked about its own. */
export interface RequestNonces {
  readonly required: boolean
  readonly time: boolean
  mint(purpose: string): string
  judge(nonce: string, purpose: string): NonceJudgement
}

interface NonceJudgement {
  /** `foreign`: not shaped like ours, so it may be the client's own. */
  readonly verdict: 'current' | 'ageing' | 'invalid' | 'foreign'
  /** When a proof with this nonce can have been made and used, in seconds; only where it is fresh and ours. */
  readonly window?: NonceWindow
}

interface NonceWindow {
  readonly from: number
  /** The last second at which the nonce is good. */
  readonly until: number
}

const macBytes = 20
const slotBytes = 4
/** What every nonce of ours begins with, so that a client's own is not taken for one, whatever its length. */
const mark = 'pop1-'
const length = mark.length + Math.ceil(((macBytes + slotBytes) * 8) / 6)
/** More than there are slots, purposes and secrets at a time. */
const mostRemembered = 100

/**
 * A nonce is a mark, its time slot and an HMAC over slot, purpose and audience (RFC 9449 section 8), so
 * that one secret may serve several APIs. The previous slot and the next are good too: for rotation,
 * and for the clocks of a fleet. A slot has one nonce, so its HMAC is made once.
 *
 * @throws TypeError with `code` for wrong options
 */
export function createNonceSource(
  options: NonceOptions,
  audience: string,
  clock: () => number,
): NonceSource {
  const own = readOptions('nonce', options, ['secrets', 'lifetimeSeconds', 'required', 'time'])
  const secrets = own.secrets === undefined ? [randomBytes(32)] : readSecrets(own.secrets)
  const lifetime = wholeNumber('nonce lifetimeSeconds', own.lifetimeSeconds, 300)
  if (lifetime === 0)
    throw optionError('ERR_POP_OPTION_INVALID', 'nonce lifetimeSeconds must not be 0')
  const required = own.required === undefined || flag('nonce required', own.required)
  const [minting] = secrets as [Buffer]
  const remembered = new Map<string, string>()

  function encode(secret: Buffer, purpose: string, slot: number): string {
    const name = `${secrets.indexOf(secret)} ${slot} ${purpose}`
    const known = remembered.get(name)
    if (known !== undefined) return known
    if (remembered.size >= mostRemembered) remembered.clear()
    const nonce = encodeNonce(secret, JSON.stringify([purpose, audience]), slot)
    remembered.set(name, nonce)
    return nonce
  }

  // Nobody else has a random secret, so its nonces are younger than it is.
  const madeAt = own.secrets === undefined ? Math.ceil(clock() / 1000) : -Infinity

  function judge(nonce: string, purpose: string, now: number): NonceJudgement {
    if (nonce.length !== length || !nonce.startsWith(mark)) return { verdict: 'foreign' }
    const bytes = Buffer.from(nonce.slice(mark.length), 'base64url')
    if (bytes.length !== macBytes + slotBytes) return { verdict: 'invalid' }
    const slot = bytes.readUInt32BE(0)
    const age = Math.floor(now / lifetime) - slot
    if (age > 1 || age < -1) return { verdict: 'invalid' }
    const maker = secrets.find((secret) => isSame(encode(secret, purpose, slot), nonce))
    if (maker === undefined) return { verdict: 'invalid' }
    // One slot later it is still good.
    const window = { from: Math.max(slot * lifetime, madeAt), until: (slot + 2) * lifetime - 1 }
    return { verdict: age === 0 && maker === minting ? 'current' : 'ageing', window }
  }

  const time = flag('nonce time', own.time)
  return {
    time,
    at(now) {
      return {
        required,
        time,
        mint: (purpose) => encode(minting, purpose, Math.floor(now / lifetime)),
        judge: (nonce, purpose) => judge(nonce, purpose, now),
      }
    },
  }
}

function encodeNonce(secret: Buffer, use: string, slot: number): string {
  const bytes = Buffer.alloc(slotBytes)
  bytes.writeUInt32BE(slot >>> 0)
  const mac = createHmac('sha256', secret).update(bytes).update(use).digest()
  return mark + Buffer.concat([bytes, mac.subarray(0, macBytes)]).toString('base64url')
}

function isSame(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right))
}

function readSecrets(secrets: readonly Uint8Array[]): readonly Buffer[] {
  const valid =
    Array.isArray(secrets) &&
    secrets.length > 0 &&
    secrets.every((secret) => secret instanceof Uint8Array && secret.length === 32)
  if (!valid)
    throw optionError('ERR_POP_OPTION_INVALID', 'nonce secrets must be a list of 32-byte secrets')
  return secrets.map((secret) => Buffer.from(secret))
}
