export const bytes = text => new Uint8Array(Buffer.from(text, 'hex'))
export const text = bytes => Buffer.from(bytes).toString('hex')

// Mulberry32: equal seeds give equal sessions.
export class Random {
  constructor (seed) {
    this.state = seed >>> 0
  }

  below (count) {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count
  }

  of (list) {
    return list[this.below(list.length)]
  }
}

export const WORDS = ['river', 'b', ' ', 'delta 🌊', 'é', '😀', 'longer words here', '😁x']
