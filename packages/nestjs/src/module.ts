import { Global, Inject, Module, type DynamicModule } from '@nestjs/common'
import { MetadataScanner, ModulesContainer } from '@nestjs/core'
import { optionsFromEnvironment } from '@oauth-pop/core'
import { createProtection, optionError, type Protection } from '@oauth-pop/core/node'
import { Gate } from './gate.ts'
import { PopGuard } from './guard.ts'
import {
  ConfigurableModuleClass,
  optionsToken,
  protectionToken,
  type PopModuleOptions,
} from './options.ts'
import { guardsOf } from './requirements.ts'

/**
 * Import it once, in the root module: `PopModule.forRoot(options)` or `forRootAsync`. It is global,
 * and protects nothing by itself: `@UsePoP()` does, or `PopGuard` as `APP_GUARD`. Without options
 * `forRoot` reads the environment: see `optionsFromEnvironment`.
 *
 * @throws TypeError with `code` for wrong options, and for a requirement that no enabled scheme can
 * satisfy, at start-up
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

  constructor(
    @Inject(ModulesContainer) modules: ModulesContainer,
    @Inject(protectionToken) protection: Protection,
  ) {
    super()
    const all = [...modules.values()]
    if (all.filter(({ metatype }) => metatype === PopModule).length > 1) {
      throw optionError(
        'ERR_POP_OPTION_INVALID',
        'PopModule is imported with different options: import it once, and protect routes with decorators',
      )
    }
    const scanner = new MetadataScanner()
    for (const { metatype } of all.flatMap(({ controllers }) => [...controllers.values()])) {
      if (typeof metatype !== 'function') continue
      const prototype = metatype.prototype as Record<string, object>
      for (const name of scanner.getAllMethodNames(prototype)) {
        const guards = guardsOf(metatype, prototype[name] as object, PopGuard)
        protection.checkGuards(`${metatype.name}.${name}`, guards)
      }
    }
  }
}
