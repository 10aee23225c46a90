import { PopError, optionError } from '../../errors.ts'
import { oneOf, readOptions } from '../../option-readers.ts'
import { headerLines, type HttpRequest } from '../../request.ts'
import { thumbprintOf, wrongCertificate } from './certificate.ts'
import { readTrust, type HopTrust } from './hop.ts'
import { profiles, type ProxyProfile, type ProxyProfileName } from './profiles.ts'

export interface MtlsProxyOptions {
  /** What the proxy is, so that one header is read and no other; or a function that finds the DER. */
  readonly profile: ProxyProfileName | ((request: HttpRequest) => Uint8Array | undefined)
  /**
   * Who may say so: the proxy's addresses or ranges (`10.0.0.0/8`), `unix-socket`, or a function. Required: anybody
   * can write a header. The proxy must also take the header away from what its clients send.
   */
  readonly trust: HopTrust
}

const longestValue = 16_384

/** @throws TypeError with `code` for wrong options, also for a profile without `trust` */
export function readProxy(options: MtlsProxyOptions): (request: HttpRequest) => string | undefined {
  const { profile, trust } = readOptions('mtls proxy', options, ['profile', 'trust'])
  const isTrusted = readTrust(trust)
  const find = typeof profile === 'function' ? callHook(profile) : readHeader(profileOf(profile))
  return (request) => {
    if (isTrusted(request)) return find(request)
    const actual = `a hop that is not trusted: ${request.peer?.().address ?? 'unknown'}`
    throw new PopError('ERR_POP_CERTIFICATE_MISSING', { member: 'mtls proxy trust', actual })
  }
}

function profileOf(name: unknown): ProxyProfile {
  const names = Object.keys(profiles) as ProxyProfileName[]
  if (name === undefined)
    throw optionError(
      'ERR_POP_OPTION_MISSING',
      `mtls proxy needs a profile: one of ${names.join(', ')}, or a function`,
    )
  return profiles[oneOf('mtls proxy profile', name, names)]
}

function callHook(
  profile: (request: HttpRequest) => Uint8Array | undefined,
): (request: HttpRequest) => string | undefined {
  return (request) => thumbprintOf(profile(request))
}

function readHeader(profile: ProxyProfile): (request: HttpRequest) => string | undefined {
  return (request) => {
    const { verdict } = profile
    const value = onlyLine(request, profile.header)
    const said = verdict && onlyLine(request, verdict.header)
    if (value === undefined || value === '') return undefined
    if (verdict !== undefined && said !== verdict.value)
      throw wrongCertificate(`${verdict.header}: ${verdict.value}`, 'another value, or none')
    return profile.read(value)
  }
}

/** Some servers take `_` for `-`: a second spelling may be a header that the proxy does not take away. */
function onlyLine(request: HttpRequest, name: string): string | undefined {
  const { rawHeaders } = request
  const spellings = rawHeaders.filter((text, index) => index % 2 === 0 && isSpelling(text, name))
  const [value] = headerLines(request, name)
  if (spellings.length > (value === undefined ? 0 : 1))
    throw wrongCertificate(`one ${name}`, 'several, or one with an underscore')
  if (value !== undefined && value.length > longestValue)
    throw wrongCertificate(`at most ${longestValue} characters`, 'more')
  return value
}

function isSpelling(header: string, name: string): boolean {
  return header.length === name.length && header.toLowerCase().replaceAll('_', '-') === name
}
