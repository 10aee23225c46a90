import { Global, Inject, Module, type DynamicModule } from '@nestjs/common'
import { ModulesContainer } from '@nestjs/core'
import { optionsFromEnvironment } from '@oauth-pop/core'
import { createProtection, optionError } from '@oauth-pop/core/node'
import { Gate } from './gate.ts'
import { PopGuard } from './guard.ts'
import {
  ConfigurableModuleClass,
  optionsToken,
  protectionToken,
  type PopModuleOptions,
} from './options.ts'

/**
 * Import it once, in the root module: `PopModule.forRoot(options)` or `forRootAsync`. It is global,
 * and protects nothing by itself: `@UsePoP()` does, or `PopGuard` as `APP_GUARD`. Without options
 * `forRoot` reads the environment: see `optionsFromEnvironment`.
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
export class PopModule extends ConfigurableModuleClass {
  static override forRoot(options: PopModuleOptions = optionsFromEnvironment()): DynamicModule {
    return super.forRoot(options)
  }

  constructor(@Inject(ModulesContainer) modules: ModulesContainer) {
    super()
    const own = [...modules.values()].filter(({ metatype }) => metatype === PopModule)
    if (own.length === 1) return
    throw optionError(
      'ERR_POP_OPTION_INVALID',
      'PopModule is imported with different options: import it once, and protect routes with decorators',
    )
  }
}
