import { isThumbprint } from './client-key.ts'

/** Who may ask, by identifier: a table, or a function that looks one up. */
export type Registrations<Registration> =
  | Readonly<Record<string, Registration>>
  | ((id: string) => Found<Registration> | Promise<Found<Registration>>)

type Found<Registration> = Registration | null | undefined

/** How a confidential party proves who it is. */
type Credential =
  | { readonly secret: string; readonly certificates?: undefined; readonly public?: undefined }
  | {
      readonly secret?: undefined
      /**
       * The certificates that it may connect with, each as its `x5t#S256`: the SHA-256 of its DER, in base64url. To
       * change a certificate, add the new one, and drop the old one later (RFC 8705 section 2.2).
       */
      readonly certificates: readonly string[]
      readonly public?: undefined
    }

/** A confidential client has a secret or certificates; a public one has neither and can only name itself. */
export type ClientRegistration = (
  | Credential
  | { readonly secret?: undefined; readonly certificates?: undefined; readonly public: true }
) & {
  /** Whether token requests without a DPoP proof are refused (RFC 9449 section 5.2). */
  readonly dpopBoundAccessTokens?: boolean
  /**
   * Whether tokens are bound to the certificate of the client's connection, and token requests without one are
   * refused (RFC 8705 section 3.4).
   */
  readonly tlsClientCertificateBoundAccessTokens?: boolean
}

export type ResourceServerRegistration = Credential & {
  /** Its own audience: tokens for others are `active: false` to it. Default: it sees all. */
  readonly audience?: string
}

type Registration = ClientRegistration | ResourceServerRegistration

/** Public is who says so and has nothing else; half a registration is nobody's. */
export function isPublic({ public: marked, secret, certificates }: Registration): boolean {
  return marked === true && secret === undefined && certificates === undefined
}

/** Whether a party proves who it is by a certificate, and by nothing else. */
export function hasCertificates({ public: marked, secret, certificates }: Registration): boolean {
  return marked !== true && secret === undefined && Array.isArray(certificates)
}

/** Anything but a clear no binds: a registration may come from anywhere. */
export function isSet(flag: unknown): boolean {
  return (flag ?? false) !== false
}

/** Whether a client may be registered so; what a function finds is not known before. */
export function mayBe<Registration>(
  registrations: Registrations<Registration>,
  test: (registration: Registration) => boolean,
): boolean {
  return typeof registrations === 'function' || Object.values(registrations).some(test)
}

/** @throws TypeError for wrong registrations in a table */
export function checkRegistrations(
  where: string,
  registrations: unknown,
  mayBePublic: boolean,
): void {
  if (typeof registrations === 'function') return
  if (!isPlainObject(registrations)) throw new TypeError(`${where} must be an object or a function`)
  for (const registration of Object.values(registrations))
    checkRegistration(where, isPlainObject(registration) ? registration : {}, mayBePublic)
}

const flags = ['dpopBoundAccessTokens', 'tlsClientCertificateBoundAccessTokens']

function checkRegistration(
  where: string,
  registration: Readonly<Record<string, unknown>>,
  mayBePublic: boolean,
): void {
  const { secret, certificates, public: marked } = registration
  for (const flag of flags)
    if (!['boolean', 'undefined'].includes(typeof registration[flag]))
      throw new TypeError(`${flag} must be true or false`)
  const given = [secret, certificates].filter((one) => one !== undefined)
  const isRight =
    mayBePublic && marked === true
      ? given.length === 0
      : given.length === 1 && (isSecret(secret) || isThumbprints(certificates))
  if (!isRight)
    throw new TypeError(
      `${where} need either a secret or certificates${mayBePublic ? ', or public: true' : ''}`,
    )
}

function isSecret(secret: unknown): boolean {
  return typeof secret === 'string' && secret !== ''
}

function isThumbprints(certificates: unknown): boolean {
  return Array.isArray(certificates) && certificates.length > 0 && certificates.every(isThumbprint)
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  return [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
}
