export * from './vectors.ts'
