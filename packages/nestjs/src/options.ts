import { ConfigurableModuleBuilder } from '@nestjs/common'
import type { AdapterOptions } from '@oauth-pop/core/node'

export type PopModuleOptions = AdapterOptions

/** `forRoot` and `forRootAsync`, the latter with `useFactory`, `useClass` or `useExisting`. */
export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN: optionsToken } =
  new ConfigurableModuleBuilder<PopModuleOptions>({ moduleName: 'OAuthPop' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createPopOptions')
    .build()

/** What provides the one `Protection` of the application. */
export const protectionToken: unique symbol = Symbol('oauth-pop.protection')
