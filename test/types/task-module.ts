// What tests of `taskReference` name: a module of tasks, hooks, an auth function and an initializer.
import type { HookContext, PreparedRequest, Response, SentHookContext, TaskContext } from '../../src/index.ts'

export const version = 5

export class Helper {
  readonly name = 'helper'
}

export function sum(one: number, other: number): number {
  return one + other
}

export async function greet(name: string, isLoud = false): Promise<string> {
  return isLoud ? name.toUpperCase() : name
}

export async function draw(size: number, { signal }: TaskContext): Promise<Uint8Array> {
  return new Uint8Array(signal.aborted ? 0 : size)
}

export default function stop({ signal }: TaskContext): boolean {
  return signal.aborted
}

export function label(text: string, response: Response, { attempt }: SentHookContext): void {
  response.data = `${text} ${attempt}`
}

export const mark = (text: string, response: Response): void => void (response.data = text)

export function report(name: string, error: unknown, { request }: HookContext): void {
  console.error(name, error, request.url)
}

export async function* refresh(
  token: string,
  request: PreparedRequest,
): AsyncGenerator<PreparedRequest, void, Response> {
  request.headers.set('Authorization', token)
  if ((yield request).status === 401) yield request
}

export async function setUp(path?: string): Promise<void> {
  await Promise.resolve(path)
}
