import { HttpException } from '@nestjs/common'
import { PopError } from '@oauth-pop/core'

/**
 * What Nest's exception filters understand. The headers are on the response already; `cause` is the
 * `PopError`. Anything else is a mistake and stays what it is.
 */
export function toHttpException(error: unknown): unknown {
  if (!(error instanceof PopError)) return error
  return new HttpException(error.toJSON(), error.status, { cause: error })
}
