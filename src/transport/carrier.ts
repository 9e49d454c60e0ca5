import type { HttpVersion } from './exchange.ts'
import type { ExchangeHandler } from './exchange-handler.ts'
import type { ReadTimer } from './read-timer.ts'
import type { Upload } from './upload.ts'

/** What a body is for undici. */
export type OpenBody = string | Uint8Array | Upload | undefined

/** Where an exchange runs: on a connection of ours, or on a dispatcher of the caller's. It has one exchange at a time. */
export interface Carrier {
  readonly timer: ReadTimer
  /** What it speaks, if that is known. */
  readonly httpVersion: HttpVersion | undefined
  /** How its connection has ended, if not by FIN. */
  readonly loss: Error | undefined
  /** The server has not looked at the exchange, which has failed and can be sent again, whatever its method. */
  readonly isUnseen: boolean
  /** Hands the exchange to undici. Throws what undici throws. */
  dispatch(exchange: ExchangeHandler, body: OpenBody): void
  /** The exchange is being written from now on. */
  handleStart(): void
  /** The read timeout has passed. @returns whether the exchange fails with what is wrong with the connection, instead */
  handleSilence?(): boolean
  /** Nothing was written yet, and nothing is to be. */
  giveUp(): void
  /** The exchange is over, and another may follow if the socket is still good. */
  release(): void
  /** The exchange ended in the middle: nothing can follow. */
  discard(): void
  /** A fresh one to the same place, where the exchange can't be blamed for its error. */
  renew(error: Error): Carrier | undefined
}
