export { run } from './run.ts'
export { visit, type StartApi, type Step } from './visit.ts'
