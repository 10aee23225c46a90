/** Who may ask, by identifier: a table, or a function that looks one up. */
export type Registrations<Registration> =
  | Readonly<Record<string, Registration>>
  | ((id: string) => Found<Registration> | Promise<Found<Registration>>)

type Found<Registration> = Registration | null | undefined

/** A confidential client has a secret; a public one has none and can only name itself. */
export type ClientRegistration = (
  | { readonly secret: string; readonly public?: undefined }
  | { readonly secret?: undefined; readonly public: true }
) & {
  /** Whether token requests without a DPoP proof are refused (RFC 9449 section 5.2). */
  readonly dpopBoundAccessTokens?: boolean
  /**
   * Whether tokens are bound to the certificate of the client's connection, and token requests without one are
   * refused (RFC 8705 section 3.4).
   */
  readonly tlsClientCertificateBoundAccessTokens?: boolean
}

export interface ResourceServerRegistration {
  readonly secret: string
  readonly public?: undefined
  /** Its own audience: tokens for others are `active: false` to it. Default: it sees all. */
  readonly audience?: string
}

/** Public is who says so and has no secret; half a registration is nobody's. */
export function isPublic(registration: ClientRegistration): boolean {
  return registration.public === true && registration.secret === undefined
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
  const { secret, public: marked } = registration
  for (const flag of flags)
    if (!['boolean', 'undefined'].includes(typeof registration[flag]))
      throw new TypeError(`${flag} must be true or false`)
  const hasSecret = typeof secret === 'string' && secret !== ''
  if (mayBePublic && marked === true ? secret !== undefined : !hasSecret)
    throw new TypeError(`${where} need a secret${mayBePublic ? ', or public: true' : ''}`)
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false
  return [Object.prototype, null].includes(Object.getPrototypeOf(value) as object | null)
}
