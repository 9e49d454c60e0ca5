import { subscribe, unsubscribe, type DoneListener } from '../future/listeners.ts'
import type { ResponseFuture } from './response-future.ts'

/** Told that a request under way is done. */
export interface FlightOwner<R> {
  handleLanding(future: ResponseFuture<R>): void
}

/**
 * The requests that one `map` has under way, each knowing its place. A Set of the futures would do, but the tables that a
 * Set has outgrown keep what was in them, and its answers with it, for as long as the old generation is not collected.
 */
export class Flights<R> {
  readonly #owner: FlightOwner<R>
  readonly #flights: Flight<R>[] = []

  constructor(owner: FlightOwner<R>) {
    this.#owner = owner
  }

  get size(): number {
    return this.#flights.length
  }

  /** One that is done already lands at once. */
  add(future: ResponseFuture<R>): void {
    const flight = new Flight(this, future)
    flight.index = this.#flights.push(flight) - 1
    future[subscribe](flight)
  }

  land(flight: Flight<R>): void {
    const last = this.#flights.pop()
    if (last !== undefined && last !== flight) {
      this.#flights[flight.index] = last
      last.index = flight.index
    }
    this.#owner.handleLanding(flight.future)
  }

  /** Lets go of all of them, without hearing of them any more. */
  cancel(reason: unknown): void {
    const flights = this.#flights.splice(0)
    for (const flight of flights) flight.future[unsubscribe](flight)
    for (const flight of flights) flight.future.cancel(reason)
  }
}

class Flight<R> implements DoneListener {
  readonly future: ResponseFuture<R>
  index = -1
  readonly #flights: Flights<R>

  constructor(flights: Flights<R>, future: ResponseFuture<R>) {
    this.#flights = flights
    this.future = future
  }

  get isWait(): boolean {
    return true
  }

  handleDone(): void {
    this.#flights.land(this)
  }
}
