import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common'
import { HttpAdapterHost } from '@nestjs/core'
import { runGuard, type Protection } from '@oauth-pop/core/node'
import { toHttpException } from './exception.ts'
import { protectionToken } from './options.ts'
import { platformOf } from './platform.ts'
import { protectionOf, type Protected } from './requirements.ts'

/** Nest asks once for the application, the class and the handler each; their requirements are the same. */
const approved = Symbol('oauth-pop.approved')

/**
 * Lets a request pass only with an access token of whose key it proves possession, and with
 * whatever else the class and the handler require. Sets `request.accessToken`. As `APP_GUARD` it
 * protects every route but those with `@AllowUnverified()`.
 *
 * Throws an `HttpException` for a refusal, its headers on the response. GraphQL, WebSocket and RPC
 * handlers are refused (500): there is no HTTP request of their own that a proof could name.
 */
@Injectable()
export class PopGuard implements CanActivate {
  readonly #host: HttpAdapterHost
  readonly #protection: Protection

  constructor(
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(protectionToken) protection: Protection,
  ) {
    this.#host = host
    this.#protection = protection
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const protection = protectionOf(context, PopGuard)
    if (protection === 'exempt') return true
    try {
      await this.#verify(context, protection)
      return true
    } catch (error) {
      throw toHttpException(error)
    }
  }

  async #verify(context: ExecutionContext, { optional, guards }: Protected): Promise<void> {
    const type = context.getType<string>()
    const platform = platformOf(this.#host.httpAdapter)
    if (type !== 'http' || platform === undefined) {
      const evidence = { member: 'context', expected: 'http on Express or Fastify', actual: type }
      throw this.#protection.refuse('ERR_POP_CONTEXT_UNSUPPORTED', evidence)
    }
    const http = context.switchToHttp()
    const own = http.getRequest<{ accessToken?: unknown }>()
    const { request, response, view } = platform.open(own, http.getResponse())
    const marked: typeof request & { [approved]?: unknown } = request
    if (marked[approved] === guards) return
    const route = optional === undefined ? {} : { optional }
    const accessToken = await this.#protection.verify(request, response, view, route)
    // Always: whoever set it before us has verified nothing.
    own.accessToken = accessToken
    for (const guard of guards) await runGuard(guard, request, response)
    marked[approved] = guards
  }
}
