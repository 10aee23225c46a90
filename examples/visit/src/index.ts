export { run } from './run.ts'
export { isAsExpected, visit, type StartApi, type Step } from './visit.ts'
