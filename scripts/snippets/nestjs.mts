// What the blocks for NestJS take from their reader.
import 'reflect-metadata'
export { Body, Catch, Controller, Delete, Get, HttpException, Module, Post } from '@nestjs/common'
export { APP_GUARD } from '@nestjs/core'
export * from '@oauth-pop/nestjs'

export class Photo {}
/** As of `@nestjs/graphql`, which is not installed. */
export const Query =
  (_type: () => readonly unknown[]): MethodDecorator =>
  () => {}

/** PEM of the server. */
export const [cert, key] = new Array<string | undefined>(2)
export class AppModule {}

declare global {
  type ArgumentsHost = import('@nestjs/common').ArgumentsHost
  type ExceptionFilter = import('@nestjs/common').ExceptionFilter
  type HttpException = import('@nestjs/common').HttpException
  type Photo = object
}
