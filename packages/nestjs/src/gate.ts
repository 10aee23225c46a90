import { Inject, Injectable } from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import type { Protection } from '@oauth-pop/core/node'
import { toHttpException } from './exception.ts'
import { protectionToken } from './options.ts'
import { platformOf } from './platform.ts'

/**
 * Nest runs guards after body parsers, too late for a signed body. So verification starts here, in
 * front of the parsers, on every request; what came of it waits for the guard and changes nothing
 * for routes that have none.
 */
@Injectable()
export class Gate {
  constructor(
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(protectionToken) protection: Protection,
  ) {
    // A testing module has its adapter later than its providers.
    host.init$.subscribe(() => {
      const { httpAdapter } = host
      platformOf(httpAdapter)?.install(httpAdapter, async ({ request, response, view }) => {
        if (protection.answerMetadata(request, response, view)) return 'answered'
        try {
          await protection.prepare(request, response, view)
          return 'goes on'
        } catch (error) {
          throw toHttpException(error)
        }
      })
    })
  }
}
