import { Global, Module } from '@nestjs/common'
import { createProtection } from '@oauth-pop/core/node'
import { Gate } from './gate.ts'
import { PopGuard } from './guard.ts'
import { ConfigurableModuleClass, optionsToken, protectionToken } from './options.ts'

/**
 * Import it once, in the root module: `PopModule.forRoot(options)` or `forRootAsync`. It is global,
 * and protects nothing by itself: `@UsePoP()` does, or `PopGuard` as `APP_GUARD`.
 *
 * @throws TypeError with `code` for wrong options, at start-up
 */
@Global()
@Module({
  providers: [
    { provide: protectionToken, useFactory: createProtection, inject: [optionsToken] },
    Gate,
    PopGuard,
  ],
  exports: [protectionToken, PopGuard],
})
export class PopModule extends ConfigurableModuleClass {}
